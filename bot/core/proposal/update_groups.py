"""Grouping of updates into proposals: which updates belong together, and the branch, targets and intent of a group.

The name of a branch depends only on the tag or the named group, so that each run finds the branches of earlier runs.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from bot.core.transition import get_first_transition
from bot.model.decision import ImageUpdate, TrackedImage, UpdateCandidate
from bot.model.modes import SplitBy
from bot.model.proposal import ProposedImage, Target
from bot.model.reference import TagRef

MAX_SLUG_LENGTH = 40
"""Number of characters, which suffices to recognise an image and is short in lists. The hash makes names unique."""
HASH_DIGITS = 8

_INVALID_CHARACTER = re.compile(r"[^a-z0-9.-]")
_REPEATED_SEPARATOR = re.compile(r"([.-])\1+")


def build_tag_key(tag_ref: TagRef, folder: str | None = None, base: str | None = None) -> str:
    """Return the text whose hash is part of the branch name for one tag.

    `folder` is set if proposals are split by folder, and `base` if the base branch is not the default branch.
    """
    return _build_key(f"line:{tag_ref}", folder, base)


def build_group_key(group: str, folder: str | None = None, base: str | None = None) -> str:
    """Return the text whose hash is part of the branch name for a named group.

    `folder` and `base` are as in `build_tag_key`.
    """
    return _build_key(f"group:{group}", folder, base)


def build_branch_name(prefix: str, source: TagRef | str, key: str) -> str:
    """Return `<prefix><slug>-<hash>`, or `<prefix><hash>` if `source` has no characters for a slug.

    `source` is a tag or the name of a group. The slug is made from it, so that users recognise the branch. The result
    is a valid branch name (https://git-scm.com/docs/git-check-ref-format) if `prefix` followed by a letter is one.
    """
    digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:HASH_DIGITS]
    slug = _build_slug(source if isinstance(source, str) else f"{source.repository.rpartition('/')[2]}-{source.tag}")
    return f"{prefix}{slug}-{digest}" if slug else f"{prefix}{digest}"


def _build_key(subject: str, folder: str | None, base: str | None) -> str:
    parts = [subject]
    if folder is not None:
        parts.append(f"folder={folder}")
    if base is not None:
        parts.append(f"base={base}")
    return "\n".join(parts)


def _build_slug(text: str) -> str:
    plain = _REPEATED_SEPARATOR.sub(r"\1", _INVALID_CHARACTER.sub("-", text.lower()))
    return plain[:MAX_SLUG_LENGTH].strip(".-")


MAX_TARGETS_LENGTH = 16_384
"""Limit for the characters of targets that are listed individually, about 130 of them. The body needs the rest."""

_EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class UpdateGroup:
    """The subject of one proposal: a tag or a named group, and a folder if proposals are split by folder."""

    subject: TagRef | str
    folder: str | None = None
    base: str | None = None
    """The base branch; None if it is the default branch."""

    def get_branch(self, prefix: str) -> str:
        """Return the name of the branch, which does not depend on digests, files or the order of rules."""
        if isinstance(self.subject, str):
            source = "all-images" if self.is_onboarding else self.subject
            return build_branch_name(prefix, source, build_group_key(self.subject, self.folder, self.base))
        return build_branch_name(prefix, self.subject, build_tag_key(self.subject, self.folder, self.base))

    @property
    def is_onboarding(self) -> bool:
        """Whether the group contains all updates of a repository, for its first proposal."""
        return self.subject == _EVERYTHING


def build_onboarding_group(base: str | None) -> UpdateGroup:
    """Return the group for all updates of a repository. A group in the config cannot have the same name."""
    return UpdateGroup(_EVERYTHING, base=base)


def get_update_group(tracked_image: TrackedImage, base: str | None) -> UpdateGroup:
    """Return the group of an image reference. `base` is None for the default branch."""
    policy = tracked_image.policy
    match policy.split_by:
        case SplitBy.NOTHING:
            folder = None
        case SplitBy.FOLDER:
            folder = tracked_image.occurrence.path.rpartition("/")[0]
        case _:
            assert_never(policy.split_by)
    return UpdateGroup(policy.group or tracked_image.tag_ref, folder, base)


def build_update_groups(
    updates: Iterable[ImageUpdate], base: str | None, *, all_at_once: bool
) -> dict[UpdateGroup, tuple[ImageUpdate, ...]]:
    """Return the updates by group. Each group becomes one proposal. Their order is always the same."""
    groups: dict[UpdateGroup, list[ImageUpdate]] = defaultdict(list)
    for update in updates:
        groups[build_onboarding_group(base) if all_at_once else get_update_group(update.tracked_image, base)].append(
            update
        )
    return {group: tuple(groups[group]) for group in sorted(groups, key=lambda each: each.get_branch(""))}


def list_targets(updates: Iterable[ImageUpdate]) -> tuple[Target, ...]:
    """Return the targets as `repository:tag@digest`.

    If they are too long for a body, return a single target with a hash of all of them.
    """
    transitions = map(get_first_transition, updates)
    targets = sorted({f"{transition.new_tag_ref}@{transition.new}" for transition in transitions})
    if sum(map(len, targets)) <= MAX_TARGETS_LENGTH:
        return tuple(targets)
    return (f"{_EVERYTHING}@sha256:{hashlib.sha256(json.dumps(targets).encode()).hexdigest()}",)


def compute_intent(updates: Iterable[ImageUpdate]) -> str:
    """Return the intent of a commit: 16 hexadecimal digits that are a hash of all written values.

    The path and locator of each value are part of the hash.
    """
    written_values = sorted(
        (update.occurrence.path, update.occurrence.locator, format_value(update.candidates[0])) for update in updates
    )
    return hashlib.sha256(json.dumps(written_values, ensure_ascii=True).encode()).hexdigest()[:16]


def format_value(candidate: UpdateCandidate) -> str:
    """Return the written value: the digest, with its tag in front if the tag changes."""
    return candidate.digest if candidate.tag is None else f"{candidate.tag}@{candidate.digest}"


def list_proposed_images(updates: Iterable[ImageUpdate]) -> tuple[ProposedImage, ...]:
    """Return the updated images. An image occurs once for each digest that is replaced."""
    images = {
        ProposedImage(
            reference=f"{update.occurrence.reference.name}:{update.tracked_image.tag_ref.tag}",
            canonical=update.tracked_image.tag_ref.repository,
            tag=get_first_transition(update).new_tag_ref.tag,
            old=update.occurrence.reference.digest,
            new=update.candidates[0].digest,
        )
        for update in updates
    }
    return tuple(sorted(images, key=lambda image: (image.canonical, image.tag, image.old or "", image.reference)))
