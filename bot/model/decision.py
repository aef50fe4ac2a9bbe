"""The decision on each image reference, and the reason if the reference is not updated."""

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
    """An image reference with the tag that it tracks and the policy that applies to it."""

    occurrence: Occurrence
    line: Line
    policy: Policy
    notes: tuple[str, ...] = ()
    """Sentences about the image itself; sentences about the image reference are in `occurrence.notes`."""
    unlisted: str = ""
    """Why other tags that the policy allows could not be listed; empty if they were listed."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A digest to which an image reference may be updated."""

    digest: Digest
    platforms: tuple[str, ...] = ()
    """Platforms of the image if it is an index, else empty."""
    tag: str | None = None
    """The tag to write together with the digest; None if the tag does not change."""
    mature: datetime | None = None
    """When the digest reaches the policy's minimum age; None if it already has. Evidence may lift the condition."""
    notes: tuple[str, ...] = ()
    """Sentences about holds that do not apply because the config accepts them."""


class Cause(StrEnum):
    """Why an image reference is to be updated."""

    MOVED = "moved"
    """The tag points to something newer."""
    WITHDRAWN = "withdrawn"
    """The publisher rolled the tag back from the digest in the file."""
    GONE = "gone"
    """The registry no longer has the digest in the file."""


@dataclass(frozen=True, slots=True)
class Update:
    """Update to the first candidate that is old enough and passes the gates; newest candidate first, never empty."""

    selected: Selected
    candidates: tuple[Candidate, ...]
    cause: Cause = Cause.MOVED
    doubt: str = ""
    """A sentence that says why a person must review the update before it is merged; empty if none has to."""

    @property
    def occurrence(self) -> Occurrence:
        return self.selected.occurrence


@dataclass(frozen=True, slots=True)
class UpToDate:
    """The file already contains the digest that it should contain."""

    selected: Selected

    @property
    def occurrence(self) -> Occurrence:
        return self.selected.occurrence


@dataclass(frozen=True, slots=True)
class Skip:
    """The image reference is left unchanged, because of the policy, the file itself, or a built-in rule."""

    occurrence: Occurrence
    reason: Reason
    selected: Selected | None = None
    """The tracked tag and the policy, if they are known."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The gates refused every candidate of an update."""

    update: Update
    reason: Reason
    detail: str = ""

    @property
    def occurrence(self) -> Occurrence:
        return self.update.occurrence


@dataclass(frozen=True, slots=True)
class Held:
    """A newer digest exists, but it is not clearly better."""

    selected: Selected
    reason: Reason
    detail: str

    @property
    def occurrence(self) -> Occurrence:
        return self.selected.occurrence


@dataclass(frozen=True, slots=True)
class Superseded:
    """The file contains the last digest of a tag that no longer receives updates, and newer tags exist."""

    selected: Selected
    reason: Reason
    detail: str
    successor: str | None = None
    """The tag that succeeds it, if it is known."""

    @property
    def occurrence(self) -> Occurrence:
        return self.selected.occurrence


@dataclass(frozen=True, slots=True)
class Unknown:
    """The registry lookup did not give an answer."""

    selected: Selected
    reason: Reason
    detail: str

    @property
    def occurrence(self) -> Occurrence:
        return self.selected.occurrence


@dataclass(frozen=True, slots=True)
class NotChecked:
    """No registry was queried, because the run is offline."""

    selected: Selected

    @property
    def occurrence(self) -> Occurrence:
        return self.selected.occurrence


Decision = Update | UpToDate | Superseded | Held | Skip | Refused | Unknown | NotChecked


def selected_of(decision: Decision) -> Selected | None:
    """Return the tracked image that a decision is about; None if the reference tracks no tag."""
    return decision.update.selected if isinstance(decision, Refused) else decision.selected


@dataclass(frozen=True, slots=True)
class Transition:
    """A change from one digest to another; the unit of evidence, assessed once per run for all image references."""

    line: Line
    old: Digest | None
    """None if the file contains no digest."""
    new: Digest
    platforms: tuple[str, ...]
    """The platforms on which both images are scanned; never empty."""
    tag: str | None = None
    """The new tag, if the transition changes the tag."""

    @property
    def goal(self) -> Line:
        """The tag that `new` belongs to."""
        return self.line if self.tag is None else Line(self.line.repository, self.tag)

    @property
    def order(self) -> tuple[Line, bool, str, str, str, tuple[str, ...]]:
        """A key to sort transitions by; transitions from a digest come first."""
        return self.line, self.old is None, self.old or "", self.tag or "", self.new, self.platforms
