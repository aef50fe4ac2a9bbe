"""Patches: tags that a patching pipeline adds beside the ones that publishers push.

Azure's continuous patching adds `3.11-1` to `3.11-999`, or moves `3.11-patched`; Copacetic adds `3.11-patched-1`.
https://learn.microsoft.com/azure/container-registry/key-concept-continuous-patching
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_COUNTED = re.compile(r"(?P<original>.+)-(?P<number>[1-9]\d{0,2})")
"""A number with more digits belongs to the original: `jammy-20240530`."""
_COPACETIC = re.compile(r"(?P<original>.+)-patched-(?P<number>[1-9]\d{0,2})")
_FLOATING = "-patched"


def patched(tag: str, offered: Iterable[str], *, counted: bool) -> str | None:
    """Return the newest patch of `tag`, or of what it is itself a patch of; None where there is none that is newer.

    `counted` says whether a number at the end is that of a patch, which is so only where Azure's continuous patching
    works: elsewhere `-1` belongs to whoever pushed it.
    """
    shelf = set(offered)
    for pattern in (_COPACETIC, _COUNTED) if counted else (_COPACETIC,):
        own = pattern.fullmatch(tag)
        if own is not None and own["original"] in shelf:
            return _newest(pattern, own["original"], shelf, after=int(own["number"]))
    if tag.endswith(_FLOATING):
        return None
    newest = (_newest(_COUNTED, tag, shelf, after=0) if counted else None) or _newest(_COPACETIC, tag, shelf, after=0)
    floating = f"{tag}{_FLOATING}"
    return newest or (floating if floating in shelf else None)


def _newest(pattern: re.Pattern[str], original: str, shelf: Iterable[str], *, after: int) -> str | None:
    """Return the patch of `original` with the highest number, where that is higher than `after`."""
    patches = (found for each in shelf if (found := pattern.fullmatch(each)) and found["original"] == original)
    best = max(patches, key=lambda found: int(found["number"]), default=None)
    return best.string if best is not None and int(best["number"]) > after else None
