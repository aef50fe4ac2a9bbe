"""The files of one commit on GitLab."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

from gitlab.v4.objects import Project

from bot.forges._git_objects import EXECUTABLE, REGULAR, RegularFile
from bot.forges._listed_tree import ListedTree, Listing
from bot.forges._refusal import NOT_FOUND, RefusedError
from bot.forges.git.remote import Origin
from bot.forges.gitlab.blobs import Blobs
from bot.forges.gitlab.connection import PER_PAGE, Remote
from bot.forges.gitlab.errors import understood
from bot.model.errors import TreeError
from bot.model.forge import Entry
from bot.model.source import FilePath

ENTRIES_BY_API = 10_000
"""Of one tree: a hundred requests. A larger one is listed by git, in a few."""
MAX_ENTRIES = 100_000
"""Where git cannot: a thousand requests, some minutes. What comes after them counts as missing."""
FILES_BY_API = 300
"""Of one commit: some twenty requests. More are read by git, in a few."""

Contents = Iterator[bytes | TreeError]
"""Of some entries, in their order, or why each could not be read."""


def open_tree(remote: Remote, commit: str) -> ListedTree:
    """Return the tree of one commit. GitLab tells no sizes."""
    origin = remote.connection.origin(remote.name)
    if remote.connection.is_of_job:  # which sees no trees by the API

        def fetch(entries: Sequence[Entry]) -> Contents:
            return _fetched(origin, commit, entries, lambda refusal: (TreeError(str(refusal)) for _ in entries))

        return ListedTree(lambda: _listed(origin, commit), fetch)

    def ask() -> Listing:
        with understood(remote.name):
            listing = list_files(remote, commit, most=ENTRIES_BY_API)
            if not listing.complete:
                try:
                    return _listed(origin, commit)
                except RefusedError:
                    return list_files(remote, commit)
            return listing

    def read(entries: Sequence[Entry]) -> Contents:
        blobs = Blobs(remote, commit)
        if len(entries) > FILES_BY_API:
            return _fetched(origin, commit, entries, lambda _: blobs.read(entries))
        return blobs.read(entries)

    return ListedTree(ask, read)


def _listed(origin: Origin, commit: str) -> Listing:
    with origin.clone(commit) as clone:
        return clone.listing()


def _fetched(
    origin: Origin, commit: str, entries: Sequence[Entry], otherwise: Callable[[RefusedError], Contents]
) -> Contents:
    """Yield what git gets; where it is refused, what `otherwise` makes of that."""
    with ExitStack() as opened:
        try:
            contents = opened.enter_context(origin.clone(commit)).fetch(entries)
        except RefusedError as refusal:
            contents = otherwise(refusal)
        yield from contents


def list_files(remote: Remote, commit: str, folder: str | None = None, most: int | None = None) -> Listing:
    """Return the regular files of a commit, or only those that lie directly in `folder`. Raises RefusedError.

    After `most` entries the rest is left out, by default after MAX_ENTRIES.

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
            if count >= (most or MAX_ENTRIES):
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
