"""Proposals, the requests on a forge, and the next steps between the two."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.model.dashboard import UserRequest
from bot.model.limits import ProposalSchedule
from bot.model.modes import REFRESH_EVERY, OnClose, Rebase
from bot.model.request_attributes import NO_ATTRIBUTES, RequestAttributes
from bot.model.source import FileChange, FilePath

Target = str
"""`repository:tag@digest`; a user declines a proposal's targets by closing its request."""

NO_DRAFTS = "This forge has no drafts, so this is a normal request: review it before you merge it."
"""Text in a request that should be a draft (`Proposal.is_draft`) on a forge without drafts."""


@dataclass(frozen=True, slots=True)
class ProposedImage:
    """One image that a proposal updates."""

    reference: str
    """The reference in the spelling of the user, without a digest."""
    canonical: str
    tag: str
    old: str | None
    new: str


@dataclass(frozen=True, slots=True)
class ProposalPriority:
    """The benefit of merging a proposal, as far as it is known; proposals with a higher priority are opened first."""

    exploited_fixed: int = 0
    """Number of distinct fixed vulnerabilities that are known to be exploited."""
    critical_fixed: int = 0
    """Number of distinct fixed critical vulnerabilities."""
    oldest_built_at: datetime | None = None
    """Build time of the oldest image in use."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A branch with one commit, and the request to merge it."""

    branch: str
    title: str
    body: str
    commit_message: str
    """The commit message, including trailers."""
    changes: tuple[FileChange, ...]
    images: tuple[ProposedImage, ...]
    targets: tuple[Target, ...]
    intent: str
    """16 hexadecimal digits over (path, locator, value); a different intent requires a push."""
    report_fingerprint: str
    """16 hexadecimal digits, see `bot.core.proposal.fingerprint`; a different report may require a new body."""
    attributes: RequestAttributes = NO_ATTRIBUTES
    """Labels, reviewers and other attributes; automerge is set only if the conditions of every reference are met."""
    rebase: Rebase = Rebase.AUTO
    refresh_every: timedelta = REFRESH_EVERY
    """How long an open request stays unchanged once a user accepted it, or if the new digest only aged."""
    is_only_aged: bool = False
    """True if every new digest was only too young before: the publisher released it before the current request."""
    is_onboarding: bool = False
    """True if this is the first proposal of a repository, whose closing declines all proposals."""
    user_requests: frozenset[UserRequest] = frozenset()
    """Actions that users requested in the dashboard."""
    is_urgent: bool = False
    """True if the update must not wait although users accepted the current state of the request."""
    schedules: tuple[ProposalSchedule, ...] = ()
    """All schedules must allow opening the proposal."""
    opens_at: datetime | None = None
    """When the images in use become old enough for `open_when`; None if the proposal may be opened now."""
    awaits_evidence: bool = False
    """True if opening waits because it is unknown which vulnerabilities the update fixes and introduces."""
    priority: ProposalPriority = ProposalPriority()
    is_overdue: bool = False
    """True if a digest in use is gone from its registry, so that limits and schedules do not apply."""
    on_close: OnClose = OnClose.DIGEST
    """What a user declines by closing the request."""
    is_draft: bool = False
    """True if the request is opened as a draft, so that nobody merges it without a review."""
    is_merge_unknown: bool = False
    """True if automerge would be set if all images could have been scanned in this run."""
    without_protected: Proposal | None = None
    """The same proposal without files in the protected folder; None if it has none, or no other files."""
    protected_files: tuple[FilePath, ...] = ()
    """Files that the proposal does not change, because the forge does not allow this token to change them."""


@dataclass(frozen=True, slots=True)
class NoProposal:
    """No proposal is desired for a branch, and the reason."""

    reason: str


class RequestState(StrEnum):
    """The state of a request on its forge; BRANCH is a branch of basebump without a request."""

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"
    BRANCH = "branch"


@dataclass(frozen=True, slots=True)
class RemoteRequest:
    """A branch or request of basebump as the forge shows it."""

    branch: str
    state: RequestState
    head: str | None
    """The commit that the branch points to; None if the branch does not exist."""
    intent: str | None
    """The intent trailer of basebump's commit; None if the branch contains other changes on top of the base.

    A merge of the base branch ("Update branch") does not count as another change.
    """
    number: int | None = None
    url: str | None = None
    title: str = ""
    body: str = ""
    has_conflicts: bool = False
    """True if the forge knows that the request cannot be merged."""
    has_commented: bool = False
    """True if basebump already commented about commits of other people."""
    is_accepted: bool = False
    """True if a user approved the request, queued it, or enabled automerge."""
    has_automerge: bool = False
    """True if basebump's own account enabled automerge."""
    ever_set: RequestAttributes | None = None
    """Attributes that were set at any time, even if users removed them since; None if the forge cannot tell.

    If the history requires additional requests to the forge, these are the current attributes; then `update_request`
    fetches the history and skips attributes that were removed.
    """
    committed_at: datetime | None = None
    """When basebump's commit was created; if there is none, the time of the last commit."""
    is_behind: bool = False
    """True if the base branch has commits that the branch does not contain."""
    must_be_current: bool = False
    """True if the forge merges only branches that are up to date; fetched only if the branch is behind."""
    user_requests: frozenset[UserRequest] = frozenset()
    """Actions that users requested by labels."""
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    is_closed_by_branch_deletion: bool = False
    """True if the request was closed because its branch was deleted, which does not decline it."""


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """Open the request, after creating or updating the branch if `must_push` is set."""

    proposal: Proposal
    must_push: bool
    """True if the branch does not exist, contains something else, or was merged before."""
    existing_branch: RemoteRequest | None = None
    """An existing branch of basebump without a request."""
    withdrawn_request: RemoteRequest | None = None
    """A request that basebump closed earlier and that the new one mentions."""


@dataclass(frozen=True, slots=True)
class UpdateRequest:
    """Update an open request."""

    request: RemoteRequest
    proposal: Proposal
    must_push: bool
    must_update_text: bool
    attributes: RequestAttributes = NO_ATTRIBUTES
    """Attributes that are not set yet; `automerge` is False if the forge must no longer merge automatically."""


@dataclass(frozen=True, slots=True)
class CloseRequest:
    """Withdraw an open request: record the withdrawal in its mark, close it, delete its branch."""

    request: RemoteRequest
    reason: str


@dataclass(frozen=True, slots=True)
class DeleteBranch:
    """Delete a branch of basebump that has no request and is not desired."""

    request: RemoteRequest


class DeferralReason(StrEnum):
    """Why a proposal is not opened in this run."""

    SCHEDULE = "schedule"
    NEW_PER_REPOSITORY = "new-per-repository"
    NEW_PER_RUN = "new-per-run"
    OPEN_PER_REPOSITORY = "open-per-repository"
    ROLLOUT = "rollout"
    UNPROVEN = "unproven"
    """It is unknown which vulnerabilities the update fixes and introduces."""
    WORTHLESS = "worthless"
    """The update fixes nothing that the policy requires for opening a proposal."""

    @property
    def sentence(self) -> str:
        """The reason as a sentence."""
        return _DEFERRAL_SENTENCES[self]


_DEFERRAL_SENTENCES: dict[DeferralReason, str] = {
    DeferralReason.SCHEDULE: "Its schedule does not allow opening it now.",
    DeferralReason.NEW_PER_REPOSITORY: "The limit of new proposals per repository and run is reached.",
    DeferralReason.NEW_PER_RUN: "The limit of new proposals per run is reached.",
    DeferralReason.ROLLOUT: "The limit of newly onboarded repositories per run is reached.",
    DeferralReason.UNPROVEN: "It is unknown what it fixes and introduces; the next run tries again.",
    DeferralReason.WORTHLESS: "It does not fix enough to be opened now.",
    DeferralReason.OPEN_PER_REPOSITORY: (
        "The limit of open proposals in this repository is reached: merge or close some."
    ),
}


@dataclass(frozen=True, slots=True)
class DeferProposal:
    """Open the proposal in a later run."""

    proposal: Proposal
    reason: DeferralReason


class NoChangeReason(StrEnum):
    """Why a branch or request is left unchanged."""

    UNCHANGED = "unchanged"
    DECLINED = "declined"
    OPTED_OUT = "opted-out"
    """A user closed the first proposal of the repository."""
    MUTED = "muted"
    """A user closed an earlier proposal for the same tags, and the policy applies that to all later ones."""
    EDITED = "edited"
    """Another person committed to the branch."""
    ACCEPTED = "accepted"
    """A user approved the request; the update waits."""
    SLIDING = "sliding"
    """The only change is that a digest is old enough now; the update waits."""
    UNKNOWN = "unknown"
    """A part of the data that the proposal depends on was not read in this run."""
    TAKEN = "taken"
    """The branch of this name contains commits that are not basebump's."""


@dataclass(frozen=True, slots=True)
class NoChange:
    """Do nothing, except comment once on other people's commits and restore attributes of the last commit."""

    branch: str
    reason: NoChangeReason
    request: RemoteRequest | None = None
    must_comment: bool = False
    attributes: RequestAttributes = NO_ATTRIBUTES
    """Attributes to set again, such as the commit status after a user merged the base into the branch."""


ProposalStep = OpenRequest | UpdateRequest | CloseRequest | DeleteBranch | NoChange | DeferProposal
