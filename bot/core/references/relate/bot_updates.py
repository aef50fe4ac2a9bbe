"""The types of updates that another bot can find for an image, derived from the image's tag and digest."""

from __future__ import annotations

import re

from bot.model.reference import ImageReference
from bot.model.updater import BotUpdateType

_VERSION = re.compile(r"[vV]?(\d+(?:\.\d+)*)(?![\d.])")
_PARTS = (BotUpdateType.MAJOR, BotUpdateType.MINOR, BotUpdateType.PATCH)
_BY_CODENAME = frozenset({"debian", "ubuntu"})
"""Images whose releases have codenames for tags."""
_FLOATING = frozenset({"latest", "stable", "oldstable", "testing", "unstable", "sid", "rolling", "devel"})


def list_version_updates(reference: ImageReference, *, knows_codenames: bool) -> frozenset[BotUpdateType]:
    """Return the types of updates from the tag of `reference` to another tag.

    The result is empty if the tag has no version. An update keeps the number of version parts, so `3.12` has no patch
    updates. If the tag contains digits but does not begin with a version, all types are possible. `knows_codenames`
    says whether the bot can order the codenames of Debian and Ubuntu.
    """
    tag = reference.tag or ""
    match = _VERSION.match(tag)
    if match is not None:
        return frozenset(_PARTS[: match[1].count(".") + 1])
    if any(map(str.isdigit, tag)):
        return frozenset(_PARTS)
    is_codename = tag and tag.partition("-")[0] not in _FLOATING
    if knows_codenames and is_codename and reference.name.rpartition("/")[2] in _BY_CODENAME:
        return frozenset({BotUpdateType.MAJOR})
    return frozenset()


def list_digest_updates(reference: ImageReference, *, adds_digests: bool) -> frozenset[BotUpdateType]:
    """Return the types of digest updates that are possible for `reference`.

    The result is empty if `reference` has no digest and the bot does not add one (`adds_digests`).
    """
    if reference.digest is not None:
        return frozenset({BotUpdateType.DIGEST})
    return frozenset({BotUpdateType.PIN_DIGEST}) if adds_digests else frozenset()
