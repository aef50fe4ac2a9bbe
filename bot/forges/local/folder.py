"""Checks whether a folder is a git repository, or contains git repositories."""

from __future__ import annotations

from pathlib import Path


def explain_no_repository(root: Path) -> str:
    """Return a message with a hint for a folder that contains no git repository directly."""
    if can_be_repository(root):
        return (
            f"the folder is a git repository itself; hint: set `url` to its parent folder, {root.parent}, "
            f"and `repositories` to [{root.name}]"
        )
    return "the folder holds no git repository directly; hint: use the folder that holds them, or name each of them"


def can_be_repository(folder: Path) -> bool:
    """Return True if a folder looks like a checkout or a bare repository, or if the folder cannot be read.

    https://git-scm.com/docs/gitrepository-layout
    """
    try:
        return (folder / ".git").is_dir() or all((folder / part).exists() for part in ("HEAD", "objects", "refs"))
    except OSError:
        return True
