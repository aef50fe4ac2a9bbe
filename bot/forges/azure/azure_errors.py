"""The errors of Azure DevOps, and their meanings.

An error is JSON with the name of an exception and a message, which usually begins with a code such as TF401027. Not
every refusal has an error status: for an expired token, Azure DevOps may return status 203 and the sign-in page.
"""

from __future__ import annotations

from bot.forges.hosted.refusal import (
    CONFLICT,
    FORBIDDEN,
    NOT_FOUND,
    SERVER_ERROR,
    TOO_MANY,
    UNAUTHORIZED,
    RateLimitRule,
    RefusalMeaning,
    ServerErrors,
)

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
"""Seconds to wait if no header states when the rate limit ends. The limit applies to the load of the last five minutes.
https://learn.microsoft.com/en-us/azure/devops/integrate/concepts/rate-limits"""
SIGN_IN_MESSAGE = "the page for signing in"
"""The message for a response that has no error status, but is or leads to the sign-in page."""
_ANY_ERROR = range(SERVER_ERROR)

AZURE_ERRORS = ServerErrors(
    server="Azure DevOps",
    url_name="the URL",
    rate_limit=RateLimitRule(frozenset({TOO_MANY}), reset_header="x-ratelimit-reset", default_wait=DEFAULT_WAIT),
    meanings=(
        RefusalMeaning(
            {UNAUTHORIZED},
            "it does not accept the token: the token is wrong or has expired, or its account is not in the "
            "organization; hint: put a new token into the variable that `token_env` names (for a personal access "
            "token not SYSTEM_ACCESSTOKEN), or use `auth: azure` and add the identity to the organization",
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
            "it does not exist or is disabled, or the token has no access; hint: check the name, and give the account "
            "{permission}; in Azure Pipelines, also list the repository in the YAML file of the pipeline",
        ),
        RefusalMeaning(
            _ANY_ERROR,
            "{message}; hint: exclude large files with `files` or `ignore`",
            phrases=("maximum request size",),
        ),
    ),
)
