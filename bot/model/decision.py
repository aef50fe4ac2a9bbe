"""What is to be done at each place, and why not."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Candidate:
    """A digest that a place may move to."""

    digest: Digest
    platforms: tuple[str, ...] = ()
    """Of the image behind it, where it is an index."""


@dataclass(frozen=True, slots=True)
class Update:
    """Move to the first candidate that the gates let pass; newest first, never empty."""

    selected: Selected
    candidates: tuple[Candidate, ...]

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
    line: Line | None = None
    """What it would follow, where that is known."""
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


Decision = Update | UpToDate | Held | Skip | Refused | Unknown | NotChecked


@dataclass(frozen=True, slots=True)
class Transition:
    """The unit of evidence: assessed once in a run, whatever the number of places."""

    line: Line
    old: Digest | None
    """None where the place held no digest."""
    new: Digest
    platform: str
    """On which both are scanned."""

    @property
    def order(self) -> tuple[Line, bool, str, str, str]:
        """What transitions are sorted by; those from a digest come first."""
        return self.line, self.old is None, self.old or "", self.new, self.platform
