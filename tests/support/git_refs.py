"""Git's refs, read and written as git keeps them (gitrepository-layout(5)), without starting a process.

A fake server lists refs with every request that it answers, and starting git for each of these took half of the time
of the tests of runs.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

_PLAIN_REF = re.compile(r"refs(/(?!.*\.\.|.*\.lock)[\w+-][\w.+-]*)+", re.ASCII)
"""Refs whose names need no check by git."""


def read_refs(folder: Path) -> dict[str, str]:
    """Return every ref and the object that it names, sorted; `folder` is `.git`, or a bare repository itself."""
    packed = folder / "packed-refs"
    lines = packed.read_text().splitlines() if packed.exists() else []
    found = dict(reversed(line.split(" ")) for line in lines if line[:1] not in {"#", "^"})
    loose = [path for path in (folder / "refs").rglob("*") if path.is_file() and path.suffix != ".lock"]
    for path in loose:
        with contextlib.suppress(FileNotFoundError):  # deleted since it was listed
            found[path.relative_to(folder).as_posix()] = path.read_text().strip()
    return dict(sorted(found.items()))


def write_ref(folder: Path, ref: str, oid: str) -> bool:
    """Let a ref of a bare repository name an object, as git does: a lock beside the ref takes its place.

    Return False, and change nothing, if there is more to do than that: git has to do it, or to refuse it.
    """
    path = folder / ref
    if any((folder / name).exists() for name in (".git", "hooks", "logs", "packed-refs")):
        return False
    if not _PLAIN_REF.fullmatch(ref) or path.is_dir():
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
