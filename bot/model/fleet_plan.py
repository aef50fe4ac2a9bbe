"""A plan of a run: everything that a later command needs to execute the writes of the run.

`basebump plan` builds a plan, and `basebump apply` applies it. A plan contains only the repositories in which the run
would write something. It contains no contents of files, only the bytes that change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from bot.model.decision import Transition
from bot.model.due_date import DueDate
from bot.model.evidence import Evidence
from bot.model.limits import Opening
from bot.model.proposal import ProposedImage, RequestState, Target
from bot.model.report import RepositoryReport
from bot.model.request_attributes import NO_ATTRIBUTES, RequestAttributes
from bot.model.source import FilePath
from bot.model.vocabulary import RunLevel

PLAN_SCHEMA = 1
MAX_PLAN_AGE = timedelta(hours=24)
"""The default age from which a plan is refused.

A person may have to approve a plan, but tags are updated in the meantime.
"""


@dataclass(frozen=True, slots=True)
class PlannedEdit:
    """The replacement of some bytes of a file. Each character of the texts stands for one byte (Latin-1)."""

    start: int
    old: str
    """The bytes that the edit replaces; empty for an insertion."""
    new: str


@dataclass(frozen=True, slots=True)
class PlannedReference:
    """An image reference of a file, and the digest and the tag that it has after the edits."""

    format: str
    locator: str
    """The position of the reference in the file, such as `stage[0]`."""
    digest: str
    tag: str | None = None
    """None if the tag does not change."""


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """The edits of one file of a proposal."""

    path: FilePath
    sha256: str
    """The hash of the whole edited file, in hexadecimal digits."""
    edits: tuple[PlannedEdit, ...]
    references: tuple[PlannedReference, ...]
    """The references that the edits change, and no others."""


@dataclass(frozen=True, slots=True)
class ProposalContent:
    """The content of a proposal: the edits, the rendered texts, and the attributes of the pull request."""

    title: str
    body: str
    """The whole text of the pull request, with its appendix and its mark."""
    commit_message: str
    files: tuple[PlannedFile, ...]
    images: tuple[ProposedImage, ...]
    targets: tuple[Target, ...]
    intent: str
    report_fingerprint: str
    """The fingerprint of the evidence that the texts describe."""
    attributes: RequestAttributes = NO_ATTRIBUTES
    is_draft: bool = False
    is_onboarding: bool = False
    due: DueDate | None = None
    shown_due: DueDate | None = None
    is_due_unknown: bool = False
    protected_files: tuple[FilePath, ...] = ()
    without_protected: ProposalContent | None = None
    """The same proposal without files in a protected folder; see `Proposal.without_protected`."""


class StepKind(StrEnum):
    """The kinds of steps in a plan."""

    OPEN = "open"
    UPDATE = "update"
    CLOSE = "close"
    DELETE_BRANCH = "delete-branch"
    LEAVE = "leave"
    DEFER = "defer"


@dataclass(frozen=True, slots=True)
class PlannedBranch:
    """The step for one branch of basebump.

    A pull request is identified by its position in `PlannedRepository.requests`.
    """

    branch: str
    step: StepKind
    proposal: ProposalContent | None = None
    """None if no update is to be proposed on the branch."""
    reason: str = ""
    """The reason why a pull request is closed, a branch is left unchanged, or a proposal is deferred."""
    request: int | None = None
    """The pull request or the branch that the step changes; None if there is none."""
    withdrawn_request: int | None = None
    """The pull request for the same branch that basebump withdrew earlier. A new pull request mentions it."""
    must_push: bool = False
    must_update_text: bool = False
    must_comment: bool = False
    attributes: RequestAttributes = NO_ATTRIBUTES
    """Attributes to set on an open pull request."""
    no_proposal_reason: str = ""
    """The reason why no update is proposed; empty if an update is proposed."""
    recorded_due: DueDate | None = None
    """The due date of an open pull request for which no update is proposed."""


@dataclass(frozen=True, slots=True)
class JudgedRequest:
    """A branch or pull request of basebump at the time of planning, with the verdict on the branch's content."""

    branch: str
    state: RequestState
    fingerprint: str
    """A hash of all other data of the pull request on which the step depends, such as its text and its approval."""
    number: int | None = None
    head: str | None = None
    """The commit that the branch pointed to; None if the branch did not exist."""
    intent: str | None = None
    """The intent of the changes on the branch; None if it contains other changes than basebump's edits."""
    is_confirmed: bool = True
    is_as_marked: bool = True
    is_judged: bool = False
    """True if the content of the branch was judged. A branch is not judged if another account made its commit."""


@dataclass(frozen=True, slots=True)
class PlannedRepository:
    """The steps on one base branch of a repository, and the state of the forge for which they were planned."""

    forge: str
    """The kind of the forge, such as `github`."""
    server: str
    """The URL that distinguishes repositories of the same name; empty for one local folder."""
    name: str
    base_branch: str
    commit: str
    """The commit that the base branch pointed to, to which all edits apply."""
    report: RepositoryReport
    """The decisions on the image references. Its proposals are the refused proposals."""
    configured_name: str | None = None
    is_public: bool | None = None
    has_config: bool = False
    """True if the repository has a config file of its own."""
    has_dashboard: bool = False
    """True if the dashboard issue is compared and written."""
    dashboard: str | None = None
    """A hash of the dashboard issue; None if there was none."""
    listed_branches: tuple[str, ...] = ()
    """The branches whose closed and merged pull requests were also listed."""
    requests: tuple[JudgedRequest, ...] = ()
    branches: tuple[PlannedBranch, ...] = ()

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The key by which `apply` finds the repository again."""
        return self.forge, self.server, self.name, self.base_branch


@dataclass(frozen=True, slots=True)
class TransitionEvidence:
    """The evidence on one transition, which the dashboards and the report of `basebump apply` show."""

    transition: Transition
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """The plan of a run over all repositories of a config."""

    version: str
    """The version of basebump that made the plan. No other version applies the plan."""
    config: str
    """A hash of the settings that the config contains."""
    level_word: Literal["push", "propose"]
    """How far the plan goes. A plan always writes something, so that it has no level `report`."""
    planned_at: datetime
    branch_prefix: str
    repositories: tuple[PlannedRepository, ...]
    evidence: tuple[TransitionEvidence, ...] = ()
    openings: tuple[Opening, ...] = ()
    """The proposals that the plan opens, as they were reserved in the ledger of the state."""
    schema: int = PLAN_SCHEMA

    @property
    def level(self) -> RunLevel:
        """The level of the run that the plan describes."""
        return RunLevel[self.level_word.upper()]
