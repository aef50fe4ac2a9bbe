"""Checks whether a file that the command line names can be written, before a command does its work."""

from __future__ import annotations

from pathlib import Path

import click


def check_writable(text: str) -> Path:
    """Check that a file can be written, and return its path. `text` is the path on the command line.

    Raises click.BadParameter if the folder of the file is missing, if the path itself names a folder, or if it contains
    a symbolic link.
    """
    path = Path(text)
    if not path.parent.is_dir():
        raise click.BadParameter(
            f"{path} cannot be written: {path.parent} is not a folder; hint: create the folder first"
        )
    if path.is_dir():
        raise click.BadParameter(f"{path} cannot be written: it is a folder; hint: name a file in the folder")
    if _has_symbolic_link(path):
        raise click.BadParameter(
            f"{path} cannot be written: the path contains a symbolic link; hint: name the file by a path without links"
        )
    return path


def _has_symbolic_link(path: Path) -> bool:
    """Return True if the file is a symbolic link, or if its path is relative and one of its folders is a link.

    The caller refuses such a path, because a checkout can contain links of other people that lead to any other place.
    Paths in /dev are allowed, and the folders of an absolute path are not checked.
    """
    checked_parents = () if path.is_absolute() else path.parents
    return not path.is_relative_to("/dev") and any(each.is_symlink() for each in (path, *checked_parents))
