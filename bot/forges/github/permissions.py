"""The permissions that a token needs on GitHub for each level, and the kinds of tokens that may have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bot.forges.github.app import AppTokens
from bot.forges.github.errors import (
    ACTIONS_WRITE,
    CONTENTS_READ,
    CONTENTS_WRITE,
    ISSUES_WRITE,
    PULLS_READ,
    PULLS_WRITE,
    STATUSES_WRITE,
)
from bot.model.diagnosis import DiagnosisTarget
from bot.model.vocabulary import RunLevel

REPO, PUBLIC_REPO, WORKFLOW = "repo", "public_repo", "workflow"
"""Scopes of classic tokens.

https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps#available-scopes
"""


@dataclass(frozen=True, slots=True)
class PermissionNeed:
    """An action of a run in a repository, with the permission that it takes."""

    action: str
    permission: str
    """The name of the permission in the settings of an App or a fine-grained token."""
    alternative: str = ""
    """What to do if the token must not have it; appended to the hint."""


NEEDS_BY_LEVEL: Mapping[RunLevel, tuple[PermissionNeed, ...]] = {
    RunLevel.REPORT: (PermissionNeed("read files", CONTENTS_READ), PermissionNeed("read pull requests", PULLS_READ)),
    RunLevel.PUSH: (PermissionNeed("push branches", CONTENTS_WRITE),),
    RunLevel.PROPOSE: (PermissionNeed("open pull requests", PULLS_WRITE),),
}
"""What each level needs beyond the levels below it; `docs/forges.md` documents the same."""
STATUS_NEED = PermissionNeed("set the status of commits", STATUSES_WRITE, ", or set `proposals: {status: false}`")
DASHBOARD_NEED = PermissionNeed("write the dashboard", ISSUES_WRITE, ", or set `proposals: {dashboard: false}`")

DISPATCH_NEED = PermissionNeed("start workflows", ACTIONS_WRITE, ", or remove `dispatch`")


def list_write_needs(target: DiagnosisTarget, *, starts_workflows: bool) -> Iterator[PermissionNeed]:
    """Yield the writing actions of a run; reading is checked by reading."""
    for level in (RunLevel.PUSH, RunLevel.PROPOSE):
        if level <= target.level:
            yield from NEEDS_BY_LEVEL[level]
    if target.level is RunLevel.PROPOSE:
        if target.sets_commit_status:
            yield STATUS_NEED
        if target.has_dashboards:
            yield DASHBOARD_NEED
        if starts_workflows:
            yield DISPATCH_NEED


@dataclass(frozen=True, slots=True)
class ClassicToken:
    """A classic token, whose scopes GitHub reports."""

    login: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class FineGrainedToken:
    """A fine-grained token, whose permissions GitHub does not report; its account's rights limit them."""

    login: str


@dataclass(frozen=True, slots=True)
class InstallationToken:
    """A token of an App's installation, such as that of a job; GitHub reports neither owner nor permissions."""


@dataclass(frozen=True, slots=True)
class AppCredential:
    """An App with its private key, whose installations issue tokens with the permissions that they have."""

    tokens: AppTokens = field(repr=False)
    login: str


@dataclass(frozen=True, slots=True)
class NoToken:
    """No token."""


Credential = ClassicToken | FineGrainedToken | InstallationToken | AppCredential | NoToken
