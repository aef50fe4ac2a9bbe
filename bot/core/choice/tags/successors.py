"""Choice of the tag to update to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from bot.core.choice.tags.families import filter_relatives, parse_tag_among
from bot.core.choice.tags.release_schedules import find_schedule
from bot.core.choice.tags.version import TagVersion, VersionScheme
from bot.model.modes import UpdateMode


def find_successor(
    tag: str, available_tags: Iterable[str], mode: UpdateMode, *, allow_os_variants: bool = False
) -> str | None:
    """Return the newest tag that `tag` may be updated to within `mode`, or None."""
    return next(iter(find_successors(tag, available_tags, mode, allow_os_variants=allow_os_variants)), None)


def find_successors(
    tag: str, available_tags: Iterable[str], mode: UpdateMode, *, allow_os_variants: bool = False
) -> tuple[str, ...]:
    """Return all tags that `tag` may be updated to within `mode`, newest first.

    Each has the same prefix, suffix and precision. The operating system (`alpine3.19`, `bookworm`) changes only with
    `allow_os_variants`, and then only to a later release of the same distribution. A pre-release is chosen only from
    an earlier one of the same release. Numbers are read as major.minor.patch, whatever the publisher means by them.
    Dates after the name of an operating system count rebuilds, which are patches.
    """
    fixed_count = _count_fixed_numbers(mode)
    if fixed_count is None:
        return ()
    tags = tuple(available_tags)
    written, versions = parse_tag_among(tag, tags)
    if written is None:
        return ()
    candidates = [
        version
        for version in filter_relatives(written, versions)
        if version.sort_key > written.sort_key
        and (written.is_stream or version.has_leading_numbers(written.numbers[:fixed_count]))
        and can_follow(written, version, allow_os_variants=allow_os_variants)
    ]
    schedule = find_schedule(tags) if candidates and written.scheme is VersionScheme.NUMBERS else None
    if schedule is not None:
        candidates = [version for version in candidates if schedule.can_update(written.numbers, version.numbers)]
    return tuple(version.tag for version in sorted(candidates, key=_get_sort_key, reverse=True))


def is_within_mode(tag: str, goal: str, mode: UpdateMode) -> bool:
    """Return True if the update from `tag` to `goal` is certain to be within `mode`.

    A later operating system is outside of every mode.
    """
    if mode is UpdateMode.NONE:
        return False
    return goal == tag or find_successor(tag, [goal], mode) == goal


def can_follow(written: TagVersion, candidate: TagVersion, *, allow_os_variants: bool) -> bool:
    """Return True if `candidate` is stable enough, and its operating systems may replace the written ones."""
    if candidate.is_pre_release and not (written.is_pre_release and candidate.numbers == written.numbers):
        return False
    if not allow_os_variants:
        return candidate.system_words == written.system_words
    return all(old.can_be_replaced_by(new) for old, new in zip(written.systems, candidate.systems, strict=True))


def find_newest_tag(candidates: Iterable[TagVersion]) -> str | None:
    """Return the tag of the newest candidate, or None without candidates."""
    newest_version = max(candidates, key=_get_sort_key, default=None)
    return newest_version.tag if newest_version is not None else None


def _get_sort_key(version: TagVersion) -> tuple[object, ...]:
    """Return the sort key: the version, then the tag, so that the order of equal versions is deterministic."""
    return (version.sort_key, version.tag)


def _count_fixed_numbers(mode: UpdateMode) -> int | None:
    """Return how many leading numbers must stay equal; None if the tag itself must."""
    match mode:
        case UpdateMode.NONE | UpdateMode.DIGEST:
            return None
        case UpdateMode.PATCH:
            return 2
        case UpdateMode.MINOR:
            return 1
        case UpdateMode.MAJOR:
            return 0
    assert_never(mode)
