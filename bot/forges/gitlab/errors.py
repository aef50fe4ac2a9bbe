"""Translate errors of GitLab and python-gitlab into messages that say what they mean and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from json import JSONDecodeError

from gitlab.exceptions import GitlabError

from bot.forges.hosted.refusal import SERVER_ERROR, TOO_MANY, RefusedError, compute_reset_wait, explain_limit
from bot.net import HttpError, describe_cause, sanitize_text

READ_ACCESS = "the scope `read_api` and the role Reporter"
WRITE_ACCESS = "the scope `api` and the role Developer"
"""The rights that a token needs: https://docs.gitlab.com/user/permissions/#project-members-permissions."""

DEFAULT_WAIT = 60.0
"""Seconds to wait if a rate limit does not say how long: GitLab counts most limits by the minute.

https://docs.gitlab.com/security/rate_limits/
"""

_REDIRECT = range(300, 400)

MALFORMED_ANSWER_ERRORS = (AttributeError, KeyError, TypeError, IndexError)
"""Errors from reading an answer that is not shaped like GitLab's, such as JSON of another server."""


@contextmanager
def translate_errors(name: str) -> Iterator[None]:
    """Translate errors from reading an answer that is not shaped like GitLab's into RefusedError."""
    try:
        yield
    except MALFORMED_ANSWER_ERRORS as error:
        message = f"{name}: the answer is not shaped like GitLab's; hint: check the URL"
        raise RefusedError(message, status=None) from error


def explain_error(
    error: Exception, action: str, permission: str, headers: Mapping[str, str], *, secret: str | None, now: datetime
) -> RefusedError:
    """Translate an error that was raised while GitLab was asked to do `action`, which takes `permission`.

    `headers` are those of the last answer.
    """
    status = error.response_code if isinstance(error, GitlabError) else None
    if status is None:
        message = (
            f"GitLab could not be asked to {action}: {_explain_no_answer(error, secret)}; "
            "hint: check the network and the URL"
        )
        return RefusedError(message, status=None)
    server_message = sanitize_text("; ".join(_list_messages(error)), [secret or ""])
    retry_after = _compute_wait(status, headers, now)
    meaning = (
        explain_limit(retry_after, now)
        if retry_after is not None
        else _explain_status(status, server_message, permission)
    )
    return RefusedError(
        f"GitLab refused to {action}: {meaning}", status=status, server_message=server_message, retry_after=retry_after
    )


def _explain_no_answer(error: Exception, secret: str | None) -> str:
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


def _explain_status(status: int, server_message: str, permission: str) -> str:
    match status:
        case 401:
            return "it does not accept the token; hint: create a new token and set the variable of `token_env` to it"
        case 403:
            return (
                f"{server_message or 'forbidden'}; "
                f"hint: give the token {permission}, and remove archived projects from the config"
            )
        case 404:
            return (
                f"it does not exist, or the token may not see it; hint: check the name, and give the token {permission}"
            )
        case 405:
            return (
                f"{server_message or 'not allowed'}; hint: if the project has moved, write its new path in the config"
            )
        case _ if status in _REDIRECT:
            return "it has moved to another address; hint: write the new address in the config"
        case _ if status >= SERVER_ERROR:
            return f"it failed with status {status}; hint: rerun basebump later"
        case _ if "not allowed to push" in server_message:
            return (
                f"{server_message}; "
                f"hint: allow the token to push there in the protected branches settings, and give it {permission}"
            )
    return server_message or f"it answered with status {status}"


def _list_messages(error: Exception) -> Iterator[str]:
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
            yield from _flatten_texts(answer.get(key))


def _flatten_texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for each in value:
                yield from _flatten_texts(each)
        case dict():
            for key, inner in value.items():
                yield f"{key} {', '.join(_flatten_texts(inner))}"


def _compute_wait(status: int, headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how many seconds a rate limit lasts; None if the refusal was not a rate limit."""
    if status != TOO_MANY:
        return None
    retry_after, reset = headers.get("retry-after", ""), headers.get("ratelimit-reset", "")
    if retry_after.isdecimal():
        return float(retry_after)
    if reset.isdecimal():
        return compute_reset_wait(reset, now)
    return DEFAULT_WAIT
