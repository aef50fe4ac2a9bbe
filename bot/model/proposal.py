"""What is proposed to a repository, what its forge remembers, and the next step between the two."""

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
"""`line@digest`: what a person declines by closing."""

NO_DRAFTS = "There are no drafts here, so it is an open request like any other: look before you merge it."
"""What is said where a forge cannot do what `Proposal.is_draft` asks for."""


@dataclass(frozen=True, slots=True)
class ProposedImage:
    """One image that a proposal moves."""

    reference: str
    """In the user's spelling, without a digest."""
    canonical: str
    tag: str
    old: str | None
    new: str


@dataclass(frozen=True, slots=True)
class Worth:
    """What merging a proposal is worth, as far as it was looked at: the basis of what is opened first."""

    exploited: int = 0
    """Distinct vulnerabilities that go away and are known to be exploited."""
    critical: int = 0
    """Distinct critical vulnerabilities that go away."""
    built: datetime | None = None
    """When the oldest image in use was built."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A branch with one commit, and the request that asks for its merge."""

    branch: str
    title: str
    body: str
    message: str
    """Of the commit, trailer included."""
    changes: tuple[Change, ...]
    images: tuple[ProposedImage, ...]
    targets: tuple[Target, ...]
    intent: str
    """16 hexadecimal digits over (path, locator, value): decides pushes."""
    report: str
    """16 hexadecimal digits, see `core.fingerprint`: decides body edits."""
    extras: Extras = NO_EXTRAS
    """What it has besides its branch and its words; it merges by itself where the conditions of every place hold."""
    rebase: Rebase = Rebase.AUTO
    refresh_every: timedelta = REFRESH_EVERY
    """How long an open request stays as it is once somebody accepted it, or while only time went by."""
    slides: bool = False
    """Whether all that it moves to was merely not old enough before: the publisher made it earlier."""
    is_first: bool = False
    """Whether it is the one with which a repository begins: closing it declines everything."""
    asks: frozenset[Ask] = frozenset()
    """What people ask for in the dashboard."""
    is_urgent: bool = False
    """Whether people must not wait for it though they accepted what stands there."""
    schedules: tuple[Schedule, ...] = ()
    """All of them must allow that it is opened."""
    opens_at: datetime | None = None
    """From when on what is in use is so old that it is worth opening; None where it is now."""
    is_unproven: bool = False
    """Whether it waits to be opened since nobody knows what it fixes and brings."""
    worth: Worth = Worth()
    is_overdue: bool = False
    """Whether what is in use is gone, so that no limit and no schedule applies."""
    on_close: OnClose = OnClose.DIGEST
    """What a person declines by closing it."""
    is_draft: bool = False
    """Whether it is opened so that nobody merges it without having looked."""
    is_merge_unknown: bool = False
    """Whether it would merge by itself, but for what could not be scanned in this run."""
    lesser: Proposal | None = None
    """The same without the files that the forge may keep from the token; None where that is the same, or nothing."""
    left_out: tuple[FilePath, ...] = ()
    """Files that it does not change since the forge keeps them from the token."""


@dataclass(frozen=True, slots=True)
class Unwanted:
    """Nothing is wanted on a branch, and why."""

    why: str


class RequestState(StrEnum):
    """What a forge says of a request; BRANCH is a branch of ours without any."""

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"
    BRANCH = "branch"


@dataclass(frozen=True, slots=True)
class Seen:
    """One branch or request of ours, as a forge shows it."""

    branch: str
    state: RequestState
    head: str | None
    """The commit that the branch points to, None when the branch is gone."""
    intent: str | None
    """The trailer of our commit, or None where the branch holds more than that and what the base had.

    A merge of the base ("Update branch") is no more than that.
    """
    number: int | None = None
    url: str | None = None
    title: str = ""
    body: str = ""
    conflicts: bool = False
    """Whether the forge knows that it cannot be merged."""
    told: bool = False
    """Whether our one comment about a person's commits is there."""
    accepted: bool = False
    """Whether a person approved it, queued it, or set it to merge by itself."""
    armed: bool = False
    """Whether our own account set it to merge by itself."""
    ever: Extras | None = None
    """What was set on it at any time, though people may have taken it off again; None where the forge cannot say.

    Where that takes a forge more questions it is what is set now: then `amend` asks them, and leaves off the rest.
    """
    committed: datetime | None = None
    """When our commit was made; where there is none, the last."""
    behind: bool = False
    """Whether the base branch has commits that it does not hold."""
    strict: bool = False
    """Whether the forge merges it only while it is not behind; asked for only where it is."""
    asks: frozenset[Ask] = frozenset()
    """What people ask for by the labels that they gave it."""
    opened: datetime | None = None
    closed: datetime | None = None
    vanished: bool = False
    """Whether it was closed because its branch was deleted, which is no decline."""


@dataclass(frozen=True, slots=True)
class Open:
    """Make the request, and first the branch where `push` says so."""

    proposal: Proposal
    push: bool
    """Whether the branch is missing, holds something else, or was merged before."""
    over: Seen | None = None
    """A branch of ours that stands there without a request."""
    withdrawn: Seen | None = None
    """A request that we closed before, to be named in the new one."""


@dataclass(frozen=True, slots=True)
class Refresh:
    """Bring an open request up to date."""

    seen: Seen
    proposal: Proposal
    push: bool
    amend: bool
    extras: Extras = NO_EXTRAS
    """What is still to be set on it; `automerge` False where the forge must no longer merge it by itself."""


@dataclass(frozen=True, slots=True)
class Close:
    """Take an open request back: mark it as withdrawn, close it, delete its branch."""

    seen: Seen
    why: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """Delete a branch of ours that has no request and is not wanted."""

    seen: Seen


class Deferral(StrEnum):
    """Why a proposal is not opened in this run."""

    SCHEDULE = "schedule"
    NEW_PER_REPOSITORY = "new-per-repository"
    NEW_PER_RUN = "new-per-run"
    OPEN_PER_REPOSITORY = "open-per-repository"
    ROLLOUT = "rollout"
    UNPROVEN = "unproven"
    """Nobody knows what it fixes and brings."""
    WORTHLESS = "worthless"
    """It fixes nothing that the policy wants people to look at."""

    @property
    def sentence(self) -> str:
        """The same for people."""
        return _DEFERRALS[self]


_DEFERRALS: dict[Deferral, str] = {
    Deferral.SCHEDULE: "Its schedule does not allow opening it now.",
    Deferral.NEW_PER_REPOSITORY: "As many as a run may open in one repository were opened.",
    Deferral.NEW_PER_RUN: "As many as one run may open were opened.",
    Deferral.ROLLOUT: "As many repositories as one run may take on were taken on.",
    Deferral.UNPROVEN: "What it fixes and brings is not known; the next run tries again.",
    Deferral.WORTHLESS: "It fixes too little to be opened now.",
    Deferral.OPEN_PER_REPOSITORY: "As many as may be open in this repository are open: merge or close some.",
}


@dataclass(frozen=True, slots=True)
class Defer:
    """Open it in a later run."""

    proposal: Proposal
    why: Deferral


class LeaveReason(StrEnum):
    """Why a branch or request is left as it is."""

    UNCHANGED = "unchanged"
    DECLINED = "declined"
    OPTED_OUT = "opted-out"
    """A person closed the first proposal of the repository."""
    MUTED = "muted"
    """A person closed an earlier one of the same lines, and the policy takes that for all that comes after it."""
    EDITED = "edited"
    """A person committed to it."""
    ACCEPTED = "accepted"
    """A person approved it; the move waits."""
    SLIDING = "sliding"
    """What is new is only that a digest is old enough now; the move waits."""
    UNKNOWN = "unknown"
    """Something that it depends on was not looked at in this run."""
    TAKEN = "taken"
    """The branch's name is held by commits that are not ours."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Do nothing, except for saying so once where a person committed, and for what its last commit lost."""

    branch: str
    reason: LeaveReason
    seen: Seen | None = None
    tell: bool = False
    extras: Extras = NO_EXTRAS
    """What is to be set on it again: its status, where somebody merged the base into it."""


Step = Open | Refresh | Close | Sweep | Leave | Defer
