"""The earlier contents of the files of one repository on a server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bot.forges.hosted.forge import HostedRepository
from bot.model.errors import ForgeError, OversizedFileError, TreeError
from bot.model.source import FilePath


@dataclass(frozen=True, slots=True)
class HostedFileHistory:
    """The history of the files of one commit; implements `bot.ports.FileHistory`."""

    hosted: HostedRepository
    commit: str

    def read_earlier(self, path: FilePath, max_commits: int) -> Iterator[bytes]:
        """Yield the contents of a file before its last change, newest first.

        One request lists the commits. Each content takes the requests for reading one file of another commit.
        """
        hosted = self.hosted
        try:
            with hosted.errors.translate(hosted.name):
                commits = hosted.commits.list_file_commits(self.commit, path, max_commits + 1)
        except ForgeError as error:
            raise TreeError(str(error)) from error
        for commit in commits[1 : max_commits + 1]:  # the file still has the content of the first one
            content = self._read_file(commit, path)
            if content is not None:
                yield content

    def _read_file(self, commit: str, path: FilePath) -> bytes | None:
        """Return the content of a file in a commit; None if the commit has no such file, or if it is too large.

        Raises TreeError.
        """
        hosted, folder = self.hosted, path.rpartition("/")[0]
        tree = hosted.open_folder(commit, folder) if hosted.open_folder is not None else hosted.open_tree(commit)
        entry = next((each for each in tree.list_entries() if each.path == path), None)
        if entry is None:
            return None
        (content,) = tree.read([entry])
        if isinstance(content, OversizedFileError):
            return None
        if isinstance(content, TreeError):
            raise content
        return content
