"""Where a file is in a tree, and how the one is called that stands for its folder."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from bot.model.source import FilePath

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""How the file of a kustomization is called, in the order in which kustomize looks for it."""


def path_and_folders(path: FilePath) -> Iterator[FilePath]:
    """Yield all folders that a file is in, and its path; the top of the tree has no name."""
    yield FilePath("")
    yield from map(FilePath, accumulate(path.split("/"), "{}/{}".format))
