"""Checks whether a file that the command line names can be written, and replaces files."""

from __future__ import annotations

import os
from pathlib import Path

import click

_USUAL_MODE = 0o666


def check_writable(text: str) -> Path:
    """Check that a file can be written, and return its path. `text` is the path in the command line.

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


def is_replaceable(path: Path) -> bool:
    """Return True if `replace_file` is allowed to rename a temporary file to this path.

    The path must be a regular file or not exist yet. Renaming a file to the path of a pipe or device would remove the
    pipe or device.
    """
    return path.is_file() or not path.exists()


def replace_file(path: Path, text: str, mode: int = _USUAL_MODE) -> None:
    """Replace a file atomically, because another program could be reading the file.

    The text is first written to a temporary file with the suffix `.part`, which collectors of metrics ignore. The umask
    of the process limits `mode`. Raises OSError if the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _has_symbolic_link(path: Path) -> bool:
    """Return True if the file is a symbolic link, or if its path is relative and one of its folders is a link.

    The caller refuses such a path, because links that other people committed to a checkout can lead to any folder.
    Return False for paths in /dev, such as /dev/stdout, but not for /dev/shm, where every user of the machine can
    create links. The folders of an absolute path are not checked.
    """
    is_device = path.is_relative_to("/dev") and not path.is_relative_to("/dev/shm")  # noqa: S108 - nothing is written there
    checked_parents = () if path.is_absolute() else path.parents
    return not is_device and any(each.is_symlink() for each in (path, *checked_parents))
