"""The decisions on image references, and the transitions between digests for which evidence is collected.

Gates are checks of the evidence that an update must pass before it is proposed. A hold is a reason not to propose an
update yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.model.blocklist import Block
from bot.model.image_name import Digest, TagRef
from bot.model.policy import Policy
from bot.model.source import Reference
from bot.model.vocabulary import Reason


@dataclass(frozen=True, slots=True)
class TrackedImage:
    """An image reference, the policy for it, and the tag to whose current digest it is updated."""

    reference: Reference
    tag_ref: TagRef
    policy: Policy
    notes: tuple[str, ...] = ()
    """Sentences about the image. Sentences about the image reference are in `reference.notes`."""
    missing_tags_reason: str = ""
    """The reason that other tags could not be listed, although the policy allows them; empty if they were listed."""


@dataclass(frozen=True, slots=True)
class UpdateCandidate:
    """A possible target of an update: a digest and, if the update also changes the tag, the new tag."""

    digest: Digest
    platforms: tuple[str, ...] = ()
    """Platforms of the image if it is an index; empty for a single manifest."""
    tag: str | None = None
    """The tag to write together with the digest; None if the tag does not change."""
    matures_at: datetime | None = None
    """The time at which the digest reaches the policy's minimum age; None if it is old enough. An update that fixes an
    urgent vulnerability does not have to wait until then."""
    notes: tuple[str, ...] = ()
    """Sentences about reasons to hold the update that do not apply, because the config accepts these reasons."""
    goes_back: bool = False
    """True if the update goes back to this digest on purpose, because newer digests are blocked."""


class UpdateCause(StrEnum):
    """The cause of an update."""

    MOVED = "moved"
    """The tag points to a newer digest."""
    WITHDRAWN = "withdrawn"
    """The publisher rolled the tag back from the digest in the file."""
    GONE = "gone"
    """The registry no longer has the digest in the file."""
    BLOCKED = "blocked"
    """The operator blocked the digest that the file uses."""


@dataclass(frozen=True, slots=True)
class AddedRisk:
    """The grave vulnerabilities that an update adds, if it does not fix at least as many of the same kind.

    The number for a kind is 0 if the update fixes at least as many vulnerabilities of this kind as it adds.
    """

    critical: int
    exploited: int
    """The number of added vulnerabilities that are known to be exploited, of any severity."""


@dataclass(frozen=True, slots=True)
class _TrackedDecision:
    """The part that all decisions on a tracked image have in common."""

    tracked_image: TrackedImage

    @property
    def reference(self) -> Reference:
        return self.tracked_image.reference


@dataclass(frozen=True, slots=True)
class ImageUpdate(_TrackedDecision):
    """The decision to update an image reference to one of several candidates.

    The newest candidate that is old enough and passes the gates is proposed.
    """

    candidates: tuple[UpdateCandidate, ...]
    """The candidates, newest first; never empty."""
    cause: UpdateCause = UpdateCause.MOVED
    review_reason: str = ""
    """A sentence that says why a person must review the update before it is merged; empty if no review is needed."""
    review_facts: str = ""
    """The words that stand for `review_reason` in the fingerprint of the proposal.

    These words never change, so a better sentence is no reason to rewrite an open pull request.
    """
    added_risk: AddedRisk | None = None
    """The grave vulnerabilities that the update adds without fixing as many. The update is then opened as a draft. None
    if there are none, if the policy allows them, or if the images were not compared."""
    block: Block | None = None
    """The reason why the digest in the file is blocked; None if it is not blocked."""

    @property
    def needs_review(self) -> bool:
        """True if a person must review the update before it is merged."""
        return bool(self.review_reason) or self.added_risk is not None


@dataclass(frozen=True, slots=True)
class UpToDate(_TrackedDecision):
    """The decision that a file needs no update, because it already contains the right digest."""


@dataclass(frozen=True, slots=True)
class SkippedReference:
    """The decision to leave a reference unchanged, because of the policy, the file's content, or a built-in rule."""

    reference: Reference
    reason: Reason
    tracked_image: TrackedImage | None = None
    """The tracked tag and the policy; None if they are not known."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RefusedUpdate:
    """The decision not to propose an update, because no candidate passed the gates."""

    update: ImageUpdate
    reason: Reason
    detail: str = ""

    @property
    def reference(self) -> Reference:
        return self.update.reference


@dataclass(frozen=True, slots=True)
class HeldUpdate(_TrackedDecision):
    """The decision not to propose an update yet, because the newer image is not clearly better than the old one."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class BlockedReference(_TrackedDecision):
    """The decision on a file with a blocked digest for which no replacement is known."""

    block: Block
    detail: str
    """The reason why there is no replacement."""
    is_certain: bool = True
    """False if a replacement may exist, because some data could not be read."""


@dataclass(frozen=True, slots=True)
class SupersededReference(_TrackedDecision):
    """The decision that a tag is superseded: it receives no further updates, and the file contains its last digest."""

    reason: Reason
    detail: str
    successor: str | None = None
    """The tag that replaces the superseded tag; None if it is not known."""


@dataclass(frozen=True, slots=True)
class UnresolvedReference(_TrackedDecision):
    """The decision on a reference whose tag could not be looked up in the registry."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class UncheckedReference(_TrackedDecision):
    """The decision on a reference in an offline run, which queries no registry."""


Decision = (
    ImageUpdate
    | UpToDate
    | SupersededReference
    | HeldUpdate
    | BlockedReference
    | SkippedReference
    | RefusedUpdate
    | UnresolvedReference
    | UncheckedReference
)


def get_tracked_image(decision: Decision) -> TrackedImage | None:
    """Return the tracked image that a decision is about.

    Return None for a SkippedReference that has no tracked image, because its tag is not known.
    """
    return decision.update.tracked_image if isinstance(decision, RefusedUpdate) else decision.tracked_image


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of an image from one digest to another, for example by an update.

    Evidence is collected once for each transition in a run, even if many references would be updated in the same way.
    """

    tag_ref: TagRef
    old: Digest | None
    """None if the file contains no digest."""
    new: Digest
    platforms: tuple[str, ...]
    """The platforms on which both images are scanned; never empty."""
    new_tag: str | None = None
    """The new tag; None if the transition does not change the tag."""

    @property
    def new_tag_ref(self) -> TagRef:
        """The repository and the tag that points to `new`."""
        return self.tag_ref if self.new_tag is None else TagRef(self.tag_ref.repository, self.new_tag)

    @property
    def sort_key(self) -> tuple[TagRef, bool, str, str, str, tuple[str, ...]]:
        """The key that sorts transitions by tag. For the same tag, transitions with an old digest come first."""
        return self.tag_ref, self.old is None, self.old or "", self.new_tag or "", self.new, self.platforms
