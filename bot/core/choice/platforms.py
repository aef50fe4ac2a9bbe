"""Comparison of platforms in the form `os/architecture[/variant]`."""

from __future__ import annotations

from collections.abc import Sequence

from bot.model.image import ChildManifest, Manifest

PREFERRED_PLATFORM = "linux/amd64"
"""The platform whose image is described if a tag points to an index. Nearly every index has it."""


def is_same_platform(one: str, other: str) -> bool:
    """Return True if two platforms have the same operating system and architecture.

    If both have a variant, such as `v7` in `linux/arm/v7`, the variants must be equal. If only one has a variant, the
    variant is ignored.
    """
    return "/" in one and all(mine == theirs for mine, theirs in zip(one.split("/"), other.split("/"), strict=False))


def find_platform_image(index: Manifest, platform: str) -> ChildManifest | None:
    """Return the first image for `platform` in an index; None if there is none."""
    return next((each for each in index.children if each.platform and is_same_platform(each.platform, platform)), None)


def choose_image(children: Sequence[ChildManifest]) -> ChildManifest | None:
    """Return the image that represents all images of an index; None if there are no images.

    It is the one for `PREFERRED_PLATFORM`, or the first image if there is none for this platform.
    """
    preferred = (each for each in children if each.platform == PREFERRED_PLATFORM)
    return next(preferred, children[0] if children else None)
