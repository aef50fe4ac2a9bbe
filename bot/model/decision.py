"""What is to be done at each place, and why not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.model.policy import Policy
from bot.model.reference import Digest, Line
from bot.model.source import Occurrence
from bot.model.vocabulary import Reason


@dataclass(frozen=True, slots=True)
class Selected:
    """A place that follows a line, under a policy."""

    occurrence: Occurrence
    line: Line
    policy: Policy
    notes: tuple[str, ...] = ()
    """What there is to say of the image itself, in sentences; what there is to say of the place is in `occurrence`."""
    unlisted: str = ""
    """Why nobody could look for other tags that its policy lets it move to; empty where somebody did."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a place may move to."""

    digest: Digest
    platforms: tuple[str, ...] = ()
    """Of the image behind it, where it is an index."""
    tag: str | None = None
    """The tag to write with it; None where the tag stays."""
    mature: datetime | None = None
    """When it will be as old as the policy asks; None where it is. Evidence may lift this condition."""
    notes: tuple[str, ...] = ()
    """The holds that it passes as somebody answers for them, in sentences."""


class Cause(StrEnum):
    """Why a place is to move."""

    MOVED = "moved"
    """Its line points to something newer."""
    WITHDRAWN = "withdrawn"
    """Its line went back from what the place holds."""
    GONE = "gone"
    """The registry no longer has what the place holds."""


@dataclass(frozen=True, slots=True)
class Update:
    """Move to the first candidate whose condition is met and that the gates let pass; newest first, never empty."""

    selected: Selected
    candidates: tuple[Candidate, ...]
    cause: Cause = Cause.MOVED
    doubt: str = ""
    """Why a person must look before it is merged, in a sentence."""

    @property
    def occurrence(self) -> Occurrence:
        return self.selected.occurrence


@dataclass(frozen=True, slots=True)
class UpToDate:
    """The place already holds what it should."""

    selected: Selected

    @property
    def occurrence(self) -> Occurrence:
        return self.selected.occurrence


@dataclass(frozen=True, slots=True)
class Skip:
    """Left alone, by a rule of the operator's, of the file's or of ours."""

    occurrence: Occurrence
    reason: Reason
    selected: Selected | None = None
    """What it would follow, and under which policy, where that is known."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A gate refused every candidate."""

    update: Update
    reason: Reason
    detail: str = ""

    @property
    def occurrence(self) -> Occurrence:
        return self.update.occurrence


@dataclass(frozen=True, slots=True)
class Held:
    """There is something newer, and it is not plainly better."""

    selected: Selected
    reason: Reason
    detail: str

    @property
    def occurrence(self) -> Occurrence:
        return self.selected.occurrence


@dataclass(frozen=True, slots=True)
class Superseded:
    """The place holds all that its line will ever offer, and that is no longer good."""

    selected: Selected
    reason: Reason
    detail: str
    successor: str | None = None
    """The tag that comes after it, where one is known."""

    @property
    def occurrence(self) -> Occurrence:
        return self.selected.occurrence


@dataclass(frozen=True, slots=True)
class Unknown:
    """The registry could not say."""

    selected: Selected
    reason: Reason
    detail: str

    @property
    def occurrence(self) -> Occurrence:
        return self.selected.occurrence


@dataclass(frozen=True, slots=True)
class NotChecked:
    """No registry was asked, because nobody wanted that."""

    selected: Selected

    @property
    def occurrence(self) -> Occurrence:
        return self.selected.occurrence


Decision = Update | UpToDate | Superseded | Held | Skip | Refused | Unknown | NotChecked


def selected_of(decision: Decision) -> Selected | None:
    """Return the place that a decision is about, with its line and policy where it has any."""
    return decision.update.selected if isinstance(decision, Refused) else decision.selected


@dataclass(frozen=True, slots=True)
class Transition:
    """The unit of evidence: assessed once in a run, whatever the number of places."""

    line: Line
    old: Digest | None
    """None where the place held no digest."""
    new: Digest
    platforms: tuple[str, ...]
    """On which both are scanned; never none."""
    tag: str | None = None
    """The tag that it moves to, where that is another."""

    @property
    def goal(self) -> Line:
        """The line that `new` is of."""
        return self.line if self.tag is None else Line(self.line.repository, self.tag)

    @property
    def order(self) -> tuple[Line, bool, str, str, str, tuple[str, ...]]:
        """What transitions are sorted by; those from a digest come first."""
        return self.line, self.old is None, self.old or "", self.tag or "", self.new, self.platforms
