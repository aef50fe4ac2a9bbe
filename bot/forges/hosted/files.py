"""The files of one commit on a server, verified by their blob names, and changed files on their way to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.forges._git_objects import RegularFile, hash_blob
from bot.forges.hosted.refusal import RefusedError
from bot.model.errors import ForgeError, TreeError
from bot.model.forge import TreeEntry
from bot.model.source import FileChange, FilePath


@dataclass(frozen=True, slots=True)
class TreeListing:
    """The regular files of a tree; links and submodules are left out."""

    files: Mapping[FilePath, RegularFile]
    is_complete: bool
    """False if the server truncated the list, as servers do with large trees."""


class ListedTree:
    """The tree of one commit on a server; implements `bot.ports.Tree`."""

    unlisted_folders = ()

    def __init__(
        self, list_files: Callable[[], TreeListing], read: Callable[[Sequence[TreeEntry]], Iterator[bytes | TreeError]]
    ) -> None:
        """Wrap the functions that list and read files.

        Args:
            list_files: Lists the tree; called once, when the list is first needed. Raises RefusedError.
            read: Yields the content of each entry, in order, or the reason why it could not be read.
        """
        self._list_files = list_files
        self._read = read
        self._listing: TreeListing | None = None

    @property
    def is_complete(self) -> bool:
        """True if `list_entries` gives all files of the commit. Raises TreeError."""
        return self._load_listing().is_complete

    def list_entries(self) -> Iterable[TreeEntry]:
        """Return the regular files. Raises TreeError."""
        return [TreeEntry(path, file.size, file.oid) for path, file in self._load_listing().files.items()]

    def read(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry, in order, or the reason why it could not be read."""
        return self._read(entries)

    def _load_listing(self) -> TreeListing:
        if self._listing is None:
            try:
                self._listing = self._list_files()
            except RefusedError as refusal:
                raise TreeError(str(refusal)) from refusal
        return self._listing


def read_blob(entry: TreeEntry, fetch_blob: Callable[[str], bytes], server: str) -> bytes | TreeError:
    """Read the blob of an entry, and check its content against the blob name.

    Returns the content, or the reason why it could not be read. `fetch_blob` fetches a blob by its name and raises
    RefusedError; `server` names the server in messages.
    """
    oid = entry.oid
    if oid is None:
        return TreeError(f"'{entry.path}' is not an entry of this tree")
    try:
        content = fetch_blob(oid)
    except RefusedError as refusal:
        return TreeError(str(refusal))
    if hash_blob(content, like=oid) != oid:
        return TreeError(
            f"'{entry.path}': {server} sent content that does not match its object name; hint: rerun basebump"
        )
    return content


MAX_INLINE_BYTES = 256 * 1024
"""Largest file in bytes that is sent as text; larger files, and files that are not text, are sent in base64."""


def hash_texts(texts: Iterable[str | None], like: str = "") -> dict[str, bytes]:
    """Return the contents of texts by blob name; `like` is any object name of the repository.

    A text that was truncated, changed on its way or is not UTF-8 has a name that nobody requested.
    """
    contents = [text.encode("utf-8", "surrogatepass") for text in texts if text is not None]
    return {hash_blob(content, like=like): content for content in contents}


def build_expected_files(
    changes: Sequence[FileChange], base_files: Mapping[FilePath, RegularFile], repository: str
) -> dict[FilePath, RegularFile]:
    """Return the mode and blob name that each changed file must have after the push. File modes stay.

    `base_files` are the regular files of the base branch. Raises ForgeError if a path is not among them, or if no file
    would change.
    """
    expected: dict[FilePath, RegularFile] = {}
    for change in changes:
        file = base_files.get(change.path)
        if file is None:
            raise ForgeError(
                f"{repository}: '{change.path}' is not a regular file in the base branch; hint: rerun basebump"
            )
        expected[change.path] = RegularFile(file.mode, hash_blob(change.content, like=file.oid))
    if all(base_files[path] == file for path, file in expected.items()):
        raise ForgeError(
            f"{repository}: nothing would change: the base branch already holds the proposed files; "
            "hint: rerun basebump"
        )
    return expected


def decode_text(content: bytes) -> str | None:
    """Decode the content if JSON is sure to carry it unchanged; return None otherwise."""
    if len(content) > MAX_INLINE_BYTES or b"\0" in content:
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None
