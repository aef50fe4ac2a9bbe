"""Choice of the tag to update to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from bot.core.choice.tags.families import beside, relatives
from bot.core.choice.tags.schedules import schedule_of
from bot.core.choice.tags.version import Scheme, Version
from bot.model.modes import UpdateMode


def successor(tag: str, offered: Iterable[str], mode: UpdateMode, *, variants: bool = False) -> str | None:
    """Return the newest tag that `tag` may be updated to within `mode`, or None."""
    return next(iter(successors(tag, offered, mode, variants=variants)), None)


def successors(tag: str, offered: Iterable[str], mode: UpdateMode, *, variants: bool = False) -> tuple[str, ...]:
    """Return all tags that `tag` may be updated to within `mode`, newest first.

    Each has the same prefix, suffix and precision. The operating system (`alpine3.19`, `bookworm`) changes only with
    `allow_os_variants`, and then only to a later release of the same distribution. A pre-release is chosen only from
    an earlier one of the same release. Numbers are read as major.minor.patch, whatever the publisher means by them.
    Dates after the name of an operating system count rebuilds, which are patches.
    """
    fixed = _fixed_numbers(mode)
    if fixed is None:
        return ()
    tags = tuple(offered)
    written, found = beside(tag, tags)
    if written is None:
        return ()
    candidates = [
        version
        for version in relatives(written, found)
        if version.age > written.age
        and (written.is_stream or version.extends(written.numbers[:fixed]))
        and may_follow(written, version, variants=variants)
    ]
    schedule = schedule_of(tags) if candidates and written.scheme is Scheme.NUMBERS else None
    if schedule is not None:
        candidates = [version for version in candidates if schedule.allows(written.numbers, version.numbers)]
    return tuple(version.tag for version in sorted(candidates, key=_order, reverse=True))


def reaches(tag: str, goal: str, mode: UpdateMode) -> bool:
    """Return True if the update from `tag` to `goal` is certain to be within `mode`.

    A later operating system is outside of every mode.
    """
    if mode is UpdateMode.NONE:
        return False
    return goal == tag or successor(tag, [goal], mode) == goal


def may_follow(written: Version, offered: Version, *, variants: bool) -> bool:
    """Return True if `candidate` is stable enough, and its operating systems may replace the written ones."""
    if offered.is_pre_release and not (written.is_pre_release and offered.numbers == written.numbers):
        return False
    if not variants:
        return offered.system_words == written.system_words
    return all(old.leads_to(new) for old, new in zip(written.systems, offered.systems, strict=True))


def newest(candidates: Iterable[Version]) -> str | None:
    """Return the tag of the newest candidate, or None without candidates."""
    best = max(candidates, key=_order, default=None)
    return best.tag if best is not None else None


def _order(version: Version) -> tuple[object, ...]:
    """Return the sort key: the version, then the tag, so that the order of equal versions is deterministic."""
    return (version.age, version.tag)


def _fixed_numbers(mode: UpdateMode) -> int | None:
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
