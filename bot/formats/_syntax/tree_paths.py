"""Resolve the paths that files name to paths in the same tree."""

from __future__ import annotations

import posixpath

from bot.model.source import FilePath

_DEFAULT_DOCKERFILE = "Dockerfile"
_REMOTE_PREFIXES = ("/", "~", "git@", "github.com/")
"""Prefixes of build contexts that are not in the tree."""


def resolve_in_tree(file: FilePath, *steps: str) -> FilePath | None:
    """Return the path that `steps` lead to from the folder of `file`, or None if it is outside the tree.

    The path of the tree's root is an empty string.
    """
    path = posixpath.normpath(posixpath.join(posixpath.dirname(file), *steps))
    if path == ".." or path.startswith(("../", "/")):
        return None
    return FilePath("" if path == "." else path)


def is_remote_context(context: str) -> bool:
    """Return True if docker interprets `context` as a URL or an absolute path, and not as a relative path."""
    return "://" in context or context.startswith(_REMOTE_PREFIXES)


def resolve_dockerfile(build_file: FilePath, context: str | None, dockerfile: str | None) -> FilePath | None:
    """Return the path of the Dockerfile that a build uses, or None if it is not in the tree.

    `context` is relative to the folder of `build_file`. The Dockerfile is not in the tree if the context is remote, if
    a path contains a variable, or if a path leaves the tree.
    """
    parts = (context or ".", dockerfile or _DEFAULT_DOCKERFILE)
    if any("$" in part or is_remote_context(part) for part in parts):
        return None
    return resolve_in_tree(build_file, *parts)
