"""The files of one commit on GitHub."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from github.GitTree import GitTree

from bot.forges._git_objects import EXECUTABLE, REGULAR
from bot.forges._github_blobs import Blobs
from bot.forges._github_connection import Remote
from bot.forges._github_errors import understood
from bot.forges._refusal import RefusedError
from bot.model.errors import TreeError
from bot.model.source import FilePath
from bot.ports import Entry

MAX_TREE_REQUESTS = 200
"""For one commit. One is enough up to 100,000 entries; this many list some million files."""


@dataclass(frozen=True, slots=True)
class RegularFile:
    """One regular file of a tree."""

    mode: str
    oid: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Listing:
    """The regular files of a tree."""

    files: Mapping[FilePath, RegularFile]
    complete: bool


class GitHubTree:
    """One commit of a repository, read by its name only."""

    unlisted = ()

    def __init__(self, remote: Remote, commit: str) -> None:
        self._remote = remote
        self._commit = commit
        self._listing: Listing | None = None

    @property
    def complete(self) -> bool:
        """Whether `entries` gave all files: GitHub cuts large trees short. Raises TreeError."""
        return self._list().complete

    def entries(self) -> Iterable[Entry]:
        """Return the regular files; no links, no submodules. Raises TreeError."""
        return [Entry(path, file.size, file.oid) for path, file in self._list().files.items()]

    def read(self, entries: Sequence[Entry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry, in their order, or why it could not be read."""
        return Blobs(self._remote).read(entries)

    def _list(self) -> Listing:
        if self._listing is None:
            try:
                with understood(self._remote.name):
                    self._listing = list_files(self._remote, self._commit)
            except RefusedError as refusal:
                raise TreeError(str(refusal)) from refusal
        return self._listing


def list_files(remote: Remote, tree: str) -> Listing:
    """Return the regular files of `tree`, which may be named by a commit. Raises RefusedError.

    One request where GitHub gives all of it, else its folders one by one
    (https://docs.github.com/en/rest/git/trees#get-a-tree says when it does not).
    """
    files: dict[FilePath, RegularFile] = {}
    complete = True
    pending = [("", tree)]
    requests = 0
    while pending:
        if requests >= MAX_TREE_REQUESTS:
            return Listing(files, complete=False)
        folder, oid = pending.pop()
        requests += 1
        found = _get_tree(remote, oid, recursive=True)
        if found.truncated:
            requests += 1
            found = _get_tree(remote, oid, recursive=False)
            complete = complete and not found.truncated
            pending += [(f"{folder}{each.path}/", each.sha) for each in found.tree if each.type == "tree"]
        for each in found.tree:
            if each.type == "blob" and each.mode in (REGULAR, EXECUTABLE):
                files[FilePath(folder + each.path)] = RegularFile(each.mode, each.sha, each.size)
    return Listing(files, complete)


def _get_tree(remote: Remote, oid: str, *, recursive: bool) -> GitTree:
    return remote.read("list the files", lambda repository: repository.get_git_tree(oid, recursive=recursive))
