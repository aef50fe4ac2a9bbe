"""The files of one commit on a server, listed once and each believed only by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.forges._git_objects import RegularFile, blob_name
from bot.forges._refusal import RefusedError
from bot.model.errors import TreeError
from bot.model.forge import Entry
from bot.model.source import FilePath


@dataclass(frozen=True, slots=True)
class Listing:
    """The regular files of a tree, no links and no submodules."""

    files: Mapping[FilePath, RegularFile]
    complete: bool
    """Whether these are all: servers cut large trees short."""


class ListedTree:
    """One commit of a repository, read by its name only."""

    unlisted = ()

    def __init__(
        self, list_files: Callable[[], Listing], read: Callable[[Sequence[Entry]], Iterator[bytes | TreeError]]
    ) -> None:
        """Ask `list_files` (which raises RefusedError) once somebody wants to know, and `read` for what is in them."""
        self._list_files = list_files
        self._read = read
        self._listing: Listing | None = None

    @property
    def complete(self) -> bool:
        """Whether `entries` gave all files. Raises TreeError."""
        return self._list().complete

    def entries(self) -> Iterable[Entry]:
        """Return the regular files. Raises TreeError."""
        return [Entry(path, file.size, file.oid) for path, file in self._list().files.items()]

    def read(self, entries: Sequence[Entry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry, in their order, or why it could not be read."""
        return self._read(entries)

    def _list(self) -> Listing:
        if self._listing is None:
            try:
                self._listing = self._list_files()
            except RefusedError as refusal:
                raise TreeError(str(refusal)) from refusal
        return self._listing


def read_one(entry: Entry, ask: Callable[[str], bytes], server: str) -> bytes | TreeError:
    """Return what `ask` (which raises RefusedError) says that an entry's blob holds, if that has the blob's name."""
    oid = entry.oid
    if oid is None:
        return TreeError(f"{entry.path} is no entry of this tree")
    try:
        content = ask(oid)
    except RefusedError as refusal:
        return TreeError(str(refusal))
    if blob_name(content, like=oid) != oid:
        return TreeError(f"{server} sent {entry.path} other than it is stored; run basebump again")
    return content
