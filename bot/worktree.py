"""The working tree of a checkout, or any folder: what `scan` reads and `scan --write` writes."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bot import process
from bot.model.errors import ProcessError, TreeError
from bot.model.source import FilePath
from bot.ports import Entry

_GIT_ENVIRONMENT = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
"""A repository's own config must not make git start a program."""


class WorkTree:
    """A folder as a tree: in a checkout untracked files belong to it and ignored ones do not; links never do."""

    complete = True

    def __init__(self, root: Path) -> None:
        self._root = root

    def entries(self) -> Iterable[Entry]:
        """Return the regular files below the folder, in the order of their paths. Raises TreeError."""
        paths = self._listed_by_git()
        for path in sorted(set(self._walked() if paths is None else paths)):
            found = self._status(path)
            if found is not None:
                yield Entry(path, found.st_size)

    def read(self, entries: Sequence[Entry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry, in their order, or why it could not be read."""
        for entry in entries:
            try:
                yield self._content(entry.path)
            except TreeError as error:
                yield error

    def write(self, path: FilePath, old: bytes, new: bytes) -> None:
        """Replace the content in one step, keeping the mode.

        Raises TreeError when the file no longer holds `old`, or cannot be written.
        """
        target = self._root / path
        if self._content(path) != old:
            raise TreeError("it changed while basebump was looking; run it again")
        try:
            with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".basebump-", delete=False) as beside:
                beside.write(new)
            try:
                Path(beside.name).chmod(stat.S_IMODE(target.stat().st_mode))
                Path(beside.name).replace(target)
            except OSError:
                Path(beside.name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise TreeError(f"it could not be written: {error.strerror}") from error

    def _content(self, path: FilePath) -> bytes:
        try:
            descriptor = os.open(self._root / path, os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb") as file:
                return file.read()
        except OSError as error:
            raise TreeError(f"it could not be read: {error.strerror}") from error

    def _status(self, path: FilePath) -> os.stat_result | None:
        """Return what the file system says of a regular file that is reached through no link, else None."""
        current = self._root
        for part in path.split("/"):
            current = current / part
            try:
                found = current.lstat()
            except OSError:
                return None
            if stat.S_ISLNK(found.st_mode):
                return None
        return found if stat.S_ISREG(found.st_mode) else None

    def _listed_by_git(self) -> list[FilePath] | None:
        """Return what git takes for files of this folder, or None where it is no checkout (or there is no git)."""
        listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        try:
            listed = process.run([*_GIT, *listing], cwd=self._root, environment=_GIT_ENVIRONMENT)
        except ProcessError as error:
            if error.missing:
                return None
            raise TreeError(str(error)) from error
        if listed.status:
            return None
        return [FilePath(os.fsdecode(path)) for path in listed.output.split(b"\0") if path]

    def _walked(self) -> Iterable[FilePath]:
        for folder, folders, files in os.walk(self._root, onerror=_raise):
            folders[:] = sorted(each for each in folders if each != ".git")
            inside = Path(folder).relative_to(self._root)
            yield from (FilePath((inside / each).as_posix()) for each in files)


def _raise(error: OSError) -> None:
    raise TreeError(f"{error.filename} could not be listed: {error.strerror}") from error
