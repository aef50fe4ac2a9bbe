"""Endings: what the tags beside it say of a tag that will not get better."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.tags.reading import Version, read
from bot.core.tags.successors import is_later, relatives, successor
from bot.model.policy import UpdateMode
from bot.model.vocabulary import Reason

WHOLE = 3
"""Numbers that name one release, whose tag publishers leave alone once the next one is out."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a tag has ended, and the one that comes after it."""

    reason: Reason
    successor: str


def could_end(tag: str) -> bool:
    """Say whether the tags beside it could tell that a tag has ended: it names one release, or a distribution."""
    version = read(tag)
    return version is not None and (len(version.numbers) >= WHOLE or bool(version.distributions))


def ended(tag: str, offered: Iterable[str]) -> Ending | None:
    """Return how a tag has ended, as far as names alone can tell; a tag that only floats has not."""
    written = read(tag)
    if written is None or written.pre is not None:
        return None
    shelf = list(offered)
    if len(written.numbers) >= WHOLE and (later := successor(tag, shelf, UpdateMode.PATCH)):
        return Ending(Reason.TAG_STOPPED, later)
    if written.distributions and (instead := _instead(written, shelf)):
        return Ending(Reason.VARIANT_DROPPED, instead)
    return None


def _instead(written: Version, shelf: list[str]) -> str | None:
    """Return the tag to use instead, where newer releases of a version come only on later distributions."""
    if len(written.numbers) >= WHOLE:
        return successor(written.tag, shelf, UpdateMode.PATCH, variants=True)
    newest_here, newest_elsewhere = _newest_releases(written, shelf)
    if newest_here is None or newest_elsewhere is None or newest_here >= newest_elsewhere:
        return None
    beside = [each for each in relatives(written, shelf, variants=True) if each.numbers == written.numbers]
    best = max(beside, key=lambda each: [part.release for part in each.distributions], default=None)
    return best.tag if best is not None else None


def _newest_releases(written: Version, shelf: list[str]) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
    """Return the newest whole release of a floating tag on its own distribution, and on later ones."""
    here: list[tuple[int, ...]] = []
    elsewhere: list[tuple[int, ...]] = []
    for version in filter(None, map(read, shelf)):
        is_release = len(version.numbers) >= WHOLE and version.pre is None
        same = version.family.prefix == written.family.prefix and version.family.words == written.family.words
        if not is_release or not same or version.numbers[: len(written.numbers)] != written.numbers:
            continue
        if version.distributions == written.distributions:
            here.append(version.numbers)
        elif is_later(version.distributions, written.distributions):
            elsewhere.append(version.numbers)
    return max(here, default=None), max(elsewhere, default=None)
