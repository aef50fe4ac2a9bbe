"""Superseded tags, as far as tag names show it.

Names prove little: the tag `3.13` does not show that `3.12`, which is rebuilt for years, is superseded. Only facts
that publishers do not reverse count: a tag of full precision is not rebuilt once the next patch is out, and an
operating system that the patches of a release no longer use does not return. Callers that have times from the registry
should compare these as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.choice.tags.choosing import may_follow, newest, successor
from bot.core.choice.tags.families import beside, relatives
from bot.core.choice.tags.reading import read
from bot.core.choice.tags.version import Scheme, Version
from bot.model.modes import UpdateMode
from bot.model.vocabulary import Reason

_FULL_PRECISION = 3
_DATE_WIDTH = len("20240530")


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a tag that gets no better images, and the tag that continues in its place."""

    reason: Reason
    """A reason of the status `superseded`."""
    successor: str


def could_end(tag: str) -> bool:
    """Return True if other tags could show that `tag` is superseded: it is precise, or names an operating system."""
    written = read(tag)
    if written is None:
        return False
    is_precise = len(written.numbers) >= _FULL_PRECISION or bool(written.builds) or written.scheme is Scheme.DATE
    return is_precise or written.is_pre_release or (bool(written.systems) and bool(written.numbers))


def ended(tag: str, offered: Iterable[str]) -> Ending | None:
    """Return why `tag` is superseded; None if tag names do not show it, as for each tag that is still rebuilt.

    Names do not show the end of a whole release (`postgres:9.6`, `node:16-alpine`), nor of a tag with two numbers.
    If the registry has the times at which tags were changed, compare those of `tag` and of its successor.
    """
    tags = tuple(offered)
    written, found = beside(tag, tags)
    if written is None:
        return None
    line = _line(written, found)
    if written.systems and written.numbers and not written.is_stream:
        left_for = _left_for(written, found, written.numbers if line is None else line)
        if left_for is not None:
            same = successor(tag, tags, UpdateMode.PATCH, variants=True) if line is None else None
            return Ending(Reason.VARIANT_DROPPED, same or left_for)
    if line is None:
        return None
    newer = newest(
        version
        for version in relatives(written, found)
        if version.extends(line) and version.age > written.age and may_follow(written, version, variants=False)
    )
    return Ending(Reason.TAG_STOPPED, newer) if newer else None


def _line(written: Version, offered: Iterable[Version]) -> tuple[int, ...] | None:
    """Return the numbers of the release that a precise tag is a patch of; None if the tag itself gets updates."""
    numbers = written.numbers
    if written.is_stream or written.scheme is Scheme.DATE:
        return ()
    if written.scheme is Scheme.JAVA_UPDATE:
        return numbers[:2]
    if _DATE_WIDTH in written.widths[1:]:  # `24.04.20240530`
        return numbers[: written.widths.index(_DATE_WIDTH, 1)]
    if len(numbers) < _FULL_PRECISION and (written.builds or _is_numbered(written.pre_release)):
        return numbers
    if len(numbers) < _FULL_PRECISION:  # `3.12` is updated, PostgreSQL's `16.1` is not; their names do not differ
        return None
    has_more = any(
        version.bare == written.bare
        and version.system_words == written.system_words
        and version.extends(numbers)
        and len(version.numbers) > len(numbers)
        for version in offered
    )
    return None if has_more else numbers[:-1]


def _left_for(written: Version, offered: Iterable[Version], line: tuple[int, ...]) -> str | None:
    """Return the tag of the release's newest patch if that is available on later operating systems only."""
    patches = [
        version
        for version in offered
        if version.bare == written.bare
        and version.scheme is written.scheme
        and version.extends(line)
        and len(version.numbers) > len(line)
        and not version.is_pre_release
    ]
    own = [version for version in patches if version.system_words == written.system_words]
    if not own:
        return None  # floating tags alone do not show which release they point to
    precision = max(len(version.numbers) for version in own)
    last = max(version.numbers for version in own if len(version.numbers) == precision)
    return newest(
        version
        for version in patches
        if len(version.numbers) == precision and version.numbers > last and may_follow(written, version, variants=True)
    )


def _is_numbered(pre_release: tuple[int, int]) -> bool:
    """Return True for `17rc1`; False for `17-rc`, which is updated from one release candidate to the next."""
    return pre_release[1] > 0
