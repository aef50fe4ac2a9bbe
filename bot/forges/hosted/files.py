"""The files of one commit on a server.

Few requests read many contents. Each content is verified: its hash must equal the object id (the name of the git blob).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from bot.core.references.git_blobs import hash_blob
from bot.forges._git_objects import RegularFile
from bot.forges.hosted.refusal import RefusedError, UnsupportedQueryError, is_query_too_large
from bot.model.errors import OversizedFileError, TreeError
from bot.model.forge import TreeEntry
from bot.model.source import FilePath
from bot.net.exchange_errors import OversizedError
from bot.ports import FileHistory

MAX_TEXT = 256 * 1024
"""The largest size, in bytes, of a file in a query for several files. Servers truncate larger texts."""


@dataclass(frozen=True, slots=True)
class TreeListing:
    """The regular files of a tree, without symbolic links and submodules."""

    files: Mapping[FilePath, RegularFile]
    is_complete: bool
    """False if some files are missing. Servers truncate the lists of large trees."""


class ListedTree:
    """The files of one commit on a server; implements `bot.ports.FileTree`."""

    is_on_disk = False
    unlisted_folders = ()
    links: Mapping[FilePath, str] = MappingProxyType({})

    def __init__(
        self, list_files: Callable[[], TreeListing], read: Callable[[Sequence[TreeEntry]], Iterator[bytes | TreeError]]
    ) -> None:
        """Create a tree from the functions that list and read its files.

        Args:
            list_files: Returns the list of files, and raises RefusedError. It is called only once, when the list is
                first needed.
            read: Yields the content of each entry in order. If an entry cannot be read, it yields a TreeError instead.
        """
        self.history: FileHistory | None = None
        """Reads earlier contents of the files; None if no run reads the whole tree."""
        self._list_files = list_files
        self._read = read
        self._listing: TreeListing | None = None

    @property
    def is_complete(self) -> bool:
        """True if `list_entries` returns all files of the commit; False if the server listed only a part of them.

        Raises TreeError if the files cannot be listed.
        """
        return self._load_listing().is_complete

    def list_entries(self) -> Iterable[TreeEntry]:
        """Return the regular files. Raises TreeError if the files cannot be listed."""
        return [TreeEntry(path, file.size, file.oid) for path, file in self._load_listing().files.items()]

    def read(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry in order. If an entry cannot be read, yield a TreeError instead."""
        return self._read(entries)

    def _load_listing(self) -> TreeListing:
        if self._listing is None:
            try:
                self._listing = self._list_files()
            except RefusedError as refusal:
                raise TreeError(str(refusal)) from refusal
        return self._listing


def index_by_object_id(texts: Iterable[str | None], sample_oid: str = "") -> dict[str, bytes]:
    """Return a mapping from git object id to file content. The ids are computed from the texts.

    If the server truncated or altered a text, its id differs from the requested one. A lookup by the requested id then
    finds nothing instead of wrong content.

    Args:
        texts: The texts of the files in the server's response. None stands for a file without text and is left out.
        sample_oid: Any object id of the repository, whose length shows whether the repository uses SHA-1 or SHA-256.
    """
    return index_contents((text.encode("utf-8", "surrogatepass") for text in texts if text is not None), sample_oid)


def index_contents(contents: Iterable[bytes], sample_oid: str = "") -> dict[str, bytes]:
    """Return a mapping from git object id to file content, like `index_by_object_id`, from contents in bytes."""
    return {hash_blob(content, sample_oid=sample_oid): content for content in contents}


@dataclass(frozen=True, slots=True)
class QueriedContents:
    """The response to a query for the contents of several files."""

    contents: Mapping[str, bytes]
    """The contents by object id, as `index_by_object_id` returns them. The contents of binary files are missing."""
    is_truncated: bool = False
    """True if the server left out files because the query was too large."""


class BatchQuery(Protocol):
    """A query that reads the contents of several text files in one request."""

    def split(self, entries: Sequence[TreeEntry]) -> Iterator[Sequence[TreeEntry]]:
        """Yield the entries in batches, each of which is small enough for one query."""
        ...

    def query_contents(self, entries: Sequence[TreeEntry]) -> QueriedContents:
        """Return the contents of a batch's entries, by object id. Every entry must have an object id.

        Raises:
            RefusedError: If the server refuses the query.
            UnsupportedQueryError: If the server does not support queries of this kind.
        """
        ...


@dataclass(frozen=True, slots=True)
class BlobReader:
    """Reads the contents of files, many in one request if the server supports such a query."""

    server: str
    """The name of the server in messages."""
    fetch_blob: Callable[[TreeEntry, str], bytes]
    """Returns the content of an entry. The second argument is the entry's object id. Raises RefusedError if an API call
    fails."""
    batch_query: BatchQuery | None = None
    """The query for several files; None if the server does not support it, so that each file needs its own API call."""

    def read(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry in order. If an entry cannot be read, yield a TreeError instead."""
        for batch in self.batch_query.split(entries) if self.batch_query is not None else [entries]:
            contents = self._query_contents(list({each.oid: each for each in batch if _is_queried(each)}.values()))
            for entry in batch:
                content = contents.get(entry.oid or "")
                yield content if content is not None else self._read_one(entry)

    def _query_contents(self, entries: Sequence[TreeEntry]) -> dict[str, bytes]:
        """Read several files in one query, and return the contents in the response, by object id.

        If a query is too large for the server, the entries are split into two smaller queries. The caller must read
        each file that is missing in the result with a separate API call.
        """
        if self.batch_query is None or len(entries) < 2:  # noqa: PLR2004 - a single file is one request anyway
            return {}
        try:
            answer = self.batch_query.query_contents(entries)
        except UnsupportedQueryError:
            return {}
        except RefusedError as refusal:
            return self._query_halves(entries) if is_query_too_large(refusal) else {}
        missing = [each for each in entries if each.oid not in answer.contents] if answer.is_truncated else []
        return {**answer.contents, **self._query_halves(missing)}

    def _query_halves(self, entries: Sequence[TreeEntry]) -> dict[str, bytes]:
        half = len(entries) // 2
        return self._query_contents(entries[:half]) | self._query_contents(entries[half:])

    def _read_one(self, entry: TreeEntry) -> bytes | TreeError:
        """Read one file, and return its content.

        Returns a TreeError if the file cannot be read, or if its content does not match its object id. If the file is
        larger than the largest response that basebump reads, the error is an OversizedFileError.
        """
        oid = entry.oid
        if oid is None:
            return TreeError(f"'{entry.path}' is not an entry of this tree")
        try:
            content = self.fetch_blob(entry, oid)
        except RefusedError as refusal:
            return (OversizedFileError if is_oversized(refusal) else TreeError)(str(refusal))
        if hash_blob(content, sample_oid=oid) != oid:
            return TreeError(
                f"'{entry.path}': {self.server} sent content that does not match its object id; hint: rerun basebump"
            )
        return content


def is_oversized(refusal: RefusedError) -> bool:
    """Return True if a response of the server was larger than the largest response that basebump reads."""
    return isinstance(refusal.__cause__, OversizedError)


def _is_queried(entry: TreeEntry) -> bool:
    """Return True if a query for several files can contain the entry.

    This requires that the entry has an object id and is not too large. If the size is not known, the file is assumed to
    be small.
    """
    return entry.oid is not None and (entry.size or 0) <= MAX_TEXT
