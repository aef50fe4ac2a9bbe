"""Reading the files of one commit by an API if they are few, and with git otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

from bot.forges.git.remote import GitOrigin
from bot.forges.hosted.files import BlobReader, ListedTree, TreeListing, is_oversized
from bot.forges.hosted.refusal import RefusedError
from bot.model.errors import TreeError
from bot.model.forge import TreeEntry

FileContents = Iterator[bytes | TreeError]
"""The content of each entry in order, or the error if the entry cannot be read."""


@dataclass(frozen=True, slots=True)
class ApiLimits:
    """The amounts up to which an API is used. git needs fewer requests for larger ones."""

    entries: int | None
    """The largest number of entries in a tree that is listed by the API first; None if one request lists all."""
    max_entries: int | None
    """The largest number of entries that are listed by the API if git cannot list them; None if `entries` is None."""
    files: int
    """The largest number of files that are read by the API first."""


@dataclass(frozen=True, slots=True)
class TreeByGit:
    """The files of one commit, read with git."""

    build_origin: Callable[[], GitOrigin]
    """Returns the URL and the login with which git clones the repository. Raises RefusedError without a login."""
    commit: str

    def list_files(self) -> TreeListing:
        """Return the regular files, without their sizes. Raises RefusedError."""
        with self.build_origin().clone(self.commit) as clone:
            return clone.list_files()

    def open_after_api(
        self,
        list_by_api: Callable[[int | None], TreeListing],
        blobs: BlobReader,
        limits: ApiLimits,
        translate: Callable[[], AbstractContextManager[None]],
    ) -> ListedTree:
        """Return the tree of the commit, which is listed and read by the API if it is small, and with git otherwise.

        If git is needed and fails, the API is used beyond its limits.

        Args:
            list_by_api: Lists at most this number of entries with the API, and raises RefusedError. If there are more,
                the result is incomplete.
            blobs: Reads files with the API.
            limits: The amounts up to which the API is used.
            translate: Converts errors of malformed answers, as `ServerErrors.translate` does.
        """

        def list_tree() -> TreeListing:
            with translate():
                return self._list_after_api(list_by_api, limits)

        def read(entries: Sequence[TreeEntry]) -> FileContents:
            if len(entries) <= limits.files:
                return blobs.read(entries)
            return self.fetch(entries, lambda _: blobs.read(entries))

        return ListedTree(list_tree, read)

    def fetch(
        self, entries: Sequence[TreeEntry], read_without_git: Callable[[RefusedError], FileContents]
    ) -> FileContents:
        """Yield the content of each entry in order, fetched with git.

        If git cannot fetch the files, `read_without_git` is called with the error, and the contents that it returns are
        yielded.
        """
        with ExitStack() as opened:
            try:
                contents = opened.enter_context(self.build_origin().clone(self.commit)).fetch_files(entries)
            except RefusedError as refusal:
                contents = read_without_git(refusal)
            yield from contents

    def _list_after_api(self, list_by_api: Callable[[int | None], TreeListing], limits: ApiLimits) -> TreeListing:
        """Return the regular files. An answer of the API that is too large is one more reason to use git."""
        listing, refusal = TreeListing({}, is_complete=False), None
        try:
            listing = list_by_api(limits.entries)
        except RefusedError as error:
            if not is_oversized(error):
                raise
            refusal = error
        if listing.is_complete:
            return listing
        try:
            return self.list_files()
        except RefusedError as error:
            if refusal is not None:
                raise refusal from error
            return list_by_api(limits.max_entries) if limits.max_entries is not None else listing
