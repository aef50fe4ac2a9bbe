"""The types of updates (`major`, `digest`, …) that another bot may find for an image, by the image's tag and digest."""

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
    """Return the types of updates that can change the tag of `reference` to another tag.

    - A tag that begins with a version gets a version with equally many parts. So `3.12` can have `major` and `minor`
      updates, but no `patch` updates.
    - A tag with digits that does not begin with a version can have updates of all three types.
    - A codename of Debian or Ubuntu, such as `bookworm`, can have `major` updates if the bot supports them
      (`knows_codenames`).
    - Other tags, such as `latest`, have no updates.
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
    """Return the type of update that changes only the digest of `reference`.

    The result is empty if `reference` has no digest, unless the bot adds missing digests (`adds_digests`).
    """
    if reference.digest is not None:
        return frozenset({BotUpdateType.DIGEST})
    return frozenset({BotUpdateType.PIN_DIGEST}) if adds_digests else frozenset()
