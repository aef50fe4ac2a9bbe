"""The decision on each image reference, and the reason if the reference is not updated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.model.policy import Policy
from bot.model.reference import Digest, TagRef
from bot.model.source import Occurrence
from bot.model.vocabulary import Reason


@dataclass(frozen=True, slots=True)
class TrackedImage:
    """An image reference with the tag that it tracks and the policy that applies to it."""

    occurrence: Occurrence
    tag_ref: TagRef
    policy: Policy
    notes: tuple[str, ...] = ()
    """Sentences about the image itself; sentences about the image reference are in `occurrence.notes`."""
    missing_tags_reason: str = ""
    """Why other tags that the policy allows could not be listed; empty if they were listed."""


@dataclass(frozen=True, slots=True)
class UpdateCandidate:
    """A digest to which an image reference may be updated."""

    digest: Digest
    platforms: tuple[str, ...] = ()
    """Platforms of the image if it is an index, else empty."""
    tag: str | None = None
    """The tag to write together with the digest; None if the tag does not change."""
    matures_at: datetime | None = None
    """When the digest reaches the policy's minimum age; None if it already has. Evidence may lift the condition."""
    notes: tuple[str, ...] = ()
    """Sentences about holds that do not apply because the config accepts them."""


class UpdateCause(StrEnum):
    """Why an image reference is to be updated."""

    MOVED = "moved"
    """The tag points to something newer."""
    WITHDRAWN = "withdrawn"
    """The publisher rolled the tag back from the digest in the file."""
    GONE = "gone"
    """The registry no longer has the digest in the file."""


@dataclass(frozen=True, slots=True)
class ImageUpdate:
    """Update to the first candidate that is old enough and passes the gates; newest candidate first, never empty."""

    tracked_image: TrackedImage
    candidates: tuple[UpdateCandidate, ...]
    cause: UpdateCause = UpdateCause.MOVED
    review_reason: str = ""
    """A sentence that says why a person must review the update before it is merged; empty if none has to."""

    @property
    def occurrence(self) -> Occurrence:
        return self.tracked_image.occurrence


@dataclass(frozen=True, slots=True)
class UpToDate:
    """The file already contains the digest that it should contain."""

    tracked_image: TrackedImage

    @property
    def occurrence(self) -> Occurrence:
        return self.tracked_image.occurrence


@dataclass(frozen=True, slots=True)
class SkippedReference:
    """The image reference is left unchanged, because of the policy, the file itself, or a built-in rule."""

    occurrence: Occurrence
    reason: Reason
    tracked_image: TrackedImage | None = None
    """The tracked tag and the policy, if they are known."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RefusedUpdate:
    """The gates refused every candidate of an update."""

    update: ImageUpdate
    reason: Reason
    detail: str = ""

    @property
    def occurrence(self) -> Occurrence:
        return self.update.occurrence


@dataclass(frozen=True, slots=True)
class HeldUpdate:
    """A newer digest exists, but it is not clearly better."""

    tracked_image: TrackedImage
    reason: Reason
    detail: str

    @property
    def occurrence(self) -> Occurrence:
        return self.tracked_image.occurrence


@dataclass(frozen=True, slots=True)
class SupersededReference:
    """The file contains the last digest of a tag that no longer receives updates, and newer tags exist."""

    tracked_image: TrackedImage
    reason: Reason
    detail: str
    successor: str | None = None
    """The tag that succeeds it, if it is known."""

    @property
    def occurrence(self) -> Occurrence:
        return self.tracked_image.occurrence


@dataclass(frozen=True, slots=True)
class UnresolvedReference:
    """The registry lookup did not give an answer."""

    tracked_image: TrackedImage
    reason: Reason
    detail: str

    @property
    def occurrence(self) -> Occurrence:
        return self.tracked_image.occurrence


@dataclass(frozen=True, slots=True)
class UncheckedReference:
    """No registry was queried, because the run is offline."""

    tracked_image: TrackedImage

    @property
    def occurrence(self) -> Occurrence:
        return self.tracked_image.occurrence


Decision = (
    ImageUpdate
    | UpToDate
    | SupersededReference
    | HeldUpdate
    | SkippedReference
    | RefusedUpdate
    | UnresolvedReference
    | UncheckedReference
)


def get_tracked_image(decision: Decision) -> TrackedImage | None:
    """Return the tracked image that a decision is about; None if the reference tracks no tag."""
    return decision.update.tracked_image if isinstance(decision, RefusedUpdate) else decision.tracked_image


@dataclass(frozen=True, slots=True)
class Transition:
    """A change from one digest to another; the unit of evidence, assessed once per run for all image references."""

    tag_ref: TagRef
    old: Digest | None
    """None if the file contains no digest."""
    new: Digest
    platforms: tuple[str, ...]
    """The platforms on which both images are scanned; never empty."""
    new_tag: str | None = None
    """The new tag, if the transition changes the tag."""

    @property
    def new_tag_ref(self) -> TagRef:
        """The tag that `new` belongs to."""
        return self.tag_ref if self.new_tag is None else TagRef(self.tag_ref.repository, self.new_tag)

    @property
    def sort_key(self) -> tuple[TagRef, bool, str, str, str, tuple[str, ...]]:
        """A key to sort transitions by; transitions from a digest come first."""
        return self.tag_ref, self.old is None, self.old or "", self.new_tag or "", self.new, self.platforms
