"""The types of updates (`major`, `digest`, …) that another bot can make for an image.

They depend on the form of the image's tag, and on whether the reference has a digest.
"""

from __future__ import annotations

import re

from bot.model.image_name import ImageName
from bot.model.updater import BotUpdateType

_VERSION = re.compile(r"[vV]?(\d+(?:\.\d+)*)(?![\d.])")
_PARTS = (BotUpdateType.MAJOR, BotUpdateType.MINOR, BotUpdateType.PATCH)
_BY_CODENAME = frozenset({"debian", "ubuntu"})
"""Images whose releases have codenames for tags."""
_FLOATING = frozenset({"latest", "stable", "oldstable", "testing", "unstable", "sid", "rolling", "devel"})


def list_version_updates(image: ImageName, *, knows_codenames: bool) -> frozenset[BotUpdateType]:
    """Return the types of updates with which another bot could change the tag of `reference`.

    - If the tag begins with a version, bots only choose versions with the same number of parts. So `3.12` can have
      `major` and `minor` updates, but no `patch` updates.
    - If the tag contains digits but does not begin with a version, `major`, `minor` and `patch` updates are possible.
    - If the tag is a codename of Debian or Ubuntu, such as `bookworm`, `major` updates are possible, but only if the
      bot supports codenames (`knows_codenames`).
    - For other tags, such as `latest`, the result is empty.
    """
    tag = image.tag or ""
    match = _VERSION.match(tag)
    if match is not None:
        return frozenset(_PARTS[: match[1].count(".") + 1])
    if any(map(str.isdigit, tag)):
        return frozenset(_PARTS)
    is_codename = tag and tag.partition("-")[0] not in _FLOATING
    if knows_codenames and is_codename and image.name.rpartition("/")[2] in _BY_CODENAME:
        return frozenset({BotUpdateType.MAJOR})
    return frozenset()


def list_digest_updates(image: ImageName, *, adds_digests: bool) -> frozenset[BotUpdateType]:
    """Return the update types with which another bot would change only the digest of `reference` (at most one).

    - If the reference has a digest, the result contains `digest`.
    - If it has no digest and the bot adds missing digests (`adds_digests`), the result contains `pinDigest`.
    - If it has no digest and the bot does not add digests, the result is empty.
    """
    if image.digest is not None:
        return frozenset({BotUpdateType.DIGEST})
    return frozenset({BotUpdateType.PIN_DIGEST}) if adds_digests else frozenset()
