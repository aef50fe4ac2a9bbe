"""Folders of files: parent folders, and the folders and names that Kustomize and Helm use."""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate

from bot.model.source import FilePath

KUSTOMIZATION_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""File names of a kustomization, in the order in which kustomize looks for them."""
VALUES_FOLDERS = frozenset({"ci", "values"})
"""Folders of a chart that contain values files. chart-testing keeps its values in `ci/`."""


@lru_cache(maxsize=16)
def list_folders_and_path(path: FilePath) -> tuple[FilePath, ...]:
    """Return all parent folders of a file from the top down, then the path of the file.

    For `web/app/Dockerfile`, these are the empty path (the top of the tree), `web`, `web/app` and `web/app/Dockerfile`.
    The result is kept for the references that follow in the same file, because its size is the square of the depth.
    """
    return (FilePath(""), *map(FilePath, accumulate(path.split("/"), "{}/{}".format)))


def get_folder(path: str) -> str:
    """Return the folder of a file, or the parent folder of a folder.

    The result is the same as that of `posixpath.dirname`, which handles further forms of paths and takes much longer.
    """
    return path.rpartition("/")[0]


def list_values_folders(path: FilePath) -> tuple[str, ...]:
    """Return the folders of the charts to which a values file may belong: its folder, and the one above `ci/`."""
    folder = get_folder(path)
    above, _, name = folder.rpartition("/")
    return (folder, above) if name in VALUES_FOLDERS else (folder,)
