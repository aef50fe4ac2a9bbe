"""Resolve paths that files name to paths of their tree."""

from __future__ import annotations

import posixpath

from bot.model.source import FilePath

_DEFAULT_DOCKERFILE = "Dockerfile"
_REMOTE_PREFIXES = ("/", "~", "git@", "github.com/")
"""Beginnings of build contexts that are not in the tree."""


def resolve_in_tree(file: FilePath, *steps: str) -> FilePath | None:
    """Return the path that `steps`, taken from the folder of `file`, lead to; the tree's root is empty.

    None if the path leaves the tree.
    """
    path = posixpath.normpath(posixpath.join(posixpath.dirname(file), *steps))
    if path == ".." or path.startswith(("../", "/")):
        return None
    return FilePath("" if path == "." else path)


def is_remote_context(context: str) -> bool:
    """Return True if docker takes a context for a URL or an absolute path, not for a folder beside the build file."""
    return "://" in context or context.startswith(_REMOTE_PREFIXES)


def resolve_dockerfile(build_file: FilePath, context: str | None, dockerfile: str | None) -> FilePath | None:
    """Return the path of the Dockerfile for a build in `context`, a folder relative to that of `build_file`.

    None if it is not in the tree: for remote contexts, paths with variables, and paths that leave the tree.
    """
    parts = (context or ".", dockerfile or _DEFAULT_DOCKERFILE)
    if any("$" in part or is_remote_context(part) for part in parts):
        return None
    return resolve_in_tree(build_file, *parts)
