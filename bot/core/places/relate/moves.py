"""Which moves of an image another bot can find at all, by its tag and its digest."""

from __future__ import annotations

import re

from bot.model.reference import ImageReference
from bot.model.updater import Move

_VERSION = re.compile(r"[vV]?(\d+(?:\.\d+)*)(?![\d.])")
_PARTS = (Move.MAJOR, Move.MINOR, Move.PATCH)
_BY_CODENAME = frozenset({"debian", "ubuntu"})
"""Images whose releases have names for tags."""
_FLOATING = frozenset({"latest", "stable", "oldstable", "testing", "unstable", "sid", "rolling", "devel"})


def version_moves(reference: ImageReference, *, knows_codenames: bool) -> frozenset[Move]:
    """Return the moves from the tag of a reference to others; none where that is no version.

    A tag keeps the number of its parts, so `3.12` gets no patch. Where a version may be anywhere in it, all are.
    """
    tag = reference.tag or ""
    found = _VERSION.match(tag)
    if found is not None:
        return frozenset(_PARTS[: found[1].count(".") + 1])
    if any(map(str.isdigit, tag)):
        return frozenset(_PARTS)
    is_codename = tag and tag.partition("-")[0] not in _FLOATING
    if knows_codenames and is_codename and reference.name.rpartition("/")[2] in _BY_CODENAME:
        return frozenset({Move.MAJOR})
    return frozenset()


def digest_moves(reference: ImageReference, *, pins: bool) -> frozenset[Move]:
    """Return what may be done to the digest of a reference; `pins` says whether one that is not there is written."""
    if reference.digest is not None:
        return frozenset({Move.DIGEST})
    return frozenset({Move.PIN_DIGEST}) if pins else frozenset()
