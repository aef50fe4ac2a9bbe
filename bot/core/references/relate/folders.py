"""Parent folders of files, and the possible file names of a kustomization."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from bot.model.source import FilePath

KUSTOMIZATION_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""File names of a kustomization, in the order in which kustomize looks for them."""


def list_folders_and_path(path: FilePath) -> Iterator[FilePath]:
    """Yield all parent folders of a file from the top down, then the path of the file.

    For `web/app/Dockerfile`, these are the empty path (the top of the tree), `web`, `web/app` and `web/app/Dockerfile`.
    """
    yield FilePath("")
    yield from map(FilePath, accumulate(path.split("/"), "{}/{}".format))
