"""The tags of one family, of all that a repository has."""

from __future__ import annotations

from collections.abc import Iterable

from bot.core.tags.reading import read
from bot.core.tags.version import Scheme, Version


def versions(offered: Iterable[str]) -> tuple[Version, ...]:
    """Return what `offered` says, each once, in an order that does not depend on the registry's."""
    found = (read(tag) for tag in sorted(set(offered)))
    return tuple(version for version in found if version is not None)


def relatives(written: Version, offered: Iterable[Version]) -> tuple[Version, ...]:
    """Return those with the prefix, suffix, scheme and precision of `written`; their systems may be others.

    Where some tags write their numbers with leading zeros (`20.04`), those of the same widths (`20.10`) are of one
    scheme, and `5.2.3` is of another: publishers leave the tags of schemes behind that they gave up.
    """
    found = [version for version in offered if version.is_related(written)]
    zeros = {prefix for version in (*found, written) if (prefix := _with_zeros(version))}
    if not zeros:
        return tuple(found)
    mine = _padding(written, zeros)
    return tuple(version for version in found if _padding(version, zeros) == mine)


def _with_zeros(version: Version) -> tuple[int, ...]:
    """Return the widths of its numbers up to the last that has a leading zero, which all dates may have."""
    if version.scheme not in {Scheme.NUMBERS, Scheme.YEAR}:
        return ()
    padded = [
        index
        for index, (number, width) in enumerate(zip(version.numbers, version.widths, strict=True))
        if len(str(number)) < width
    ]
    return version.widths[: padded[-1] + 1] if padded else ()


def _padding(version: Version, zeros: set[tuple[int, ...]]) -> tuple[int, ...]:
    return max((prefix for prefix in zeros if version.widths[: len(prefix)] == prefix), default=())
