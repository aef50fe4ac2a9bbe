"""What a token needs on GitHub for each rung of the ladder, and how one knows whether it has it."""

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
from bot.model.diagnosis import Aim
from bot.model.vocabulary import Level

REPO, PUBLIC_REPO, WORKFLOW = "repo", "public_repo", "workflow"
"""Scopes of classic tokens.

https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps#available-scopes
"""


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that a run does with a repository."""

    does: str
    permission: str
    """As the settings of an App or of a fine-grained token call it."""
    without: str = ""
    """What to do where it should not have it."""


RUNGS: Mapping[Level, tuple[Need, ...]] = {
    Level.REPORT: (Need("read files", CONTENTS_READ), Need("read pull requests", PULLS_READ)),
    Level.PUSH: (Need("push branches", CONTENTS_WRITE),),
    Level.PROPOSE: (Need("open pull requests", PULLS_WRITE),),
}
"""What each rung needs beyond those below it; `docs/forges.md` says the same to people."""
STATUS = Need("set the status of commits", STATUSES_WRITE, ", or say `proposals: {status: false}`")
DASHBOARD = Need("write the dashboard", ISSUES_WRITE, ", or say `proposals: {dashboard: false}`")

DISPATCH = Need("start workflows", ACTIONS_WRITE, ", or leave `dispatch` out")


def writes_of(aim: Aim, *, dispatches: bool) -> Iterator[Need]:
    """Yield what a run writes; what it reads is tried by reading."""
    for level in (Level.PUSH, Level.PROPOSE):
        if level <= aim.level:
            yield from RUNGS[level]
    if aim.level is Level.PROPOSE:
        if aim.has_status:
            yield STATUS
        if aim.has_dashboards:
            yield DASHBOARD
        if dispatches:
            yield DISPATCH


@dataclass(frozen=True, slots=True)
class Classic:
    """A classic token, of which GitHub tells the scopes."""

    login: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Personal:
    """A fine-grained token, of which GitHub tells nothing: it may do no more than whom it belongs to."""

    login: str


@dataclass(frozen=True, slots=True)
class Lent:
    """A token that some installation lent, such as that of a job: it is told nothing of itself."""


@dataclass(frozen=True, slots=True)
class App:
    """An App by its key, whose installations lend tokens for as much as they have."""

    tokens: AppTokens = field(repr=False)
    login: str


@dataclass(frozen=True, slots=True)
class Nobody:
    """No token at all."""


Credential = Classic | Personal | Lent | App | Nobody
