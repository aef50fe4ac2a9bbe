"""Tag families: tags of a repository that differ in their version only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.core.choice.tags.reading import read
from bot.core.choice.tags.schemes import is_doubtful
from bot.core.choice.tags.version import Scheme, Version

_FIRST_BUILDS = range(2)
_MANY_BUILDS = 100
"""Versions of other products are never so low or so high, so a family with such numbers counts builds."""


def versions(offered: Iterable[str]) -> tuple[Version, ...]:
    """Parse the tags, each once, in an order that does not depend on the registry.

    A number such as 18 in `3.2-18` counts builds only if other tags of the family show this. Otherwise it is treated
    as the version of another product, which must stay equal.
    """
    found = [version for tag in sorted(set(offered)) if (version := read(tag)) is not None]
    counting = {version.skeleton for version in found if _shows_counting(version)}
    settled = (version if version.skeleton in counting else _without_doubt(version) for version in found)
    return tuple(version for version in settled if version is not None)


def beside(tag: str, offered: Iterable[str]) -> tuple[Version | None, tuple[Version, ...]]:
    """Parse `tag` and all available tags together; return None and no versions if `tag` has no version."""
    if read(tag) is None:
        return None, ()
    found = versions((*offered, tag))
    return next((version for version in found if version.tag == tag), None), found


def _shows_counting(version: Version) -> bool:
    last = version.builds[-1] if version.builds else ()
    return len(last) == 1 and (last[0] in _FIRST_BUILDS or last[0] >= _MANY_BUILDS)


def _without_doubt(version: Version) -> Version | None:
    if version.builds and is_doubtful(len(version.numbers), version.builds[-1]):
        return read(version.tag, counts=False)
    return version


def is_kin(tag: str, other: str) -> bool:
    """Return True if both tags have the same prefix, suffix and scheme, at any precision."""
    mine, theirs = read(tag), read(other)
    return mine is not None and theirs is not None and mine.skeleton == theirs.skeleton


def relatives(written: Version, offered: Iterable[Version]) -> tuple[Version, ...]:
    """Return the versions with the prefix, suffix, scheme and precision of `written`; operating systems may differ.

    If some tags have numbers with leading zeros (`20.04`), tags of the same widths (`20.10`) are of the same scheme,
    and `5.2.3` is of another: publishers leave tags of abandoned schemes in the repository. If other tags with the
    same beginning have no zeros (`27.3` next to `19.03`), `20.10` belongs to those.
    """
    found = [version for version in offered if version.is_related(written)]
    zeros = {prefix: True for version in (*found, written) if (prefix := _with_zeros(version))}
    for prefix in zeros:
        zeros[prefix] = not any(_does_without(version, prefix) for version in found)
    mine = _padding(written, zeros)
    return tuple(version for version in found if _padding(version, zeros) == mine)


def _with_zeros(version: Version) -> tuple[int, ...]:
    """Return the widths of the numbers up to the last with a leading zero; empty for dates, which may all have them."""
    if version.scheme not in {Scheme.NUMBERS, Scheme.YEAR}:
        return ()
    padded = [
        index
        for index, (number, width) in enumerate(zip(version.numbers, version.widths, strict=True))
        if len(str(number)) < width
    ]
    return version.widths[: padded[-1] + 1] if padded else ()


def _does_without(version: Version, prefix: tuple[int, ...]) -> bool:
    *start, last = prefix
    return list(version.widths[: len(start)]) == start and version.widths[len(start)] < last


def _padding(version: Version, zeros: Mapping[tuple[int, ...], bool]) -> tuple[int, ...]:
    """Return the widths that make a version part of a scheme with leading zeros; empty if it belongs to none.

    The values of `zeros` say whether equal widths are enough, or the version needs leading zeros itself.
    """
    own = _with_zeros(version)
    mine = (
        prefix
        for prefix, by_width in zeros.items()
        if version.widths[: len(prefix)] == prefix and (by_width or own[: len(prefix)] == prefix)
    )
    return max(mine, default=())
