"""Patch tags: tags such as `3.11-1` for a rebuild of the image `3.11` with newer packages.

Azure's continuous patching and Copacetic push such tags next to the original tag:
https://learn.microsoft.com/azure/container-registry/key-concept-continuous-patching (`3.11-1` to `3.11-999`, or
`3.11-patched`) and https://project-copacetic.github.io/copacetic/website/ (`3.11-patched`, `3.11-patched-1`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

_PATCH_PATTERN = re.compile(
    r"(?P<original>.+?)-(?:patched(?:-(?P<after_word>[1-9][0-9]{0,8}))?|(?P<number>[1-9][0-9]{0,2}))", re.ASCII
)
"""Matches a patch tag. A number of four or more digits belongs to the original tag: `jammy-20240530`."""


@dataclass(frozen=True, slots=True, order=True)
class _PatchTag:
    is_incremental: bool
    """True if the tag ends in a bare number. Such a tag takes precedence over `-patched`, because it never changes."""
    number: int
    """The number of the patch; 0 for `-patched`, which comes before `-patched-1`."""
    tag: str
    original: str


def find_newest_patch(tag: str, available_tags: Iterable[str], *, has_patch_numbers: bool) -> str | None:
    """Return the newest patch tag for `tag`; None if there is none.

    For example, the result may be `3.11-2` if `tag` is `3.11` or `3.11-1`. The caller has to compare the push times of
    `3.11-2` and `3.11`: if `3.11` was rebuilt after its newest patch, then `3.11` has the newer packages.

    `has_patch_numbers` is True if a tag such as `3.11-1` is a patch of `3.11` in this repository. If it is False, only
    tags with the word `patched` are considered, such as `3.11-patched-1`, because a number after `-` may be a build
    number, or the version of another product as in `1-22`.
    """
    written_patch = _parse_patch(tag)
    patches = _group_patches(tuple(available_tags))
    originals = [tag, *([written_patch.original] if written_patch is not None else [])]
    newer = [
        patch
        for original in originals
        for patch in patches.get(original, ())
        if (has_patch_numbers or not patch.is_incremental)
        and (original == tag or (written_patch is not None and _is_newer(patch, written_patch)))
    ]
    return max(newer).tag if newer else None


@lru_cache(maxsize=1)
def _group_patches(available_tags: tuple[str, ...]) -> Mapping[str, Sequence[_PatchTag]]:
    """Return the patch tags of a repository by their original tag.

    The last result is kept, because several tags of one repository are looked up one after the other.
    """
    patches: dict[str, list[_PatchTag]] = defaultdict(list)
    for tag in dict.fromkeys(available_tags):
        patch = _parse_patch(tag)
        if patch is not None:
            patches[patch.original].append(patch)
    return patches


def get_original_tag(tag: str) -> str | None:
    """Return the tag that a patch tag belongs to: `3.11` for `3.11-1` and `3.11-patched`.

    Return None if `tag` does not have the form of a patch tag.
    """
    patch = _parse_patch(tag)
    return patch.original if patch is not None else None


def _is_newer(patch: _PatchTag, written: _PatchTag) -> bool:
    if (patch.original, patch.is_incremental) != (written.original, written.is_incremental):
        return False
    return patch.number > written.number


def _parse_patch(tag: str) -> _PatchTag | None:
    match = _PATCH_PATTERN.fullmatch(tag)
    if match is None:
        return None
    number = match["number"] or match["after_word"] or "0"
    return _PatchTag(match["number"] is not None, int(number), tag, match["original"])
