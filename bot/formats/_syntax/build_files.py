"""The Dockerfile that a build file means, as a path in the tree."""

from __future__ import annotations

import posixpath

from bot.model.source import FilePath

_DEFAULT = "Dockerfile"


def dockerfile_of(build_file: FilePath, context: str | None, dockerfile: str | None) -> FilePath | None:
    """Return the Dockerfile that is built in `context`, a folder that is relative to that of `build_file`.

    None where that is not in the tree: contexts from elsewhere, paths with variables, and those that leave the tree.
    """
    parts = (context or ".", dockerfile or _DEFAULT)
    if any("$" in part or "://" in part or part.startswith(("/", "~", "git@", "github.com/")) for part in parts):
        return None
    path = posixpath.normpath(posixpath.join(posixpath.dirname(build_file), *parts))
    return None if path == ".." or path.startswith("../") else FilePath(path)
