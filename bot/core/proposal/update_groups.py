"""Grouping of updates into proposals. All updates of one tag, or of one group in the config, become one proposal.

The branch name of a proposal contains a hash of the tag (or the name of the group), the folder if proposals are split
by folder, and the base branch. It does not depend on digests, so later runs find the branch again.
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
from bot.model.image_name import TagRef
from bot.model.modes import SplitBy
from bot.model.proposal import ProposedImage, Target

MAX_SLUG_LENGTH = 40
"""The maximum number of characters of a slug.

Such a slug is enough to recognise an image, and short in lists of branches. The hash makes the branch name unique.
"""
HASH_DIGITS = 8

_BRANCH = re.compile(
    rf"(?:[a-z0-9](?:[a-z0-9.-]{{0,{MAX_SLUG_LENGTH - 2}}}[a-z0-9])?-)?[0-9a-f]{{{HASH_DIGITS}}}", re.ASCII
)
"""The names that `build_branch_name` returns, without the prefix."""
_INVALID_CHARACTER = re.compile(r"[^a-z0-9.-]")
_REPEATED_SEPARATOR = re.compile(r"([.-])\1+")


def build_tag_key(tag_ref: TagRef, folder: str | None = None, base: str | None = None) -> str:
    """Return the text that identifies the proposal of one tag. `build_branch_name` hashes this text.

    `folder` is None if proposals are not split by folder. `base` is the base branch; None for the default branch.
    """
    return _build_key(f"line:{tag_ref}", folder, base)


def build_group_key(group: str, folder: str | None = None, base: str | None = None) -> str:
    """Return the text that identifies the proposal of a group in the config. `build_branch_name` hashes this text.

    `folder` is None if proposals are not split by folder. `base` is the base branch; None for the default branch.
    """
    return _build_key(f"group:{group}", folder, base)


def build_branch_name(prefix: str, source: TagRef | str, key: str) -> str:
    """Return the branch name `<prefix><slug>-<hash>`, for example `basebump/python-3.12-slim-1f2e3d4c`.

    git accepts the name if it accepts the branch name `<prefix>a` (https://git-scm.com/docs/git-check-ref-format).
    `prefix` alone is not a valid branch name if it ends with `/`.

    Args:
        prefix: The text with which the names of basebump's branches begin.
        source: The tag or the name of the group. The slug is built from it, so that users recognise the branch. If it
            contains no characters that are allowed in a slug, the name is `<prefix><hash>`.
        key: The text to hash.
    """
    digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:HASH_DIGITS]
    slug = _build_slug(source if isinstance(source, str) else f"{source.repository.rpartition('/')[2]}-{source.tag}")
    return f"{prefix}{slug}-{digest}" if slug else f"{prefix}{digest}"


def is_branch_name(prefix: str, branch: str) -> bool:
    """Return True if the name has the form of the names that `build_branch_name` returns."""
    name = branch.removeprefix(prefix)
    return branch.startswith(prefix) and _BRANCH.fullmatch(name) is not None and ".." not in name


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
"""Limit for the characters of all targets together, which is enough for about 130 targets. The rest of the body needs
space, too."""

_EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class UpdateGroup:
    """The key by which updates are grouped into proposals: updates with equal keys belong to one proposal.

    `subject` is the tag, or the name of the group in the config. `folder` is None if proposals are not split by folder.
    """

    subject: TagRef | str
    folder: str | None = None
    base: str | None = None
    """The base branch; None if it is the default branch."""

    def get_branch(self, prefix: str) -> str:
        """Return the branch name of the proposal, which begins with `prefix`.

        The name does not depend on digests, files or the order of rules, so that later runs find the branch again.
        """
        if isinstance(self.subject, str):
            source = "all-images" if self.is_onboarding else self.subject
            return build_branch_name(prefix, source, build_group_key(self.subject, self.folder, self.base))
        return build_branch_name(prefix, self.subject, build_tag_key(self.subject, self.folder, self.base))

    @property
    def is_onboarding(self) -> bool:
        """True if this is the group of a repository's first proposal, which contains all updates of the repository."""
        return self.subject == _EVERYTHING


def build_onboarding_group(base: str | None) -> UpdateGroup:
    """Return the group of a repository's first proposal, which contains all updates.

    The subject of this group is `*`. The config does not allow `*` as the name of any other group.
    """
    return UpdateGroup(_EVERYTHING, base=base)


def get_update_group(tracked_image: TrackedImage, base: str | None) -> UpdateGroup:
    """Return the group to which the updates of an image reference belong. `base` is None for the default branch."""
    policy = tracked_image.policy
    match policy.split_by:
        case SplitBy.NOTHING:
            folder = None
        case SplitBy.FOLDER:
            folder = tracked_image.reference.path.rpartition("/")[0]
        case _:
            assert_never(policy.split_by)
    return UpdateGroup(policy.group or tracked_image.tag_ref, folder, base)


def build_update_groups(
    updates: Iterable[ImageUpdate], base: str | None, *, all_at_once: bool
) -> dict[UpdateGroup, tuple[ImageUpdate, ...]]:
    """Return the updates of each group, sorted by branch name. Each group becomes one proposal.

    If `all_at_once` is True, all updates are in the onboarding group, because this is the first proposal of the
    repository. `base` is None for the default branch.
    """
    groups: dict[UpdateGroup, list[ImageUpdate]] = defaultdict(list)
    for update in updates:
        groups[build_onboarding_group(base) if all_at_once else get_update_group(update.tracked_image, base)].append(
            update
        )
    return {group: tuple(groups[group]) for group in sorted(groups, key=lambda each: each.get_branch(""))}


def list_targets(updates: Iterable[ImageUpdate]) -> tuple[Target, ...]:
    """Return the new images of a proposal as sorted texts `repository:tag@digest`, without duplicates.

    The texts are stored in the mark of the pull request. If all texts together are too long for the mark, the result is
    only `*@sha256:<hash>`, with a hash of all texts.
    """
    transitions = map(get_first_transition, updates)
    targets = sorted({f"{transition.new_tag_ref}@{transition.new}" for transition in transitions})
    if sum(map(len, targets)) <= MAX_TARGETS_LENGTH:
        return tuple(targets)
    return (f"{_EVERYTHING}@sha256:{hashlib.sha256(json.dumps(targets).encode()).hexdigest()}",)


WrittenValue = tuple[str, str, str]
"""The path and the locator of an image reference, and the value that a commit writes there (see `format_value`)."""


def compute_intent(updates: Iterable[ImageUpdate]) -> str:
    """Return the intent of a commit: a hash of all values that the commit writes into files, in 16 hexadecimal digits.

    A later run computes the intent again. If it equals the intent of the branch, the branch already contains the
    desired changes. The hash includes the file and the position (locator) of each value.
    """
    return hash_written_values(list_written_values(updates))


def list_written_values(updates: Iterable[ImageUpdate]) -> tuple[WrittenValue, ...]:
    """Return the values that a commit with these updates writes into files."""
    return tuple(
        (update.reference.path, update.reference.locator, format_value(update.candidates[0])) for update in updates
    )


def hash_written_values(values: Iterable[WrittenValue]) -> str:
    """Return the hash of the values that a commit writes, in 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(sorted(values), ensure_ascii=True).encode()).hexdigest()[:16]


def format_value(candidate: UpdateCandidate) -> str:
    """Return the value that is written into a file: the digest, or `tag@digest` if the tag changes."""
    return candidate.digest if candidate.tag is None else f"{candidate.tag}@{candidate.digest}"


def list_proposed_images(updates: Iterable[ImageUpdate]) -> tuple[ProposedImage, ...]:
    """Return the updated images of a proposal, sorted and without duplicates.

    If files contain different old digests of an image, there is one entry for each old digest.
    """
    images = {
        ProposedImage(
            reference=f"{update.reference.image.name}:{update.tracked_image.tag_ref.tag}",
            canonical=update.tracked_image.tag_ref.repository,
            tag=get_first_transition(update).new_tag_ref.tag,
            old=update.reference.image.digest,
            new=update.candidates[0].digest,
        )
        for update in updates
    }
    return tuple(sorted(images, key=lambda image: (image.canonical, image.tag, image.old or "", image.reference)))
