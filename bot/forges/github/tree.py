"""The files of one commit on GitHub: listed with the Git Trees API, and read many in one request.

Each content is verified by its blob name.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from github.GitTree import GitTree

from bot.forges._git_objects import EXECUTABLE, REGULAR, RegularFile, split_into_batches
from bot.forges.github.connection import GitHubRemote, run_query
from bot.forges.github.errors import translate_errors
from bot.forges.hosted.files import ListedTree, TreeListing, hash_texts, read_blob
from bot.forges.hosted.refusal import RefusedError, UnsupportedQueryError, is_query_too_large
from bot.model.errors import TreeError
from bot.model.forge import TreeEntry
from bot.model.source import FilePath

MAX_TREE_REQUESTS = 200
"""Requests for one commit. One is enough up to 100,000 entries; this many list about a million files."""


def open_tree(remote: GitHubRemote, commit: str) -> ListedTree:
    """Return the tree of one commit, which is listed when it is first needed."""

    def list_tree() -> TreeListing:
        with translate_errors(remote.name):
            return list_files(remote, commit)

    return ListedTree(list_tree, GitHubBlobs(remote).read)


def list_files(remote: GitHubRemote, tree: str) -> TreeListing:
    """Return the regular files of a tree, or of the tree of a commit. Raises RefusedError.

    It takes one request if GitHub returns the whole tree, or else one or two for each folder
    (https://docs.github.com/en/rest/git/trees#get-a-tree documents the limits).
    """
    files: dict[FilePath, RegularFile] = {}
    is_complete = True
    pending = [("", tree)]
    requests = 0
    while pending:
        if requests >= MAX_TREE_REQUESTS:
            return TreeListing(files, is_complete=False)
        folder, oid = pending.pop()
        requests += 1
        git_tree = _get_tree(remote, oid, recursive=True)
        if git_tree.truncated:
            requests += 1
            git_tree = _get_tree(remote, oid, recursive=False)
            is_complete = is_complete and not git_tree.truncated
            pending += [(f"{folder}{each.path}/", each.sha) for each in git_tree.tree if each.type == "tree"]
        for each in git_tree.tree:
            if each.type == "blob" and each.mode in (REGULAR, EXECUTABLE):
                files[FilePath(folder + each.path)] = RegularFile(each.mode, each.sha, each.size)
    return TreeListing(files, is_complete)


def _get_tree(remote: GitHubRemote, oid: str, *, recursive: bool) -> GitTree:
    return remote.read("list the files", lambda repository: repository.get_git_tree(oid, recursive=recursive))


MAX_FILES = 50
"""Files in one query, which costs one point however many files it has; more make a slow server give up."""
MAX_BYTES = 1024 * 1024
"""Bytes of all files in one query; both sides hold the answer in memory, and GitHub has ten seconds to build it."""
MAX_TEXT = 256 * 1024
"""Largest file in bytes that is read as text: GitHub truncates longer ones, at twice that size."""


@dataclass(frozen=True, slots=True)
class GitHubBlobs:
    """The file contents of one repository."""

    remote: GitHubRemote

    def read(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry, in order, or the reason why it could not be read."""
        for batch in split_into_batches(entries, MAX_BYTES, MAX_FILES):
            contents = self._read_by_graphql(
                sorted({each.oid for each in batch if each.oid and (each.size or 0) <= MAX_TEXT})
            )
            for entry in batch:
                content = contents.get(entry.oid or "")
                yield content if content is not None else self._read_by_rest(entry)

    def _read_by_graphql(self, oids: Sequence[str]) -> dict[str, bytes]:
        """Return the contents that GraphQL returns unchanged, by blob name; binary and truncated files are missing."""
        if len(oids) < 2:  # noqa: PLR2004 - one file is one request by REST, too
            return {}
        fields = [f"b{index}: object(oid: $o{index}) {{ ... on Blob {{ text }} }}" for index in range(len(oids))]
        parameters = ", ".join(f"$o{index}: GitObjectID!" for index in range(len(oids)))
        text = (
            f"query($owner: String!, $name: String!, {parameters}) "
            f"{{ repository(owner: $owner, name: $name) {{ {' '.join(fields)} }} }}"
        )
        name = self.remote.name
        variables = {"owner": self.remote.owner, "name": self.remote.short_name}
        variables |= {f"o{index}": oid for index, oid in enumerate(oids)}
        try:
            answer = run_query(self.remote.connection, f"read files of {name}", text, variables, name)
            with translate_errors(name):
                blobs = (answer.data.get("repository") or {}).values()
                contents = hash_texts(each.get("text") for each in blobs if each is not None)
        except UnsupportedQueryError:
            return {}
        except RefusedError as refusal:
            if not is_query_too_large(refusal):
                return {}
            half = len(oids) // 2
            return self._read_by_graphql(oids[:half]) | self._read_by_graphql(oids[half:])
        missing = [oid for oid in oids if oid not in contents] if answer.is_truncated else []
        half = len(missing) // 2
        return contents | self._read_by_graphql(missing[:half]) | self._read_by_graphql(missing[half:])

    def _read_by_rest(self, entry: TreeEntry) -> bytes | TreeError:
        """Read one file by REST: https://docs.github.com/en/rest/git/blobs#get-a-blob."""

        def fetch(oid: str) -> bytes:
            with translate_errors(self.remote.name):
                blob = self.remote.read(f"read {entry.path}", lambda repository: repository.get_git_blob(oid))
                try:
                    return base64.b64decode(blob.content)
                except binascii.Error as error:
                    message = f"GitHub sent '{entry.path}' with an invalid encoding; hint: rerun basebump"
                    raise RefusedError(message, status=None) from error

        return read_blob(entry, fetch, "GitHub")
