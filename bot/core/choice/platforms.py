"""Comparison of platforms in the form `os/architecture[/variant]`."""

from __future__ import annotations

from bot.model.image import ChildManifest, Manifest


def is_same_platform(one: str, other: str) -> bool:
    """Return True if two platforms have the same operating system and architecture.

    If both have a variant, such as `v7` in `linux/arm/v7`, the variants must be equal. If only one has a variant, the
    variant is ignored.
    """
    return "/" in one and all(mine == theirs for mine, theirs in zip(one.split("/"), other.split("/"), strict=False))


def find_platform_image(index: Manifest, platform: str) -> ChildManifest | None:
    """Return the first image for `platform` in an index; None if there is none."""
    return next((each for each in index.children if each.platform and is_same_platform(each.platform, platform)), None)
