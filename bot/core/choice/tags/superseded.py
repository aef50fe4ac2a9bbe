"""Detection of superseded tags from tag names.

Names prove little: the tag `3.13` does not show that `3.12` is superseded, because `3.12` is rebuilt for years. This
module therefore uses only two facts. A tag of full precision (`3.12.1`) is not rebuilt after the next patch (`3.12.2`)
was released. And if newer patches of a release no longer use an operating system, later patches do not use it again. If
the registry states push times, callers should compare these in addition.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.choice.tags.families import filter_relatives, parse_tag_among
from bot.core.choice.tags.parsing import parse_tag
from bot.core.choice.tags.successors import can_follow, find_newest_tag, find_successor
from bot.core.choice.tags.version import TagVersion, VersionScheme
from bot.model.modes import UpdateMode
from bot.model.vocabulary import Reason

_FULL_PRECISION = 3
_DATE_WIDTH = len("20240530")


@dataclass(frozen=True, slots=True)
class TagEnding:
    """The reason that a tag receives no further updates, and the tag that replaces it."""

    reason: Reason
    """One of the reasons of the status `superseded`."""
    successor: str


def can_be_superseded(tag: str) -> bool:
    """Return True if the names of other tags could show that `tag` is superseded.

    This is possible only in these cases:

    - The tag has full precision: at least three version numbers (`3.12.1`), a build number or a date.
    - The tag is a pre-release.
    - The tag contains both a version and an operating system.
    """
    written = parse_tag(tag)
    if written is None:
        return False
    is_precise = len(written.numbers) >= _FULL_PRECISION or bool(written.builds) or written.scheme is VersionScheme.DATE
    return is_precise or written.is_pre_release or (bool(written.systems) and bool(written.numbers))


def find_tag_ending(tag: str, available_tags: Iterable[str]) -> TagEnding | None:
    """Return the reason that `tag` is superseded, and its successor; None if tag names do not prove this.

    For example, `3.12.1` is superseded if there is `3.12.2`. If the registry states when tags were changed, callers
    should also check that `tag` did not change after its successor.

    If `tag` may still be rebuilt, the result is None. This concerns tags such as `postgres:9.6` and `node:16-alpine`,
    because names do not show whether a publisher still maintains a release or rebuilds a tag with two numbers.
    """
    tags = tuple(available_tags)
    written, versions = parse_tag_among(tag, tags)
    if written is None:
        return None
    release_numbers = _get_release_numbers(written, versions)
    if written.systems and written.numbers and not written.is_stream:
        newer_system_tag = _find_patch_on_later_system(
            written, versions, written.numbers if release_numbers is None else release_numbers
        )
        if newer_system_tag is not None:
            same_precision_tag = (
                find_successor(tag, tags, UpdateMode.PATCH, allow_os_variants=True) if release_numbers is None else None
            )
            return TagEnding(Reason.VARIANT_DROPPED, same_precision_tag or newer_system_tag)
    if release_numbers is None:
        return None
    newer = find_newest_tag(
        version
        for version in filter_relatives(written, versions)
        if version.has_leading_numbers(release_numbers)
        and version.sort_key > written.sort_key
        and can_follow(written, version, allow_os_variants=False)
    )
    return TagEnding(Reason.TAG_STOPPED, newer) if newer else None


def _get_release_numbers(written: TagVersion, versions: Iterable[TagVersion]) -> tuple[int, ...] | None:
    """Return the numbers that `written` shares with the tags that would supersede it: (3, 12) for `3.12.1`.

    Return None if the tag may still be rebuilt, such as `3.12`. For a date, the result is an empty tuple, because a tag
    with any later date supersedes it.
    """
    numbers = written.numbers
    if written.is_stream or written.scheme is VersionScheme.DATE:
        return ()
    if written.scheme is VersionScheme.JAVA_UPDATE:
        return numbers[:2]
    if _DATE_WIDTH in written.widths[1:]:  # `24.04.20240530`
        return numbers[: written.widths.index(_DATE_WIDTH, 1)]
    if len(numbers) < _FULL_PRECISION and (written.builds or _is_numbered_pre_release(written.pre_release)):
        return numbers
    if len(numbers) < _FULL_PRECISION:  # `3.12` is rebuilt, but PostgreSQL's `16.1` is not; their names do not show it
        return None
    has_longer_version = any(
        version.skeleton_without_builds == written.skeleton_without_builds
        and version.system_words == written.system_words
        and version.has_leading_numbers(numbers)
        and len(version.numbers) > len(numbers)
        for version in versions
    )
    return None if has_longer_version else numbers[:-1]


def _find_patch_on_later_system(
    written: TagVersion, versions: Iterable[TagVersion], release_numbers: tuple[int, ...]
) -> str | None:
    """Return the newest patch of a release if it exists only for later operating systems; otherwise None.

    `release_numbers` identify the release. For example, they are (3, 12) for `3.12-bullseye`. If there are
    `3.12.4-bullseye` and `3.12.5-bookworm`, but no `3.12.5-bullseye`, the publisher has dropped `bullseye`, and the
    result is `3.12.5-bookworm`.
    """
    patches = [
        version
        for version in versions
        if version.skeleton_without_builds == written.skeleton_without_builds
        and version.scheme is written.scheme
        and version.has_leading_numbers(release_numbers)
        and len(version.numbers) > len(release_numbers)
        and not version.is_pre_release
    ]
    same_system_patches = [version for version in patches if version.system_words == written.system_words]
    if not same_system_patches:
        return None  # tags that are rebuilt do not show which release they point to
    precision = max(len(version.numbers) for version in same_system_patches)
    last_numbers = max(version.numbers for version in same_system_patches if len(version.numbers) == precision)
    return find_newest_tag(
        version
        for version in patches
        if len(version.numbers) == precision
        and version.numbers > last_numbers
        and can_follow(written, version, allow_os_variants=True)
    )


def _is_numbered_pre_release(pre_release: tuple[int, int]) -> bool:
    """Return True for `17rc1`. Return False for `17-rc`, which is rebuilt for each release candidate."""
    return pre_release[1] > 0
