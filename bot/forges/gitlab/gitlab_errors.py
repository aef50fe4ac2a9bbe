"""The errors of GitLab and python-gitlab, and their meanings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime

from gitlab.exceptions import GitlabError

from bot.forges.hosted.refusal import (
    FORBIDDEN,
    INVALID_TOKEN_MEANING,
    NOT_ALLOWED,
    NOT_FOUND_MEANING,
    SERVER_ERROR,
    TOO_MANY,
    RateLimitRule,
    RefusalMeaning,
    RefusedAnswer,
    RefusedError,
    ServerErrors,
)

READ_ACCESS = "the scope `read_api` and the role Reporter"
WRITE_ACCESS = "the scope `api` and the role Developer"
"""The rights that a token needs to read and to write:
https://docs.gitlab.com/user/permissions/#project-members-permissions."""

DEFAULT_WAIT = 60.0
"""Seconds to wait if no header states when a rate limit ends. Most of GitLab's limits count the requests per minute.
https://docs.gitlab.com/security/rate_limits/"""

GITLAB_ERRORS = ServerErrors(
    server="GitLab",
    url_name="the URL",
    rate_limit=RateLimitRule(frozenset({TOO_MANY}), reset_header="ratelimit-reset", default_wait=DEFAULT_WAIT),
    meanings=(
        INVALID_TOKEN_MEANING,
        RefusalMeaning(
            {FORBIDDEN},
            "{message}; hint: give the token {permission}, and remove archived projects from the config",
            default_message="forbidden",
        ),
        NOT_FOUND_MEANING,
        RefusalMeaning(
            {NOT_ALLOWED},
            "{message}; hint: if the project has moved, write its new path in the config",
            default_message="not allowed",
        ),
        RefusalMeaning(range(300, 400), "it has moved to another URL; hint: write the new URL in the config"),
        RefusalMeaning(
            range(SERVER_ERROR),
            "{message}; hint: allow the token to push there in the protected branches settings, and give it "
            "{permission}",
            phrases=("not allowed to push",),
        ),
    ),
)


def translate_errors(name: str) -> AbstractContextManager[None]:
    """Convert exceptions to RefusedError while the code in the `with` block parses a response of the server.

    Such exceptions occur if the response has an unexpected form, for example because the URL belongs to another kind of
    server. `name` is the project or owner that the message names.
    """
    return GITLAB_ERRORS.translate(name)


def explain_error(
    error: Exception, action: str, permission: str, headers: Mapping[str, str], *, secret: str | None, now: datetime
) -> RefusedError:
    """Convert an exception of python-gitlab to a RefusedError, whose message has the reason and a hint.

    Args:
        error: The exception.
        action: A description of the API call for the message, such as `list the milestones`.
        permission: The scope and role that the request requires, for the hint.
        headers: The headers of the server's last response. Their names are in lower case.
        secret: The token, which is removed from the message.
        now: The current time.
    """
    status = error.response_code if isinstance(error, GitlabError) else None
    if status is None:
        return GITLAB_ERRORS.explain_missing_answer(error, action, secret)
    answer = RefusedAnswer(status, list(_list_messages(error)), headers)
    return GITLAB_ERRORS.explain_refusal(answer, action, permission, secret=secret, now=now)


def _list_messages(error: Exception) -> Iterator[str]:
    """Yield the messages in GitLab's response.

    The response contains a text, a list of texts, or an object with texts for each invalid field.

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
