"""Sibling tags: tags of the same family that name images of the same version, as `3.12.7-slim` and `3.12-slim` do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.choice.tags.families import parse_tag_among
from bot.core.choice.tags.version import TagVersion

_PATCHED_NUMBERS = 3
"""The minimum count of numbers in a version with which the last number is a patch number."""


@dataclass(frozen=True, slots=True)
class SiblingTag:
    """A tag whose image can take the place of the image of another tag."""

    tag: str
    is_same_release: bool
    """True if the other tag also fits the image, because it names the same version with fewer numbers. False if the
    sibling is another patch, so that its tag must be written to the file."""


def find_siblings(tag: str, available_tags: Iterable[str]) -> tuple[SiblingTag, ...]:
    """Return the siblings of a tag, most preferred first; empty if the tag has no version.

    First come the tags that name the same version more precisely, newest first. If there are none, the other patches of
    the same release follow: `1.27.2` for `1.27.3`. The operating system and the variant never differ, and a release is
    never replaced by a pre-release.
    """
    written, versions = parse_tag_among(tag, available_tags)
    if written is None or not written.numbers:
        return ()
    relatives = [each for each in versions if each.tag != tag and _is_same_variant(written, each)]
    precise = [
        each
        for each in relatives
        if len(each.numbers) > len(written.numbers) and each.has_leading_numbers(written.numbers)
    ]
    patches = [
        each
        for each in relatives
        if len(each.numbers) == len(written.numbers) >= _PATCHED_NUMBERS
        and each.has_leading_numbers(written.numbers[:-1])
    ]
    return tuple(
        SiblingTag(each.tag, is_same_release=bool(precise))
        for each in sorted(precise or patches, key=lambda version: (version.sort_key, version.tag), reverse=True)
    )


def _is_same_variant(written: TagVersion, other: TagVersion) -> bool:
    return (
        other.skeleton == written.skeleton
        and other.scheme == written.scheme
        and other.system_words == written.system_words
        and (written.is_pre_release or not other.is_pre_release)
    )
