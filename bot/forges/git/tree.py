"""The files of one commit of a local repository."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bot.forges._batches import batches
from bot.forges.git.command import Git
from bot.forges.git.commit import regular_files
from bot.model.errors import ProcessError, TreeError
from bot.model.forge import Entry

MAX_BATCH = 64 * 1024 * 1024
"""Bytes of files that one git process hands over at once."""


class LocalTree:
    """One commit of a repository."""

    complete = True
    unlisted = ()

    def __init__(self, git: Git, commit: str) -> None:
        self._git = git
        self._commit = commit

    def entries(self) -> Iterable[Entry]:
        """Return the regular files; no links, no submodules. Raises TreeError."""
        try:
            files = regular_files(self._git, self._commit)
        except ProcessError as error:
            raise TreeError(str(error)) from error
        return [Entry(path, file.size, file.oid) for path, file in files.items()]

    def read(self, entries: Sequence[Entry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry as it is stored, untouched by filters, or why it could not be read."""
        for batch in batches(entries, MAX_BATCH):
            try:
                yield from self._git.read_blobs([entry.oid or "" for entry in batch])
            except ProcessError:  # one by one, each with its own reason
                yield from map(self._read, batch)

    def _read(self, entry: Entry) -> bytes | TreeError:
        if entry.oid is None:
            return TreeError(f"{entry.path} is no entry of this tree")
        try:
            return self._git.read_blob(entry.oid)
        except ProcessError as error:
            return TreeError(str(error))
