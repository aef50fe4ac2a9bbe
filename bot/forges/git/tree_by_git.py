"""Reading the files of one commit with the API if there are few files, and with git otherwise."""

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
    """The limits up to which the API is used. Above them, git needs fewer requests."""

    entries: int | None
    """The largest number of entries to list with the API before git is tried; None if one API call lists a whole
    tree."""
    max_entries: int | None
    """The largest number of entries to list with the API if git cannot list them; None if `entries` is None."""
    files: int
    """The largest number of files to read with the API before git is tried."""


@dataclass(frozen=True, slots=True)
class TreeByGit:
    """The files of one commit, read with git."""

    build_origin: Callable[[], GitOrigin]
    """Returns the URL and the login with which git clones the repository. Raises RefusedError if there is no login."""
    commit: str

    def list_files(self) -> TreeListing:
        """Return the regular files, without their sizes. Raises RefusedError if git fails."""
        with self.build_origin().clone(self.commit) as clone:
            return clone.list_files()

    def open_after_api(
        self,
        list_by_api: Callable[[int | None], TreeListing],
        blobs: BlobReader,
        limits: ApiLimits,
        translate: Callable[[], AbstractContextManager[None]],
    ) -> ListedTree:
        """Return the tree of the commit, listed and read with the API if it is small, and with git otherwise.

        If git is needed and fails, the API is used beyond its limits.

        Args:
            list_by_api: Lists entries with the API, at most as many as its argument. If there are more entries, the
                result is incomplete. Raises RefusedError if the API call fails.
            blobs: Reads files with the API.
            limits: The limits up to which the API is used.
            translate: Converts errors of malformed responses, as `ServerErrors.translate` does.
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

        If git cannot fetch the files, yield the contents that `read_without_git` returns for the error.
        """
        with ExitStack() as opened:
            try:
                contents = opened.enter_context(self.build_origin().clone(self.commit)).fetch_files(entries)
            except RefusedError as refusal:
                contents = read_without_git(refusal)
            yield from contents

    def _list_after_api(self, list_by_api: Callable[[int | None], TreeListing], limits: ApiLimits) -> TreeListing:
        """Return the regular files, listed with the API, or with git if the tree or the API's response is too large."""
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
