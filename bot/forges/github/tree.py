"""The files of one commit on GitHub, listed with the Git Trees API."""

from __future__ import annotations

from github.GitTree import GitTree

from bot.forges._git_objects import EXECUTABLE, REGULAR, RegularFile
from bot.forges.github.blobs import GitHubBlobs
from bot.forges.github.connection import GitHubRemote
from bot.forges.github.errors import translate_errors
from bot.forges.hosted.files import ListedTree, TreeListing
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
