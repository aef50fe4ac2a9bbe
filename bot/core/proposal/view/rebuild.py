"""Template data on the own images that a merge rebuilds, and on the repositories that build on these images."""

from __future__ import annotations

from dataclasses import dataclass

from bot.model.rebuild_effect import RebuildEffect


@dataclass(frozen=True, slots=True)
class RebuildView:
    """How many own images a proposal rebuilds, and how many other repositories build on these images."""

    images: int
    """The number of own images."""
    repositories: int
    """The number of other repositories whose images are built on own images of the proposal, directly or indirectly."""


def build_rebuild_view(effect: RebuildEffect | None) -> RebuildView | None:
    """Return how many images and repositories are rebuilt; None if no other repository builds on the images."""
    if effect is None or not effect.repositories:
        return None
    return RebuildView(len(effect.images), effect.repositories)
