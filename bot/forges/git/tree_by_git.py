"""Reading large trees and many files of one commit with git, on servers whose APIs need many requests for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from bot.forges.git.remote import GitOrigin
from bot.forges.hosted.files import TreeListing
from bot.forges.hosted.refusal import RefusedError
from bot.model.errors import TreeError
from bot.model.forge import TreeEntry

FileContents = Iterator[bytes | TreeError]
"""The content of each entry in order, or the error if the entry cannot be read."""


@dataclass(frozen=True, slots=True)
class TreeByGit:
    """The files of one commit, read with git."""

    origin: GitOrigin
    commit: str

    def list_files(self) -> TreeListing:
        """Return the regular files, without their sizes. Raises RefusedError."""
        with self.origin.clone(self.commit) as clone:
            return clone.list_files()

    def list_after_api(
        self, list_by_api: Callable[[int], TreeListing], entries_by_api: int, max_entries: int
    ) -> TreeListing:
        """Return the regular files, listed by the API if the tree has few entries, and with git otherwise.

        If git cannot list them, the API lists up to `max_entries` entries. Raises RefusedError.

        Args:
            list_by_api: Lists at most this number of entries with the API. If there are more, the result is incomplete.
            entries_by_api: The largest number of entries for which the API is used first.
            max_entries: The largest number of entries for which the API is used if git fails.
        """
        listing = list_by_api(entries_by_api)
        if listing.is_complete:
            return listing
        try:
            return self.list_files()
        except RefusedError:
            return list_by_api(max_entries)

    def fetch(
        self, entries: Sequence[TreeEntry], read_without_git: Callable[[RefusedError], FileContents]
    ) -> FileContents:
        """Yield the content of each entry in order, fetched with git.

        If git cannot fetch the files, `read_without_git` is called with the error, and the contents that it returns are
        yielded.
        """
        with ExitStack() as opened:
            try:
                contents = opened.enter_context(self.origin.clone(self.commit)).fetch_files(entries)
            except RefusedError as refusal:
                contents = read_without_git(refusal)
            yield from contents
