"""The files of one commit on GitHub."""

from __future__ import annotations

from github.GitTree import GitTree

from bot.forges._git_objects import EXECUTABLE, REGULAR, RegularFile
from bot.forges._listed_tree import ListedTree, Listing
from bot.forges.github.blobs import Blobs
from bot.forges.github.connection import Remote
from bot.forges.github.errors import understood
from bot.model.source import FilePath

MAX_TREE_REQUESTS = 200
"""For one commit. One is enough up to 100,000 entries; this many list some million files."""


def open_tree(remote: Remote, commit: str) -> ListedTree:
    """Return the tree of one commit."""

    def ask() -> Listing:
        with understood(remote.name):
            return list_files(remote, commit)

    return ListedTree(ask, Blobs(remote).read)


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
