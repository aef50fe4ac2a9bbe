"""What GitHub's refusals mean, and what to do about each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from json import JSONDecodeError
from typing import Any

from github import BadAttributeException, GithubException

from bot.forges._refusal import (
    FORBIDDEN,
    NOT_FOUND,
    SERVER_ERROR,
    TOO_MANY,
    RefusedError,
    explain_limit,
    seconds_until,
)
from bot.net import cause_of, plain

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
"""Permissions as the settings of an App or of a fine-grained token call them, `statuses` being commit statuses there.

https://docs.github.com/en/rest/authentication/permissions-required-for-fine-grained-personal-access-tokens
"""

SECONDARY_WAIT = 60.0
"""Seconds to wait where a secondary limit does not say how long: what GitHub's documentation asks for.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

_LIMITED = re.compile(r"rate limit|abuse detection|wait a few minutes|retry your request again later", re.IGNORECASE)
_GRAPHQL_STATUSES = {"FORBIDDEN": FORBIDDEN, "NOT_FOUND": NOT_FOUND, "RATE_LIMITED": TOO_MANY}
"""What an answer 200 of GraphQL would have been in REST."""


ODD = (BadAttributeException, AttributeError, KeyError, TypeError)
"""What PyGithub raises when an answer has another shape than GitHub's: a redirect to a login, somebody else's JSON."""


@contextmanager
def understood(name: str) -> Iterator[None]:
    """Turn an answer that is none of GitHub's into a RefusedError, wherever its parts are read."""
    try:
        yield
    except ODD as error:
        what = f"what was answered for {name} is not what GitHub answers; check the URL of its API"
        raise RefusedError(what, status=None) from error


def explain(error: Exception, action: str, needs: str, *, secret: str | None, now: datetime) -> RefusedError:
    """Return what `error`, raised while GitHub was asked to do `action`, means; `needs` is the permission for it."""
    if not isinstance(error, GithubException):
        what = (
            f"GitHub could not be asked to {action}: {_reason(error, secret)}; check the network and the URL of its API"
        )
        return RefusedError(what, status=None)
    headers = {name.lower(): str(value) for name, value in (error.headers or {}).items()}
    status = _status(error)
    words = plain("; ".join(_messages(error)), [secret or ""])
    wait = _wait(status, words, headers, now)
    if wait is not None:
        meaning = explain_limit(wait, now)
    else:
        permission = headers.get("x-accepted-github-permissions", "").replace("=", ": ") or needs
        meaning = _meaning(status, words, plain(permission))
    return RefusedError(f"GitHub refused to {action}: {meaning}", status=status, words=words, wait=wait)


def _reason(error: Exception, secret: str | None) -> str:
    """Say why there is no answer of GitHub's: of what `requests` says only the cause, since it may quote a header."""
    if isinstance(error, (*ODD, JSONDecodeError)):
        return "its answer is not GitHub's"
    return cause_of(error)[0] if isinstance(error, OSError) else plain(str(error), [secret or ""])


def _meaning(status: int, words: str, needs: str) -> str:
    match status:
        case 401:
            return "it does not know the token; make a new one and set the variable that `token_env` names to it"
        case 403 if "is not permitted to create or approve pull requests" in words:
            return (
                "the token of GitHub Actions may not open pull requests here; let it in the settings under Actions, by "
                '"Allow GitHub Actions to create and approve pull requests", or use the token of an App'
            )
        case 403 if "archived" in words:
            return "the repository is archived; unarchive it, or remove it from the config"
        case 403 if "SAML" in words or "SSO" in words:
            return f"{words}; let the token in by authorizing it for the organization's single sign-on"
        case 403:
            return f"{words or 'forbidden'}; give the token the permission `{needs}`"
        case 404:
            return f"there is no such thing, or the token may not see it; check the name, and give it `{needs}`"
        case 410:
            return f"{words or 'it is gone'}; let the feature be on in the settings of the repository"
        case _ if status >= SERVER_ERROR:
            return f"it failed with status {status}; run basebump again later"
    return words or f"it answered with status {status}"


def _status(error: GithubException) -> int:
    for problem in _problems(error):
        status = _GRAPHQL_STATUSES.get(str(problem.get("type", "")))
        if status is not None:
            return status
    return error.status


def _messages(error: GithubException) -> Iterator[str]:
    """Yield what GitHub says, the details of a 422 included.

    https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
    """
    if isinstance(error.data, Mapping) and isinstance(error.data.get("message"), str):
        yield error.data["message"]
    for problem in _problems(error):
        if problem.get("message"):
            yield str(problem["message"])
        elif problem.get("code"):
            yield " ".join(str(problem[key]) for key in ("resource", "field", "code") if problem.get(key))


def _problems(error: GithubException) -> list[Mapping[str, Any]]:
    listed = error.data.get("errors") if isinstance(error.data, Mapping) else None
    return [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []


def _wait(status: int, words: str, headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how long a rate limit lasts, None where it was none that refused."""
    if status not in (FORBIDDEN, TOO_MANY):
        return None
    after = headers.get("retry-after", "")
    if after.isdecimal():
        return float(after)
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        return seconds_until(reset, now)
    return SECONDARY_WAIT if status == TOO_MANY or _LIMITED.search(words) else None
