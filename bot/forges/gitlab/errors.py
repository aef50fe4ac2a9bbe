"""What GitLab's refusals mean, and what to do about each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from json import JSONDecodeError

from gitlab.exceptions import GitlabError

from bot.forges._refusal import SERVER_ERROR, TOO_MANY, RefusedError, explain_limit, seconds_until
from bot.net import HttpError, cause_of, plain

READ = "the scope `read_api` and the role Reporter"
WRITE = "the scope `api` and the role Developer"
"""What a token needs: https://docs.gitlab.com/user/permissions/#project-members-permissions."""

LIMIT_WAIT = 60.0
"""Seconds to wait where a limit does not say how long: GitLab counts most by the minute.

https://docs.gitlab.com/security/rate_limits/
"""

_REDIRECT = range(300, 400)

ODD = (AttributeError, KeyError, TypeError, IndexError)
"""What comes of an answer that has another shape than GitLab's: somebody else's JSON, or none."""


@contextmanager
def understood(name: str) -> Iterator[None]:
    """Turn an answer that is none of GitLab's into a RefusedError, wherever its parts are read."""
    try:
        yield
    except ODD as error:
        what = f"what was answered for {name} is not what GitLab answers; check the URL"
        raise RefusedError(what, status=None) from error


def explain(
    error: Exception, action: str, needs: str, headers: Mapping[str, str], *, secret: str | None, now: datetime
) -> RefusedError:
    """Return what `error`, raised while GitLab was asked to do `action`, means.

    `needs` is what a token must have for it, `headers` are those of the last answer.
    """
    status = error.response_code if isinstance(error, GitlabError) else None
    if status is None:
        what = f"GitLab could not be asked to {action}: {_reason(error, secret)}; check the network and the URL"
        return RefusedError(what, status=None)
    words = plain("; ".join(_words(error)), [secret or ""])
    wait = _wait(status, headers, now)
    meaning = explain_limit(wait, now) if wait is not None else _meaning(status, words, needs)
    return RefusedError(f"GitLab refused to {action}: {meaning}", status=status, words=words, wait=wait)


def _reason(error: Exception, secret: str | None) -> str:
    """Say why there is no answer of GitLab's: of what `requests` says only the cause, since it may quote a header."""
    match error:
        case HttpError():
            return plain(str(error), [secret or ""])
        case JSONDecodeError():
            return "its answer is not GitLab's"
        case OSError():
            return cause_of(error)[0]
    return "its answer is not GitLab's"


def _meaning(status: int, words: str, needs: str) -> str:
    match status:
        case 401:
            return "it does not know the token; make a new one and set the variable that `token_env` names to it"
        case 403:
            return f"{words or 'forbidden'}; give the token {needs}, and remove a project that is archived"
        case 404:
            return f"there is no such thing, or the token may not see it; check the name, and give it {needs}"
        case 405:
            return f"{words or 'not allowed'}; if the project has moved, write its new path in the config"
        case _ if status in _REDIRECT:
            return "it has moved to another address; write that in the config"
        case _ if status >= SERVER_ERROR:
            return f"it failed with status {status}; run basebump again later"
        case _ if "not allowed to push" in words:
            return f"{words}; let the token push there in the settings of protected branches, and give it {needs}"
    return words or f"it answered with status {status}"


def _words(error: Exception) -> Iterator[str]:
    """Yield what GitLab says: a text, a list of them, or texts by field; sometimes under `error` alone.

    https://docs.gitlab.com/api/rest/troubleshooting/#status-code-400
    """
    body = getattr(error, "response_body", None)
    try:
        answer = json.loads(body or b"")
    except ValueError:
        return
    if isinstance(answer, dict):
        for key in ("message", "error", "error_description"):
            yield from _texts(answer.get(key))


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for each in value:
                yield from _texts(each)
        case dict():
            for key, inner in value.items():
                yield f"{key} {', '.join(_texts(inner))}"


def _wait(status: int, headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how long a rate limit lasts, None where it was none that refused."""
    if status != TOO_MANY:
        return None
    after, reset = headers.get("retry-after", ""), headers.get("ratelimit-reset", "")
    if after.isdecimal():
        return float(after)
    if reset.isdecimal():
        return seconds_until(reset, now)
    return LIMIT_WAIT
