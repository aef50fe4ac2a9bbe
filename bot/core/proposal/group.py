"""Grouping of updates to proposals: which updates belong together, their branch, targets and intent."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from bot.core.proposal.branch import branch_name, group_key, line_key
from bot.core.transition import transition_of
from bot.model.decision import ImageUpdate, TrackedImage, UpdateCandidate
from bot.model.modes import SplitBy
from bot.model.proposal import ProposedImage, Target
from bot.model.reference import TagRef

MAX_TARGETS = 16_384
"""Characters of targets that are listed individually, about 130 of them; the body needs the remaining space."""

_EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class Bundle:
    """The subject of one proposal: a tag or a named group of tags, in one folder if proposals are split."""

    about: TagRef | str
    folder: str | None = None
    base: str | None = None
    """The base branch if it is not the default branch."""

    def branch(self, prefix: str) -> str:
        """Return the branch, which does not depend on digests, files or the order of rules."""
        if isinstance(self.about, str):
            source = "all-images" if self.is_first else self.about
            return branch_name(prefix, source, group_key(self.about, self.folder, self.base))
        return branch_name(prefix, self.about, line_key(self.about, self.folder, self.base))

    @property
    def is_first(self) -> bool:
        """Whether the proposal has all updates of a repository, as its first one."""
        return self.about == _EVERYTHING


def first(base: str | None) -> Bundle:
    """Return the group of all updates; groups in the config cannot have its name."""
    return Bundle(_EVERYTHING, base=base)


def bundle_of(selected: TrackedImage, base: str | None) -> Bundle:
    """Return the group of a reference; `base` is the base branch if it is not the default branch."""
    policy = selected.policy
    match policy.split_by:
        case SplitBy.NOTHING:
            folder = None
        case SplitBy.FOLDER:
            folder = selected.occurrence.path.rpartition("/")[0]
        case _:
            assert_never(policy.split_by)
    return Bundle(policy.group or selected.tag_ref, folder, base)


def group(
    updates: Iterable[ImageUpdate], base: str | None, *, all_at_once: bool
) -> dict[Bundle, tuple[ImageUpdate, ...]]:
    """Return the updates by group, in an order that depends on the groups only; each group is one proposal."""
    groups: dict[Bundle, list[ImageUpdate]] = defaultdict(list)
    for update in updates:
        groups[first(base) if all_at_once else bundle_of(update.tracked_image, base)].append(update)
    return {bundle: tuple(groups[bundle]) for bundle in sorted(groups, key=lambda each: each.branch(""))}


def targets_of(updates: Iterable[ImageUpdate]) -> tuple[Target, ...]:
    """Return the targets as `line@digest`; if they are too long, a single target with a hash of all."""
    moves = map(transition_of, updates)
    targets = sorted({f"{move.new_tag_ref}@{move.new}" for move in moves})
    if sum(map(len, targets)) <= MAX_TARGETS:
        return tuple(targets)
    return (f"{_EVERYTHING}@sha256:{hashlib.sha256(json.dumps(targets).encode()).hexdigest()}",)


def intent_of(updates: Iterable[ImageUpdate]) -> str:
    """Return 16 hexadecimal digits over the written values: (path, locator, value)."""
    written = sorted(
        (update.occurrence.path, update.occurrence.locator, value_of(update.candidates[0])) for update in updates
    )
    return hashlib.sha256(json.dumps(written, ensure_ascii=True).encode()).hexdigest()[:16]


def value_of(candidate: UpdateCandidate) -> str:
    """Return the written value: the digest, with its tag if that changes."""
    return candidate.digest if candidate.tag is None else f"{candidate.tag}@{candidate.digest}"


def images_of(updates: Iterable[ImageUpdate]) -> tuple[ProposedImage, ...]:
    """Return the updated images, once for each digest that is replaced."""
    images = {
        ProposedImage(
            reference=f"{update.occurrence.reference.name}:{update.tracked_image.tag_ref.tag}",
            canonical=update.tracked_image.tag_ref.repository,
            tag=transition_of(update).new_tag_ref.tag,
            old=update.occurrence.reference.digest,
            new=update.candidates[0].digest,
        )
        for update in updates
    }
    return tuple(sorted(images, key=lambda image: (image.canonical, image.tag, image.old or "", image.reference)))
