"""The files of one commit on GitHub.

The REST API for git trees lists the files. One GraphQL query reads the contents of many files.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from github.GitTree import GitTree
from github.GitTreeElement import GitTreeElement

from bot.forges._git_objects import EXECUTABLE, REGULAR, RegularFile
from bot.forges.github.connection import GitHubRemote, run_query
from bot.forges.github.github_errors import translate_errors
from bot.forges.hosted.files import BlobReader, ListedTree, QueriedContents, TreeListing, index_by_object_id
from bot.forges.hosted.refusal import RefusedError
from bot.local_git import split_into_batches
from bot.model.branch_ownership import FileDifference, TreeObject
from bot.model.forge import TreeEntry
from bot.model.source import FilePath

MAX_TREE_REQUESTS = 200
"""The largest number of requests that list the files of one commit. A single request returns up to 100,000 entries. In
a larger tree, 200 requests list about a million files."""


def open_tree(remote: GitHubRemote, commit: str) -> ListedTree:
    """Return the tree of one commit. Its files are listed when they are first needed."""

    def list_tree() -> TreeListing:
        with translate_errors(remote.name):
            return list_files(remote, commit)

    return ListedTree(list_tree, BlobReader("GitHub", partial(_fetch_blob, remote), GitHubBatchQuery(remote)).read)


def list_files(remote: GitHubRemote, tree: str) -> TreeListing:
    """Return the regular files of a tree.

    `tree` is the id of the tree or of a commit. Raises RefusedError if an API call fails.

    If GitHub returns the whole tree, one request is sent. If GitHub truncates the tree, one or two requests are sent
    for each folder. The limits are documented at https://docs.github.com/en/rest/git/trees#get-a-tree
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


MAX_COMPARED_TREES = 100
"""The largest number of trees that are read to compare two commits whose trees GitHub truncates. In such a large
repository, a proposal that edits files in more folders is left to the users."""


def list_differences(remote: GitHubRemote, old_commit: str, new_commit: str) -> list[FileDifference] | None:
    """Return the paths at which the trees of two commits differ; None if too many trees must be read.

    If a tree has two entries with equal names, return None, because programs disagree on which entry counts. Usually,
    two requests are sent. If GitHub truncates the trees, only folders that differ are read, with two requests each.
    Raises RefusedError if an API call fails.
    """
    differences: list[FileDifference] = []
    pending = [("", old_commit, new_commit)]
    requests = 0
    is_recursive = True
    while pending:
        folder, old_oid, new_oid = pending.pop()
        requests += 2
        if requests > MAX_COMPARED_TREES:
            return None
        trees = [_get_tree(remote, oid, recursive=is_recursive) for oid in (old_oid, new_oid)]
        if any(tree.truncated for tree in trees):
            if not is_recursive:
                return None
            is_recursive = False
            pending.append((folder, old_oid, new_oid))
            continue
        old, new = ({folder + each.path: each for each in tree.tree} for tree in trees)
        if [len(old), len(new)] != [len(tree.tree) for tree in trees]:
            return None
        for path in sorted(old.keys() | new.keys()):
            before, after = old.get(path), new.get(path)
            if before is not None and after is not None and before.type == after.type == "tree":
                if not is_recursive and before.sha != after.sha:
                    pending.append((f"{path}/", before.sha, after.sha))
            elif (difference := _build_difference(path, before, after)) is not None:
                differences.append(difference)
    return differences


def _build_difference(path: str, old: GitTreeElement | None, new: GitTreeElement | None) -> FileDifference | None:
    """Return the difference at one path; None if both commits have the same object at this path."""
    old_object, new_object = (
        TreeObject(each.mode, each.sha, each.size) if each is not None else None for each in (old, new)
    )
    return FileDifference(FilePath(path), old_object, new_object) if old_object != new_object else None


def _get_tree(remote: GitHubRemote, oid: str, *, recursive: bool) -> GitTree:
    return remote.read("list the files", lambda repository: repository.get_git_tree(oid, recursive=recursive))


MAX_FILES = 50
"""The largest number of files in one query. A query costs one point regardless of this number, but slow servers fail to
respond to larger queries."""
MAX_BYTES = 1024 * 1024
"""The largest size of all files in one query, in bytes. GitHub must build the response within ten seconds."""


@dataclass(frozen=True, slots=True)
class GitHubBatchQuery:
    """The GraphQL query for the contents of several files of one repository; implements `BatchQuery`."""

    remote: GitHubRemote

    def split(self, entries: Sequence[TreeEntry]) -> Iterator[Sequence[TreeEntry]]:
        return split_into_batches(entries, MAX_BYTES, MAX_FILES)

    def query_contents(self, entries: Sequence[TreeEntry]) -> QueriedContents:
        """Return the contents of the entries of one batch, by object id.

        Raises RefusedError if the query fails, and UnsupportedQueryError if the server does not support it.
        """
        fields = [f"b{index}: object(oid: $o{index}) {{ ... on Blob {{ text }} }}" for index in range(len(entries))]
        parameters = ", ".join(f"$o{index}: GitObjectID!" for index in range(len(entries)))
        text = (
            f"query($owner: String!, $name: String!, {parameters}) "
            f"{{ repository(owner: $owner, name: $name) {{ {' '.join(fields)} }} }}"
        )
        name = self.remote.name
        variables = {"owner": self.remote.owner, "name": self.remote.short_name}
        variables |= {f"o{index}": str(entry.oid) for index, entry in enumerate(entries)}
        answer = run_query(self.remote.connection, f"read files of {name}", text, variables, name)
        with translate_errors(name):
            blobs = (answer.data.get("repository") or {}).values()
            contents = index_by_object_id(each.get("text") for each in blobs if each is not None)
        return QueriedContents(contents, answer.is_truncated)


def _fetch_blob(remote: GitHubRemote, entry: TreeEntry, oid: str) -> bytes:
    """Return the content of one file with REST. Raises RefusedError if an API call fails.

    https://docs.github.com/en/rest/git/blobs#get-a-blob
    """
    with translate_errors(remote.name):
        blob = remote.read(f"read {entry.path}", lambda repository: repository.get_git_blob(oid))
        try:
            return base64.b64decode(blob.content)
        except binascii.Error as error:
            message = f"GitHub sent '{entry.path}' with an invalid encoding; hint: rerun basebump"
            raise RefusedError(message, status=None) from error
