"""Platforms, `os/architecture[/variant]`: when two names mean the same."""

from __future__ import annotations

from bot.model.image import Child, Manifest


def is_same_platform(one: str, other: str) -> bool:
    """Say whether both name the same system and architecture, and no two different variants."""
    return "/" in one and all(mine == theirs for mine, theirs in zip(one.split("/"), other.split("/"), strict=False))


def image_for(index: Manifest, platform: str) -> Child | None:
    """Return the first image of an index that is for a platform."""
    return next((each for each in index.children if each.platform and is_same_platform(each.platform, platform)), None)
