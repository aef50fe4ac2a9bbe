"""Git's refs, read and written as git keeps them (gitrepository-layout(5)), without starting a process.

A fake server lists refs with every request that it answers, and starting git for each of these took half of the time
of the tests of runs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_PLAIN_REF = re.compile(r"refs(/(?!.*\.\.|.*\.lock)[\w+-][\w.+-]*)+", re.ASCII)
"""Refs whose names need no check by git."""


def read_refs(folder: Path) -> dict[str, str]:
    """Return every ref and the object that it names, sorted; `folder` is `.git`, or a bare repository itself."""
    packed = folder / "packed-refs"
    lines = packed.read_text().splitlines() if packed.exists() else []
    found = dict(reversed(line.split(" ")) for line in lines if line[:1] not in {"#", "^"})
    found.update(_read_loose(str(folder), "refs"))
    return dict(sorted(found.items()))


def _read_loose(folder: str, below: str) -> Iterator[tuple[str, str]]:
    try:
        with os.scandir(f"{folder}/{below}") as listed:
            entries = list(listed)
    except FileNotFoundError:  # deleted since it was listed
        return
    for entry in entries:
        name = f"{below}/{entry.name}"
        if entry.is_dir():
            yield from _read_loose(folder, name)
        elif not name.endswith(".lock"):
            try:
                yield name, Path(entry.path).read_text().strip()
            except FileNotFoundError:
                continue


def write_ref(folder: Path, ref: str, oid: str) -> bool:
    """Let a ref of a bare repository name an object, as git does: a lock beside the ref takes its place.

    Return False, and change nothing, if there is more to do than that: git has to do it, or to refuse it.
    """
    path = folder / ref
    if not _is_simple(folder, ref) or path.is_dir():
        return False
    lock = path.with_name(f"{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("x", encoding="ascii") as held:
            held.write(f"{oid}\n")
    except (FileExistsError, NotADirectoryError):
        return False
    lock.replace(path)
    return True


def delete_ref(folder: Path, ref: str) -> bool:
    """Delete a ref of a bare repository. Return False, and change nothing, if git has to do it, or to refuse it."""
    path = folder / ref
    if not _is_simple(folder, ref) or path.with_name(f"{path.name}.lock").exists() or not path.is_file():
        return False
    path.unlink(missing_ok=True)
    return True


def _is_simple(folder: Path, ref: str) -> bool:
    """Return True if a ref is only a file, so that git has nothing else to check or to change with it."""
    is_more = any((folder / name).exists() for name in (".git", "hooks", "logs", "packed-refs"))
    return not is_more and _PLAIN_REF.fullmatch(ref) is not None
