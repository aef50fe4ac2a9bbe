"""Successors: the newest tag of the same family, as far as a rule lets an image move."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.core.tags.distributions import Distribution
from bot.core.tags.reading import Version, read
from bot.model.policy import UpdateMode

FIXED: dict[UpdateMode, int] = {UpdateMode.PATCH: 2, UpdateMode.MINOR: 1, UpdateMode.MAJOR: 0}
"""How many of the numbers stay."""
WINDOWS, WINDOWS_FIXED = (10, 0), 3
"""Builds of Windows, `10.0.20348.2227`: the third number is a release, which has to be that of the host."""


def successor(tag: str, offered: Iterable[str], mode: UpdateMode, *, variants: bool = False) -> str | None:
    """Return the newest of the `offered` tags that comes after `tag`, None where there is none.

    It is of the same family: prefix, suffix and precision. Distributions in it stay, or with `variants` move to a
    later release of the same distribution, never back. What is not released yet is never chosen, unless `tag` is of
    the same release.
    """
    written = read(tag)
    if written is None or mode not in FIXED:
        return None
    later = [each for each in relatives(written, offered, variants=variants) if _is_within(written, each, mode)]
    best = max(later, key=_rank, default=None)
    return best.tag if best is not None else None


def relatives(written: Version, offered: Iterable[str], *, variants: bool) -> Iterator[Version]:
    """Yield the offered versions of the same family that may take the place of `written`, older ones among them."""
    for tag in offered:
        version = read(tag)
        if version is not None and version.family == written.family and version.tag != written.tag:
            same = version.distributions == written.distributions
            if same or (variants and is_later(version.distributions, written.distributions)):
                yield version


def is_later(one: tuple[Distribution, ...], other: tuple[Distribution, ...]) -> bool:
    """Say whether the same distributions are named, none in an earlier release."""
    pairs = list(zip(one, other, strict=False))
    return len(one) == len(other) and all(
        mine.name == theirs.name and mine.release >= theirs.release for mine, theirs in pairs
    )


def _is_within(written: Version, offered: Version, mode: UpdateMode) -> bool:
    """Say whether a version is later than the written one, and no farther than the mode lets it be."""
    is_windows = len(written.numbers) > WINDOWS_FIXED and written.numbers[: len(WINDOWS)] == WINDOWS
    fixed = WINDOWS_FIXED if is_windows else FIXED[mode]
    if offered.numbers[:fixed] != written.numbers[:fixed]:
        return False
    if offered.pre is not None and (written.pre is None or offered.numbers != written.numbers):
        return False
    if offered.order == written.order:
        return offered.distributions != written.distributions
    return offered.order > written.order


def _rank(version: Version) -> tuple[object, ...]:
    """Newest first by number, then by distribution; equal ones by their spelling, so that the choice is always one."""
    return version.order, tuple(each.release for each in version.distributions), -len(version.tag), version.tag
