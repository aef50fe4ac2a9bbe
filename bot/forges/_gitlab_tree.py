"""The files of one commit on GitLab."""

from __future__ import annotations

from gitlab.v4.objects import Project

from bot.forges._git_objects import EXECUTABLE, REGULAR, RegularFile
from bot.forges._gitlab_blobs import Blobs
from bot.forges._gitlab_connection import PER_PAGE, Remote
from bot.forges._gitlab_errors import understood
from bot.forges._listed_tree import ListedTree, Listing
from bot.forges._refusal import NOT_FOUND, RefusedError
from bot.model.source import FilePath

MAX_ENTRIES = 100_000
"""Of one tree: a thousand requests, some minutes. What comes after them is not looked at, and said to be missing."""


def open_tree(remote: Remote, commit: str) -> ListedTree:
    """Return the tree of one commit. GitLab tells no sizes."""

    def ask() -> Listing:
        with understood(remote.name):
            return list_files(remote, commit)

    return ListedTree(ask, Blobs(remote, commit).read)


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
