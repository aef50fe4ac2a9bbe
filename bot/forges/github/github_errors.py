"""The errors of GitHub and PyGithub, and their meanings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from github import BadAttributeException, GithubException

from bot.forges.hosted.refusal import (
    FORBIDDEN,
    INVALID_TOKEN_MEANING,
    NOT_FOUND,
    NOT_FOUND_MEANING,
    TOO_MANY,
    RateLimitRule,
    RefusalMeaning,
    RefusedAnswer,
    RefusedError,
    ServerErrors,
    index_headers,
)
from bot.net import HttpError, sanitize_text

CONTENTS_READ = "contents: read"
CONTENTS_WRITE = "contents: write"
WORKFLOWS_WRITE = "workflows: write"
ADMINISTRATION_READ = "administration: read"
PULLS_READ = "pull requests: read"
PULLS_WRITE = "pull requests: write"
MERGE_WRITE = f"{CONTENTS_WRITE}, {PULLS_WRITE}"
STATUSES_WRITE = "statuses: write"
ACTIONS_WRITE = "actions: write"
CHECKS_READ = "checks: read, statuses: read"
ISSUES_READ = "issues: read"
ISSUES_WRITE = "issues: write"
METADATA_READ = "metadata: read"
"""Permissions as the settings of Apps and fine-grained tokens name them, except that `statuses` is called "Commit
statuses" there.
https://docs.github.com/en/rest/authentication/permissions-required-for-fine-grained-personal-access-tokens"""

SECONDARY_WAIT = 60.0
"""Seconds to wait if no header states when a secondary rate limit ends. GitHub's documentation recommends this time.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

_LIMITED = re.compile(r"rate limit|abuse detection|wait a few minutes|retry your request again later", re.IGNORECASE)
_GRAPHQL_STATUSES = {"FORBIDDEN": FORBIDDEN, "NOT_FOUND": NOT_FOUND, "RATE_LIMITED": TOO_MANY}
"""The HTTP statuses that correspond to the error types of GraphQL. The response with such an error has status 200."""

GITHUB_ERRORS = ServerErrors(
    server="GitHub",
    url_name="the URL of the API",
    malformed_answer_errors=(BadAttributeException, AttributeError, KeyError, TypeError),
    client_errors=(
        AssertionError,  # PyGithub refuses to follow a link to another host
        RuntimeError,  # PyGithub refuses to follow a redirect to another host
        HttpError,
        ValueError,  # the response is not JSON
    ),
    rate_limit=RateLimitRule(
        statuses=frozenset({FORBIDDEN, TOO_MANY}),
        reset_header="x-ratelimit-reset",
        remaining_header="x-ratelimit-remaining",
        default_wait=SECONDARY_WAIT,
        phrase=_LIMITED,
    ),
    meanings=(
        INVALID_TOKEN_MEANING,
        RefusalMeaning(
            {FORBIDDEN},
            "the token of GitHub Actions is not allowed to open pull requests here; hint: enable "
            '"Allow GitHub Actions to create and approve pull requests" in the settings under Actions, or use the '
            "token of an App",
            phrases=("is not permitted to create or approve pull requests",),
        ),
        RefusalMeaning(
            {FORBIDDEN},
            "the repository is archived; hint: unarchive it, or remove it from the config",
            phrases=("archived",),
        ),
        RefusalMeaning(
            {FORBIDDEN},
            "{message}; hint: authorize the token for the organization's single sign-on",
            phrases=("SAML", "SSO"),
        ),
        RefusalMeaning({FORBIDDEN}, "{message}; hint: give the token {permission}", default_message="forbidden"),
        NOT_FOUND_MEANING,
        RefusalMeaning(
            {410},
            "{message}; hint: enable the feature in the settings of the repository",
            default_message="the feature is gone",
        ),
    ),
)


def translate_errors(name: str) -> AbstractContextManager[None]:
    """Convert exceptions to RefusedError while the code in the `with` block parses a response of the server.

    Such exceptions occur if the response has an unexpected form, for example because the URL belongs to another kind of
    server. `name` is the repository or owner that the message names.
    """
    return GITHUB_ERRORS.translate(name)


def explain_error(error: Exception, action: str, permission: str, *, secret: str | None, now: datetime) -> RefusedError:
    """Convert an exception of PyGithub to a RefusedError, whose message has the reason and a hint.

    Args:
        error: The exception.
        action: A description of the request for the message, such as `read the label security`.
        permission: The permission to name in the hint if GitHub's response names no permissions.
        secret: The token, which is removed from the message.
        now: The current time.
    """
    if not isinstance(error, GithubException):
        return GITHUB_ERRORS.explain_missing_answer(error, action, secret)
    headers = index_headers(error.headers or {})
    accepted_permission = sanitize_text(headers.get("x-accepted-github-permissions", ""), [secret or ""])
    answer = RefusedAnswer(_get_status(error), list(_list_messages(error)), headers)
    permission_phrase = f"the permission `{accepted_permission.replace('=', ': ') or permission}`"
    return GITHUB_ERRORS.explain_refusal(answer, action, permission_phrase, secret=secret, now=now)


def _get_status(error: GithubException) -> int:
    for problem in _get_problems(error):
        status = _GRAPHQL_STATUSES.get(str(problem.get("type", "")))
        if status is not None:
            return status
    return error.status


def _list_messages(error: GithubException) -> Iterator[str]:
    """Yield the messages in GitHub's response.

    If the status is 422, the response has a general message, and a message for each invalid field.

    https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
    """
    if isinstance(error.data, Mapping) and isinstance(error.data.get("message"), str):
        yield error.data["message"]
    for problem in _get_problems(error):
        if problem.get("message"):
            yield str(problem["message"])
        elif problem.get("code"):
            yield " ".join(str(problem[key]) for key in ("resource", "field", "code") if problem.get(key))


def _get_problems(error: GithubException) -> list[Mapping[str, Any]]:
    listed = error.data.get("errors") if isinstance(error.data, Mapping) else None
    return [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
