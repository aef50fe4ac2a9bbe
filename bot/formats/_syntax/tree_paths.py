"""Paths that files name, as paths of the tree that they are in."""

from __future__ import annotations

import posixpath

from bot.model.source import FilePath

_DEFAULT = "Dockerfile"
_ELSEWHERE = ("/", "~", "git@", "github.com/")
"""How contexts begin that are not in the tree."""


def path_in_tree(file: FilePath, *named: str) -> FilePath | None:
    """Return what `named`, one after another, lead to from the folder of `file`; the top of the tree has no name.

    None where that leaves the tree.
    """
    path = posixpath.normpath(posixpath.join(posixpath.dirname(file), *named))
    if path == ".." or path.startswith(("../", "/")):
        return None
    return FilePath("" if path == "." else path)


def is_elsewhere(context: str) -> bool:
    """Say whether a context is named as docker names those that are no folders beside the build file."""
    return "://" in context or context.startswith(_ELSEWHERE)


def dockerfile_of(build_file: FilePath, context: str | None, dockerfile: str | None) -> FilePath | None:
    """Return the Dockerfile that is built in `context`, a folder that is relative to that of `build_file`.

    None where that is not in the tree: contexts from elsewhere, paths with variables, and those that leave the tree.
    """
    parts = (context or ".", dockerfile or _DEFAULT)
    if any("$" in part or is_elsewhere(part) for part in parts):
        return None
    return path_in_tree(build_file, *parts)
