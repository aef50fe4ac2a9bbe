"""The errors of Azure DevOps, and their meanings.

Azure DevOps reports an error as JSON with a message, which usually begins with a code such as TF401027, and with the
name of an exception. Not every refusal has an error status: an expired token may be answered with status 203 and a page
for signing in.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime

from bot.forges.hosted.refusal import (
    CONFLICT,
    FORBIDDEN,
    NOT_FOUND,
    SERVER_ERROR,
    TOO_MANY,
    UNAUTHORIZED,
    RateLimitRule,
    RefusalMeaning,
    RefusedAnswer,
    RefusedError,
    ServerErrors,
)
from bot.net import HttpError

READ_ACCESS = "the scope Code (Read) and the permission Read on the repository"
WRITE_ACCESS = "the scope Code (Read & write) and the permissions Contribute and Create branch on the repository"
PROPOSE_ACCESS = (
    "the scope Code (Read & write) and the permissions Contribute and Contribute to pull requests on the repository"
)
"""https://learn.microsoft.com/en-us/azure/devops/organizations/security/permissions#git-repository-object-level"""

ALREADY_OPEN_CODE = "TF401179"
"""The branch already has an active pull request into the same target branch."""
STALE_REF_CODE = "TF401028"
"""The branch does not point to the commit that the push expects."""
NOT_EDITABLE_CODE = "TF401181"
"""The pull request was abandoned or completed."""

DEFAULT_WAIT = 60.0
"""Seconds to wait if no header states when the rate limit ends. The limit counts the work of five minutes.

https://learn.microsoft.com/en-us/azure/devops/integrate/concepts/rate-limits
"""
SIGN_IN_MESSAGE = "the page for signing in"
"""The message of a refusal that has no error status, but leads to the page for signing in."""
_ANY_ERROR = range(SERVER_ERROR)


class AzureError(Exception):
    """Azure DevOps refused a request."""

    def __init__(self, status: int, messages: tuple[str, ...], headers: Mapping[str, str], *, is_page: bool) -> None:
        super().__init__(*messages)
        self.status = status
        self.messages = messages
        self.headers = headers
        """The headers by their names in lower case."""
        self.is_page = is_page
        """True if the answer is a page for browsers. The API itself always sends JSON."""


AZURE_ERRORS = ServerErrors(
    server="Azure DevOps",
    url_name="the URL",
    malformed_answer_errors=(AttributeError, KeyError, TypeError, IndexError, RecursionError),
    client_errors=(HttpError,),
    rate_limit=RateLimitRule(frozenset({TOO_MANY}), reset_header="x-ratelimit-reset", default_wait=DEFAULT_WAIT),
    meanings=(
        RefusalMeaning(
            {UNAUTHORIZED},
            "it does not accept the token, which may have expired, or whose account is not in the organization; hint: "
            "create a new token and set the variable of `token_env` to it, or use `auth: azure` and add the identity "
            "to the organization",
        ),
        RefusalMeaning(
            {FORBIDDEN},
            "{message}; hint: give the account this permission in the security settings of the repository",
            phrases=("TF401027",),
        ),
        RefusalMeaning(
            _ANY_ERROR,
            "{message}; hint: remove the branch policies of basebump's branches, or choose another `branch_prefix`",
            phrases=("TF402455",),
        ),
        RefusalMeaning(
            _ANY_ERROR,
            "{message}; hint: give the account the permission Create tag definition in the project, or create the "
            "label by hand",
            phrases=("TF401289", "create tag"),
        ),
        RefusalMeaning({CONFLICT}, "{message}; hint: rerun basebump", phrases=(STALE_REF_CODE,)),
        RefusalMeaning(
            {FORBIDDEN}, "{message}; hint: give the account {permission}", default_message="permission denied"
        ),
        RefusalMeaning(
            {NOT_FOUND},
            "it does not exist, is disabled, or the token may not see it; hint: check the name, and give the account "
            "{permission}",
        ),
        RefusalMeaning(
            _ANY_ERROR,
            "{message}; hint: exclude large files with `files` or `ignore`",
            phrases=("maximum request size",),
        ),
    ),
)


def translate_errors(name: str) -> AbstractContextManager[None]:
    """Convert exceptions to RefusedError while the code in the `with` block parses an answer of the server.

    Such exceptions occur if the answer has an unexpected form, for example because the URL belongs to another kind of
    server. `name` is the repository or project that the message names.
    """
    return AZURE_ERRORS.translate(name)


def explain_error(error: Exception, action: str, permission: str, *, secret: str | None, now: datetime) -> RefusedError:
    """Convert an exception of `AzureClient` to a RefusedError, whose message has the reason and a hint.

    Args:
        error: The exception.
        action: What the request does, for the message, such as `list the branches`.
        permission: The scope and permissions that the request requires, for the hint.
        secret: The token, which is removed from the message.
        now: The current time.
    """
    if not isinstance(error, AzureError):
        return AZURE_ERRORS.explain_missing_answer(error, action, secret)
    answer = RefusedAnswer(error.status, error.messages, error.headers)
    return AZURE_ERRORS.explain_refusal(answer, action, permission, secret=secret, now=now)
