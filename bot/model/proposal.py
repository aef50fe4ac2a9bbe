"""Proposals, the requests on a forge, and the next steps between the two."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.model.dashboard import Ask
from bot.model.extras import NO_EXTRAS, Extras
from bot.model.modes import REFRESH_EVERY, OnClose, Rebase
from bot.model.pace import Schedule
from bot.model.source import Change, FilePath

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
class Worth:
    """The benefit of merging a proposal, as far as it is known; proposals with a higher priority are opened first."""

    exploited: int = 0
    """Number of distinct fixed vulnerabilities that are known to be exploited."""
    critical: int = 0
    """Number of distinct fixed critical vulnerabilities."""
    built: datetime | None = None
    """Build time of the oldest image in use."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A branch with one commit, and the request to merge it."""

    branch: str
    title: str
    body: str
    message: str
    """The commit message, including trailers."""
    changes: tuple[Change, ...]
    images: tuple[ProposedImage, ...]
    targets: tuple[Target, ...]
    intent: str
    """16 hexadecimal digits over (path, locator, value); a different intent requires a push."""
    report: str
    """16 hexadecimal digits, see `bot.core.proposal.fingerprint`; a different report may require a new body."""
    extras: Extras = NO_EXTRAS
    """Labels, reviewers and other attributes; automerge is set only if the conditions of every reference are met."""
    rebase: Rebase = Rebase.AUTO
    refresh_every: timedelta = REFRESH_EVERY
    """How long an open request stays unchanged once a user accepted it, or if the new digest only aged."""
    slides: bool = False
    """True if every new digest was only too young before: the publisher released it before the current request."""
    is_first: bool = False
    """True if this is the first proposal of a repository, whose closing declines all proposals."""
    asks: frozenset[Ask] = frozenset()
    """Actions that users requested in the dashboard."""
    is_urgent: bool = False
    """True if the update must not wait although users accepted the current state of the request."""
    schedules: tuple[Schedule, ...] = ()
    """All schedules must allow opening the proposal."""
    opens_at: datetime | None = None
    """When the images in use become old enough for `open_when`; None if the proposal may be opened now."""
    is_unproven: bool = False
    """True if opening waits because it is unknown which vulnerabilities the update fixes and introduces."""
    worth: Worth = Worth()
    is_overdue: bool = False
    """True if a digest in use is gone from its registry, so that limits and schedules do not apply."""
    on_close: OnClose = OnClose.DIGEST
    """What a user declines by closing the request."""
    is_draft: bool = False
    """True if the request is opened as a draft, so that nobody merges it without a review."""
    is_merge_unknown: bool = False
    """True if automerge would be set if all images could have been scanned in this run."""
    lesser: Proposal | None = None
    """The same proposal without files in the protected folder; None if it has none, or no other files."""
    left_out: tuple[FilePath, ...] = ()
    """Files that the proposal does not change, because the forge does not allow this token to change them."""


@dataclass(frozen=True, slots=True)
class Unwanted:
    """No proposal is desired for a branch, and the reason."""

    why: str


class RequestState(StrEnum):
    """The state of a request on its forge; BRANCH is a branch of basebump without a request."""

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"
    BRANCH = "branch"


@dataclass(frozen=True, slots=True)
class Seen:
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
    conflicts: bool = False
    """True if the forge knows that the request cannot be merged."""
    told: bool = False
    """True if basebump already commented about commits of other people."""
    accepted: bool = False
    """True if a user approved the request, queued it, or enabled automerge."""
    armed: bool = False
    """True if basebump's own account enabled automerge."""
    ever: Extras | None = None
    """Attributes that were set at any time, even if users removed them since; None if the forge cannot tell.

    If the history requires additional requests to the forge, these are the current attributes; then `update_request`
    fetches the history and skips attributes that were removed.
    """
    committed: datetime | None = None
    """When basebump's commit was created; if there is none, the time of the last commit."""
    behind: bool = False
    """True if the base branch has commits that the branch does not contain."""
    strict: bool = False
    """True if the forge merges only branches that are up to date; fetched only if the branch is behind."""
    asks: frozenset[Ask] = frozenset()
    """Actions that users requested by labels."""
    opened: datetime | None = None
    closed: datetime | None = None
    vanished: bool = False
    """True if the request was closed because its branch was deleted, which does not decline it."""


@dataclass(frozen=True, slots=True)
class Open:
    """Open the request, after creating or updating the branch if `must_push` is set."""

    proposal: Proposal
    push: bool
    """True if the branch does not exist, contains something else, or was merged before."""
    over: Seen | None = None
    """An existing branch of basebump without a request."""
    withdrawn: Seen | None = None
    """A request that basebump closed earlier and that the new one mentions."""


@dataclass(frozen=True, slots=True)
class Refresh:
    """Update an open request."""

    seen: Seen
    proposal: Proposal
    push: bool
    amend: bool
    extras: Extras = NO_EXTRAS
    """Attributes that are not set yet; `automerge` is False if the forge must no longer merge automatically."""


@dataclass(frozen=True, slots=True)
class Close:
    """Withdraw an open request: record the withdrawal in its mark, close it, delete its branch."""

    seen: Seen
    why: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """Delete a branch of basebump that has no request and is not desired."""

    seen: Seen


class Deferral(StrEnum):
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
        return _DEFERRALS[self]


_DEFERRALS: dict[Deferral, str] = {
    Deferral.SCHEDULE: "Its schedule does not allow opening it now.",
    Deferral.NEW_PER_REPOSITORY: "The limit of new proposals per repository and run is reached.",
    Deferral.NEW_PER_RUN: "The limit of new proposals per run is reached.",
    Deferral.ROLLOUT: "The limit of newly onboarded repositories per run is reached.",
    Deferral.UNPROVEN: "It is unknown what it fixes and introduces; the next run tries again.",
    Deferral.WORTHLESS: "It does not fix enough to be opened now.",
    Deferral.OPEN_PER_REPOSITORY: "The limit of open proposals in this repository is reached: merge or close some.",
}


@dataclass(frozen=True, slots=True)
class Defer:
    """Open the proposal in a later run."""

    proposal: Proposal
    why: Deferral


class LeaveReason(StrEnum):
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
class Leave:
    """Do nothing, except comment once on other people's commits and restore attributes of the last commit."""

    branch: str
    reason: LeaveReason
    seen: Seen | None = None
    tell: bool = False
    extras: Extras = NO_EXTRAS
    """Attributes to set again, such as the commit status after a user merged the base into the branch."""


Step = Open | Refresh | Close | Sweep | Leave | Defer
