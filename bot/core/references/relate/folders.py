"""Parent folders of files, and the possible file names of a kustomization."""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate

from bot.model.source import FilePath

KUSTOMIZATION_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""File names of a kustomization, in the order in which kustomize looks for them."""


@lru_cache(maxsize=16)
def list_folders_and_path(path: FilePath) -> tuple[FilePath, ...]:
    """Return all parent folders of a file from the top down, then the path of the file.

    For `web/app/Dockerfile`, these are the empty path (the top of the tree), `web`, `web/app` and `web/app/Dockerfile`.
    The result is kept for the references that follow in the same file, because its size is the square of the depth.
    """
    return (FilePath(""), *map(FilePath, accumulate(path.split("/"), "{}/{}".format)))
