"""Template data for what merging leads to: own images that are built again, and repositories that build on them."""

from __future__ import annotations

from dataclasses import dataclass

from bot.model.rebuild_effect import RebuildEffect


@dataclass(frozen=True, slots=True)
class RebuildView:
    """The own images that are built from the changed files, as golden images on which others build."""

    images: int
    """The number of own images."""
    repositories: int
    """The number of other repositories whose images are built on them, directly or on images between them."""


def build_rebuild_view(effect: RebuildEffect | None) -> RebuildView | None:
    """Return the data on what merging leads to. Return None if no other repository builds on the images."""
    if effect is None or not effect.repositories:
        return None
    return RebuildView(len(effect.images), effect.repositories)
