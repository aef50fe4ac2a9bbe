"""Translate errors of GitHub and PyGithub into messages that say what they mean and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from json import JSONDecodeError
from typing import Any

from github import BadAttributeException, GithubException

from bot.forges.hosted.refusal import (
    FORBIDDEN,
    NOT_FOUND,
    SERVER_ERROR,
    TOO_MANY,
    RefusedError,
    compute_reset_wait,
    explain_limit,
)
from bot.net import describe_cause, sanitize_text

CONTENTS_READ = "contents: read"
CONTENTS_WRITE = "contents: write"
WORKFLOWS_WRITE = "workflows: write"
ADMINISTRATION_READ = "administration: read"
PULLS_READ = "pull requests: read"
PULLS_WRITE = "pull requests: write"
MERGE_WRITE = f"{CONTENTS_WRITE}, {PULLS_WRITE}"
STATUSES_WRITE = "statuses: write"
ACTIONS_WRITE = "actions: write"
ISSUES_READ = "issues: read"
ISSUES_WRITE = "issues: write"
METADATA_READ = "metadata: read"
"""Permissions as named in the settings of Apps and fine-grained tokens; `statuses` is called commit statuses there.

https://docs.github.com/en/rest/authentication/permissions-required-for-fine-grained-personal-access-tokens
"""

SECONDARY_WAIT = 60.0
"""Seconds to wait if a secondary rate limit does not say how long; GitHub's documentation recommends this time.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

_LIMITED = re.compile(r"rate limit|abuse detection|wait a few minutes|retry your request again later", re.IGNORECASE)
_GRAPHQL_STATUSES = {"FORBIDDEN": FORBIDDEN, "NOT_FOUND": NOT_FOUND, "RATE_LIMITED": TOO_MANY}
"""HTTP statuses for the error types that GraphQL reports in an answer with status 200."""


MALFORMED_ANSWER_ERRORS = (BadAttributeException, AttributeError, KeyError, TypeError)
"""Errors of PyGithub for an answer that is not shaped like GitHub's: a redirect to a login, JSON of another server."""


@contextmanager
def translate_errors(name: str) -> Iterator[None]:
    """Translate errors from reading an answer that is not shaped like GitHub's into RefusedError."""
    try:
        yield
    except MALFORMED_ANSWER_ERRORS as error:
        message = f"{name}: the answer is not shaped like GitHub's; hint: check the URL of the API"
        raise RefusedError(message, status=None) from error


def explain_error(error: Exception, action: str, permission: str, *, secret: str | None, now: datetime) -> RefusedError:
    """Translate an error that was raised while GitHub was asked to do `action`, which takes `accepted_permission`."""
    if not isinstance(error, GithubException):
        message = (
            f"GitHub could not be asked to {action}: {_explain_no_answer(error, secret)}; "
            "hint: check the network and the URL of the API"
        )
        return RefusedError(message, status=None)
    headers = {name.lower(): str(value) for name, value in (error.headers or {}).items()}
    status = _get_status(error)
    server_message = sanitize_text("; ".join(_list_messages(error)), [secret or ""])
    retry_after = _compute_wait(status, server_message, headers, now)
    if retry_after is not None:
        meaning = explain_limit(retry_after, now)
    else:
        accepted_permission = headers.get("x-accepted-github-permissions", "").replace("=", ": ") or permission
        meaning = _explain_status(status, server_message, sanitize_text(accepted_permission))
    return RefusedError(
        f"GitHub refused to {action}: {meaning}", status=status, server_message=server_message, retry_after=retry_after
    )


def _explain_no_answer(error: Exception, secret: str | None) -> str:
    """Describe why there is no answer of GitHub's.

    Of an error of `requests` only the cause is used, since the rest may quote a header.
    """
    if isinstance(error, (*MALFORMED_ANSWER_ERRORS, JSONDecodeError)):
        return "its answer is not GitHub's"
    return describe_cause(error)[0] if isinstance(error, OSError) else sanitize_text(str(error), [secret or ""])


def _explain_status(status: int, server_message: str, permission: str) -> str:
    match status:
        case 401:
            return "it does not accept the token; hint: create a new token and set the variable of `token_env` to it"
        case 403 if "is not permitted to create or approve pull requests" in server_message:
            return (
                "the token of GitHub Actions may not open pull requests here; hint: enable "
                '"Allow GitHub Actions to create and approve pull requests" in the settings under Actions, or use the '
                "token of an App"
            )
        case 403 if "archived" in server_message:
            return "the repository is archived; hint: unarchive it, or remove it from the config"
        case 403 if "SAML" in server_message or "SSO" in server_message:
            return f"{server_message}; hint: authorize the token for the organization's single sign-on"
        case 403:
            return f"{server_message or 'forbidden'}; hint: give the token the permission `{permission}`"
        case 404:
            return (
                "it does not exist, or the token may not see it; "
                f"hint: check the name, and give the token the permission `{permission}`"
            )
        case 410:
            return (
                f"{server_message or 'the feature is gone'}; hint: enable the feature in the settings of the repository"
            )
        case _ if status >= SERVER_ERROR:
            return f"it failed with status {status}; hint: rerun basebump later"
    return server_message or f"it answered with status {status}"


def _get_status(error: GithubException) -> int:
    for problem in _get_problems(error):
        status = _GRAPHQL_STATUSES.get(str(problem.get("type", "")))
        if status is not None:
            return status
    return error.status


def _list_messages(error: GithubException) -> Iterator[str]:
    """Yield the messages of GitHub's answer, including the details of a 422.

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


def _compute_wait(status: int, server_message: str, headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how many seconds a rate limit lasts; None if the refusal was not a rate limit."""
    if status not in (FORBIDDEN, TOO_MANY):
        return None
    retry_after = headers.get("retry-after", "")
    if retry_after.isdecimal():
        return float(retry_after)
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        return compute_reset_wait(reset, now)
    return SECONDARY_WAIT if status == TOO_MANY or _LIMITED.search(server_message) else None
