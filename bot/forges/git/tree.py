"""The files of one commit of a local repository."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from bot.forges.git.command import GitRunner
from bot.forges.git.commit import list_regular_files
from bot.local_git import MAX_BATCH_BYTES, read_committed_contents, split_into_batches
from bot.model.errors import ProcessError, TreeError
from bot.model.forge import TreeEntry
from bot.model.source import FilePath


@dataclass(frozen=True, slots=True)
class LocalFileHistory:
    """The earlier contents of files in a local repository; implements `bot.ports.FileHistory`."""

    git: GitRunner
    commit: str

    def read_earlier(self, path: FilePath, max_commits: int) -> Iterator[bytes]:
        """Yield the earlier contents of a file, newest first. Raises TreeError if git fails."""
        try:
            contents = read_committed_contents(self.git.run, self.commit, path, max_commits + 1)
            next(contents, None)  # skip the current content
            yield from contents
        except ProcessError as error:
            raise TreeError(str(error)) from error


class LocalTree:
    """The tree of one commit of a local repository; implements `bot.ports.FileTree`."""

    is_complete = True
    is_on_disk = True
    unlisted_folders = ()
    links: Mapping[FilePath, str] = MappingProxyType({})

    def __init__(self, git: GitRunner, commit: str) -> None:
        self._git = git
        self._commit = commit

    @property
    def history(self) -> LocalFileHistory:
        return LocalFileHistory(self._git, self._commit)

    def list_entries(self) -> Iterable[TreeEntry]:
        """Return the regular files, without symbolic links and submodules. Raises TreeError if git fails."""
        try:
            files = list_regular_files(self._git, self._commit)
        except ProcessError as error:
            raise TreeError(str(error)) from error
        return [TreeEntry(path, file.size, file.oid) for path, file in files.items()]

    def read(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry in order. If an entry cannot be read, yield a TreeError instead.

        git's filters are not applied to the contents.
        """
        for batch in split_into_batches(entries, MAX_BATCH_BYTES):
            try:
                yield from self._git.read_blobs([entry.oid or "" for entry in batch])
            except ProcessError:  # read the blobs one by one, so that each failure has its own reason
                yield from map(self._read_alone, batch)

    def _read_alone(self, entry: TreeEntry) -> bytes | TreeError:
        if entry.oid is None:
            return TreeError(f"'{entry.path}' is not an entry of this tree")
        try:
            return self._git.read_blob(entry.oid)
        except ProcessError as error:
            return TreeError(str(error))
