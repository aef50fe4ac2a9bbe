"""Translate errors of GitLab and python-gitlab into messages that say what they mean and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from json import JSONDecodeError

from gitlab.exceptions import GitlabError

from bot.forges._refusal import SERVER_ERROR, TOO_MANY, RefusedError, explain_limit, seconds_until
from bot.net import HttpError, describe_cause, sanitize_text

READ = "the scope `read_api` and the role Reporter"
WRITE = "the scope `api` and the role Developer"
"""The rights that a token needs: https://docs.gitlab.com/user/permissions/#project-members-permissions."""

LIMIT_WAIT = 60.0
"""Seconds to wait if a rate limit does not say how long: GitLab counts most limits by the minute.

https://docs.gitlab.com/security/rate_limits/
"""

_REDIRECT = range(300, 400)

ODD = (AttributeError, KeyError, TypeError, IndexError)
"""Errors from reading an answer that is not shaped like GitLab's, such as JSON of another server."""


@contextmanager
def understood(name: str) -> Iterator[None]:
    """Translate errors from reading an answer that is not shaped like GitLab's into RefusedError."""
    try:
        yield
    except ODD as error:
        what = f"{name}: the answer is not shaped like GitLab's; hint: check the URL"
        raise RefusedError(what, status=None) from error


def explain(
    error: Exception, action: str, needs: str, headers: Mapping[str, str], *, secret: str | None, now: datetime
) -> RefusedError:
    """Translate an error that was raised while GitLab was asked to do `action`, which takes `permission`.

    `headers` are those of the last answer.
    """
    status = error.response_code if isinstance(error, GitlabError) else None
    if status is None:
        what = f"GitLab could not be asked to {action}: {_reason(error, secret)}; hint: check the network and the URL"
        return RefusedError(what, status=None)
    words = sanitize_text("; ".join(_words(error)), [secret or ""])
    wait = _wait(status, headers, now)
    meaning = explain_limit(wait, now) if wait is not None else _meaning(status, words, needs)
    return RefusedError(f"GitLab refused to {action}: {meaning}", status=status, words=words, wait=wait)


def _reason(error: Exception, secret: str | None) -> str:
    """Describe why there is no answer of GitLab's.

    Of an error of `requests` only the cause is used, since the rest may quote a header.
    """
    match error:
        case HttpError():
            return sanitize_text(str(error), [secret or ""])
        case JSONDecodeError():
            return "its answer is not GitLab's"
        case OSError():
            return describe_cause(error)[0]
    return "its answer is not GitLab's"


def _meaning(status: int, words: str, needs: str) -> str:
    match status:
        case 401:
            return "it does not accept the token; hint: create a new token and set the variable of `token_env` to it"
        case 403:
            return f"{words or 'forbidden'}; hint: give the token {needs}, and remove archived projects from the config"
        case 404:
            return f"it does not exist, or the token may not see it; hint: check the name, and give the token {needs}"
        case 405:
            return f"{words or 'not allowed'}; hint: if the project has moved, write its new path in the config"
        case _ if status in _REDIRECT:
            return "it has moved to another address; hint: write the new address in the config"
        case _ if status >= SERVER_ERROR:
            return f"it failed with status {status}; hint: rerun basebump later"
        case _ if "not allowed to push" in words:
            return (
                f"{words}; hint: allow the token to push there in the protected branches settings, and give it {needs}"
            )
    return words or f"it answered with status {status}"


def _words(error: Exception) -> Iterator[str]:
    """Yield the messages of GitLab's answer: a text, a list of texts, or texts by field; sometimes only `error`.

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
    """Return how many seconds a rate limit lasts; None if the refusal was not a rate limit."""
    if status != TOO_MANY:
        return None
    after, reset = headers.get("retry-after", ""), headers.get("ratelimit-reset", "")
    if after.isdecimal():
        return float(after)
    if reset.isdecimal():
        return seconds_until(reset, now)
    return LIMIT_WAIT
