"""The effect of merging an update of a base image: own images that are rebuilt, and repositories that use them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RebuildEffect:
    """The own images that are built from some files of a base branch, and the use of these images by others."""

    images: tuple[str, ...]
    """The canonical names of the own images that are built from the files, sorted."""
    repositories: int
    """The number of other git repositories whose images are built on these images, directly or through other own
    images.
    """
