"""The files of one commit on GitLab."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gitlab.v4.objects import Project

from bot.forges._git_objects import EXECUTABLE, REGULAR, blob_name
from bot.forges._gitlab_connection import PER_PAGE, Remote
from bot.forges._gitlab_errors import understood
from bot.forges._refusal import NOT_FOUND, RefusedError
from bot.model.errors import TreeError
from bot.model.source import FilePath
from bot.ports import Entry

MAX_ENTRIES = 100_000
"""Of one tree: a thousand requests, some minutes. What comes after them is not looked at, and said to be missing."""


@dataclass(frozen=True, slots=True)
class RegularFile:
    """One regular file of a tree."""

    mode: str
    oid: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The regular files of a tree."""

    files: Mapping[FilePath, RegularFile]
    complete: bool


class GitLabTree:
    """One commit of a project, read by its name only."""

    unlisted = ()

    def __init__(self, remote: Remote, commit: str) -> None:
        self._remote = remote
        self._commit = commit
        self._listing: Listing | None = None

    @property
    def complete(self) -> bool:
        """Whether `entries` gave all files. Raises TreeError."""
        return self._list().complete

    def entries(self) -> Iterable[Entry]:
        """Return the regular files; no links, no submodules. GitLab tells no sizes. Raises TreeError."""
        return [Entry(path, None, file.oid) for path, file in self._list().files.items()]

    def read(self, entries: Sequence[Entry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry, in their order, or why it could not be read."""
        return map(self._read, entries)

    def _read(self, entry: Entry) -> bytes | TreeError:
        """Read a blob by its name, and believe what has that name.

        https://docs.gitlab.com/api/repositories/#get-raw-blob-content
        """
        oid = entry.oid
        if oid is None:
            return TreeError(f"{entry.path} is no entry of this tree")
        try:
            content = self._remote.read(f"read {entry.path}", lambda project: project.repository_raw_blob(oid))
        except RefusedError as refusal:
            return TreeError(str(refusal))
        if blob_name(content, like=oid) != oid:
            return TreeError(f"GitLab sent {entry.path} other than it is stored; run basebump again")
        return content

    def _list(self) -> Listing:
        if self._listing is None:
            try:
                with understood(self._remote.name):
                    self._listing = list_files(self._remote, self._commit)
            except RefusedError as refusal:
                raise TreeError(str(refusal)) from refusal
        return self._listing


def list_files(remote: Remote, commit: str, folder: str | None = None) -> Listing:
    """Return the regular files of a commit, or only those that lie directly in `folder`. Raises RefusedError.

    By keyset pagination, which GitLab recommends for trees: https://docs.gitlab.com/api/repositories/#list-repository-tree.
    """

    def ask(project: Project) -> Listing:
        files: dict[FilePath, RegularFile] = {}
        pages = project.repository_tree(
            path=folder or "",
            ref=commit,
            recursive=folder is None,
            pagination="keyset",
            per_page=PER_PAGE,  # python-gitlab has it everywhere but here
            iterator=True,
        )
        for count, each in enumerate(pages):
            if count >= MAX_ENTRIES:
                return Listing(files, complete=False)
            if each["type"] == "blob" and each["mode"] in (REGULAR, EXECUTABLE):
                files[FilePath(str(each["path"]))] = RegularFile(str(each["mode"]), str(each["id"]))
        return Listing(files, complete=True)

    try:
        return remote.read("list the files", ask)
    except RefusedError as refusal:
        if folder and refusal.status == NOT_FOUND:
            return Listing({}, complete=True)
        raise
