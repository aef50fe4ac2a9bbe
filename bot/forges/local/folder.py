"""What a folder looks like that may hold git repositories, or be one."""

from __future__ import annotations

from pathlib import Path


def explain_none(root: Path) -> str:
    """Say what to do where no git repository lies directly in a folder."""
    if may_be_repository(root):
        return (
            f"this is a git repository itself; let `url` name the folder that holds it, {root.parent}, "
            f"and `repositories` name {root.name}"
        )
    return "no git repository lies directly in it; name the folder that holds them, or each of them"


def may_be_repository(folder: Path) -> bool:
    """Say whether a folder looks like a checkout or a bare repository, or does not let us look.

    https://git-scm.com/docs/gitrepository-layout
    """
    try:
        return (folder / ".git").is_dir() or all((folder / part).exists() for part in ("HEAD", "objects", "refs"))
    except OSError:
        return True
