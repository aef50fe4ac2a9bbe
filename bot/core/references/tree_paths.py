"""Resolve relative paths in files, such as build contexts, to paths in the repository."""

from __future__ import annotations

import posixpath

from bot.model.source import FilePath

MAX_PATH_LENGTH = 4096
"""The longest path that Linux accepts (PATH_MAX)."""

_DEFAULT_DOCKERFILE = "Dockerfile"
_REMOTE_PREFIXES = ("/", "~", "git@", "github.com/")
"""Prefixes of build contexts that are not in the tree."""


def resolve_in_tree(file: FilePath, *steps: str) -> FilePath | None:
    """Return the path in the repository to which the relative path `steps` leads from the folder of `file`.

    `steps` are joined with slashes to form the relative path. The result is an empty string for the root folder of the
    repository. The result is None for a path outside the repository, and for a path that is too long for a file system.
    """
    if sum(map(len, steps)) > MAX_PATH_LENGTH:
        return None
    path = posixpath.normpath(posixpath.join(posixpath.dirname(file), *steps))
    if path == ".." or path.startswith(("../", "/")):
        return None
    return FilePath("" if path == "." else path)


def is_remote_context(context: str) -> bool:
    """Return True if docker interprets the build context `context` as a URL or an absolute path.

    Return False for a path that is relative to the file.
    """
    return "://" in context or context.startswith(_REMOTE_PREFIXES)


def resolve_dockerfile(build_file: FilePath, context: str | None, dockerfile: str | None) -> FilePath | None:
    """Return the path of the Dockerfile that a build uses, or None if it is not in the repository or is unknown.

    `build_file` is the file that describes the build. `context` is relative to the folder of `build_file`, and
    `dockerfile` is relative to `context`. The path is unknown if one of them contains a variable.
    """
    parts = (context or ".", dockerfile or _DEFAULT_DOCKERFILE)
    if sum(map(len, parts)) > MAX_PATH_LENGTH or any("$" in part or is_remote_context(part) for part in parts):
        return None
    return resolve_in_tree(build_file, *parts)
