"""The ownership of a branch by content: a branch is basebump's if it contains only edits that basebump makes.

basebump's edits replace the digest of an image reference, and possibly its tag, and nothing else. `find_written_images`
compares the two versions of a file. `judge_images` compares the images that a branch writes with the pull request's
mark, with the commit's trailer, and with the digests that this run or the state knows.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.core.proposal.update_groups import WrittenValue, hash_written_values
from bot.model.branch_ownership import FOREIGN_BRANCH, BranchClaim, BranchVerdict
from bot.model.proposal import Target
from bot.model.source import EditSlot, NotEditable, Reference, Span

_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}(?![0-9a-f])")
_TAG = re.compile(rb"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}(?![a-zA-Z0-9_.-])")
"""Matches the longest text that can be a tag.

A tag in a file ends where its slot ends, so no tag contains the next byte.
"""

ImageVersion = tuple[str, str, str]
"""Canonical repository, tag and digest of an image."""


@dataclass(frozen=True, slots=True)
class WrittenImage:
    """A digest, and possibly a tag, that a branch writes into an image reference."""

    reference: Reference
    digest: str
    tag: str | None
    """None if the branch does not change the tag."""

    @property
    def value(self) -> WrittenValue:
        """The path, the locator, and the text that basebump hashes into the intent of a commit."""
        text = self.digest if self.tag is None else f"{self.tag}@{self.digest}"
        return self.reference.path, self.reference.locator, text

    def is_among(self, versions: Collection[ImageVersion]) -> bool:
        """Return True if `versions` contains the image. A reference without a tag matches every tag."""
        image = self.reference.image
        tag = self.tag or image.tag
        if tag is not None:
            return (image.repository, tag, self.digest) in versions
        return any((repository, digest) == (image.repository, self.digest) for repository, _, digest in versions)


@dataclass(frozen=True, slots=True)
class PlannedValues:
    """The values that a desired proposal of this run writes into files, and the intent of the proposal."""

    intent: str
    values: frozenset[WrittenValue]


@dataclass(frozen=True, slots=True)
class _SlotChoice:
    """A slot of an image reference, and the text that basebump may write into it."""

    slot: EditSlot
    is_tag: bool

    def find_end(self, content: bytes, start: int) -> int | None:
        """Return the offset where the value at `start` ends. Return None if basebump cannot have written the value."""
        if not content.startswith(self.slot.prefix, start):
            return None
        match = (_TAG if self.is_tag else _DIGEST).match(content, start + len(self.slot.prefix))
        return match.end() if match else None


def find_written_images(
    content: bytes, new_content: bytes, references: Iterable[Reference]
) -> tuple[WrittenImage, ...] | None:
    """Return the images that an edit of a file writes; None if the edit also changes anything else.

    `new_content` must be `content`, with new digests in the slots of some of the `references`, and with new tags in
    the slots of some of those. Slots count although a file or a rule makes their references not editable now, because
    basebump may have edited them earlier.
    """
    known = list(references)
    choices: dict[Span, dict[_SlotChoice, None]] = defaultdict(dict)
    for reference in known:
        for slot, is_tag in ((reference.digest_slot, False), (reference.tag_slot, True)):
            edit_slot = _get_slot(slot)
            if edit_slot is not None:
                choices[edit_slot.span][_SlotChoice(edit_slot, is_tag)] = None
    written = _find_written_texts(content, new_content, {span: choices[span] for span in sorted(choices)})
    return _collect_images(written, known) if written is not None else None


def _find_written_texts(
    content: bytes, new_content: bytes, choices: Mapping[Span, Iterable[_SlotChoice]]
) -> dict[tuple[Span, bool], str] | None:
    """Return the new text of each changed slot, by the span of the slot and by whether the text is a tag.

    Return None if the contents differ outside the slots. The keys of `choices` are sorted.
    """
    written: dict[tuple[Span, bool], str] = {}
    copied = position = 0
    for span, slots in choices.items():
        if span.start < copied:  # the slot overlaps one that was read already
            continue
        gap = content[copied : span.start]
        if not new_content.startswith(gap, position):
            return None
        position += len(gap)
        copied = span.start
        for choice in slots:
            end = choice.find_end(new_content, position)
            if end is not None and new_content[position:end] != content[span.start : span.end]:
                text = new_content[position + len(choice.slot.prefix) : end]
                written[span, choice.is_tag] = text.decode("ascii")
                position, copied = end, span.end
                break
    return written if new_content[position:] == content[copied:] else None


def _collect_images(
    written: Mapping[tuple[Span, bool], str], references: Iterable[Reference]
) -> tuple[WrittenImage, ...] | None:
    """Return an image for each reference whose digest or tag was written; None if a tag was written without a digest.

    If only the tag of a reference with a digest was written, the new tag points to the same digest.
    """
    images: list[WrittenImage] = []
    tags_with_digest: set[Span] = set()
    for reference in references:
        digest_slot, tag_slot = _get_slot(reference.digest_slot), _get_slot(reference.tag_slot)
        digest = written.get((digest_slot.span, False)) if digest_slot is not None else None
        tag = written.get((tag_slot.span, True)) if tag_slot is not None else None
        if tag is not None and digest_slot is not None:
            digest = digest or reference.image.digest
        if digest is not None:
            images.append(WrittenImage(reference, digest, tag))
            tags_with_digest |= {tag_slot.span} if tag_slot is not None else set()
        elif tag is not None and digest_slot is not None:
            return None
    if any(is_tag and span not in tags_with_digest for span, is_tag in written):
        return None
    return tuple(images)


def _get_slot(slot: EditSlot | NotEditable) -> EditSlot | None:
    return slot if isinstance(slot, EditSlot) else slot.slot


def parse_targets(targets: Iterable[Target]) -> frozenset[ImageVersion]:
    """Return the images that targets name. A target that stands for a hash of many targets is left out."""
    parts = (target.rpartition("@") for target in targets)
    return frozenset(
        (repository, tag, digest)
        for tag_ref, _, digest in parts
        for repository, colon, tag in [tag_ref.rpartition(":")]
        if colon
    )


def judge_images(
    claim: BranchClaim,
    images: Sequence[WrittenImage],
    planned: Sequence[PlannedValues],
    known_versions: Collection[ImageVersion],
    pushed_intent: str | None = None,
) -> BranchVerdict:
    """Return the verdict on a branch that writes only `images`, each of which is an edit that basebump can make.

    The intent in the verdict follows from the images, and not from the trailer of the commit. It equals the intent of a
    planned proposal only if the branch writes exactly the values of this proposal.

    If there is a pull request, each image must be a target of its mark, or be known. If it is not, the branch is
    basebump's only if the trailer contains the hash of exactly these images: basebump was interrupted after it had
    pushed, and before it had written the mark. Neither of the two proves that basebump wrote the image, because a user
    can change marks and trailers. A known image does not prove it either, because a user can push a digest that the tag
    had earlier. Therefore `is_confirmed` depends only on `planned` and `pushed_intent`.

    Args:
        claim: The data that the branch and its pull request state about themselves.
        images: The images that the branch writes.
        planned: The proposals of this run for the branch.
        known_versions: The images that this run or the state knows.
        pushed_intent: The intent of basebump's last push to the branch according to the state; None if unknown.
    """
    values = frozenset(image.value for image in images)
    for proposal in planned:
        if is_written_by(proposal.values, images):
            return BranchVerdict(proposal.intent)
    intent = hash_written_values(values)
    proposed_values = {value for each in planned for value in each.values}
    is_confirmed = intent == pushed_intent or values <= proposed_values
    if claim.mark is None:
        return BranchVerdict(intent, is_confirmed)
    marked_versions = parse_targets(claim.mark.targets)
    allowed_versions = marked_versions.union(known_versions)
    if intent != claim.intent and not all(image.is_among(allowed_versions) for image in images):
        return FOREIGN_BRANCH
    return BranchVerdict(intent, is_confirmed, all(image.is_among(marked_versions) for image in images))


def is_written_by(values: Collection[WrittenValue], images: Iterable[WrittenImage]) -> bool:
    """Return True if writing `values` changes exactly the references in `images`.

    Several references can share the bytes of a digest. Writing the digest of one of them also changes the others, even
    if `values` does not name them.
    """
    by_digest: dict[tuple[str, Span | None], list[WrittenValue]] = defaultdict(list)
    for image in images:
        slot = _get_slot(image.reference.digest_slot)
        by_digest[image.reference.path, slot.span if slot is not None else None].append(image.value)
    written = {value for shared in by_digest.values() for value in shared}
    return set(values) <= written and all(any(each in values for each in shared) for shared in by_digest.values())
