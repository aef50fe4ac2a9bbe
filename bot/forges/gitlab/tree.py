"""The files of one commit on GitLab: listed by the API or by git, and read many in one request.

Each content is verified by its blob name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from gitlab.v4.objects import Project

from bot.forges._git_objects import EXECUTABLE, REGULAR, RegularFile
from bot.forges.git.remote import GitOrigin
from bot.forges.gitlab.connection import PER_PAGE, GitLabRemote, run_query
from bot.forges.gitlab.errors import translate_errors
from bot.forges.hosted.files import ListedTree, TreeListing, hash_texts, read_blob
from bot.forges.hosted.refusal import NOT_FOUND, RefusedError, UnsupportedQueryError, is_query_too_large
from bot.model.errors import TreeError
from bot.model.forge import TreeEntry
from bot.model.source import FilePath

ENTRIES_BY_API = 10_000
"""Entries of one tree that are listed by the API, in a hundred requests; a larger tree takes git few requests."""
MAX_ENTRIES = 100_000
"""Entries that are listed by the API if git cannot list them, in a thousand requests and some minutes. The tree is
incomplete if it has more."""
FILES_BY_API = 300
"""Files of one commit that are read by the API, in about twenty requests; more files take git few requests."""

FileContents = Iterator[bytes | TreeError]
"""The content of each entry, in order, or the reason why it could not be read."""


def open_tree(remote: GitLabRemote, commit: str) -> ListedTree:
    """Return the tree of one commit, which is listed when it is first needed. GitLab reports no file sizes."""
    origin = remote.connection.build_origin(remote.name)
    if remote.connection.has_job_token:  # the token of a job cannot read trees by the API

        def fetch(entries: Sequence[TreeEntry]) -> FileContents:
            return _fetch_by_git(origin, commit, entries, lambda refusal: (TreeError(str(refusal)) for _ in entries))

        return ListedTree(lambda: _list_by_git(origin, commit), fetch)

    def list_tree() -> TreeListing:
        with translate_errors(remote.name):
            listing = list_files(remote, commit, max_entries=ENTRIES_BY_API)
            if not listing.is_complete:
                try:
                    return _list_by_git(origin, commit)
                except RefusedError:
                    return list_files(remote, commit)
            return listing

    def read(entries: Sequence[TreeEntry]) -> FileContents:
        blobs = GitLabBlobs(remote, commit)
        if len(entries) > FILES_BY_API:
            return _fetch_by_git(origin, commit, entries, lambda _: blobs.read(entries))
        return blobs.read(entries)

    return ListedTree(list_tree, read)


def _list_by_git(origin: GitOrigin, commit: str) -> TreeListing:
    with origin.clone(commit) as clone:
        return clone.list_files()


def _fetch_by_git(
    origin: GitOrigin, commit: str, entries: Sequence[TreeEntry], read_otherwise: Callable[[RefusedError], FileContents]
) -> FileContents:
    """Yield the contents that git fetches; if git fails, the contents that `read_otherwise` reads."""
    with ExitStack() as opened:
        try:
            contents = opened.enter_context(origin.clone(commit)).fetch_files(entries)
        except RefusedError as refusal:
            contents = read_otherwise(refusal)
        yield from contents


def list_files(
    remote: GitLabRemote, commit: str, folder: str | None = None, max_entries: int | None = None
) -> TreeListing:
    """Return the regular files of a commit, or only those directly in `folder`. Raises RefusedError.

    The list ends after `max_entries` entries, by default after `MAX_ENTRIES`.

    It uses keyset pagination, which GitLab recommends for trees:
    https://docs.gitlab.com/api/repositories/#list-repository-tree.
    """

    def fetch(project: Project) -> TreeListing:
        files: dict[FilePath, RegularFile] = {}
        pages = project.repository_tree(
            path=folder or "",
            ref=commit,
            recursive=folder is None,
            pagination="keyset",
            per_page=PER_PAGE,  # python-gitlab ignores its own setting here
            iterator=True,
        )
        for count, each in enumerate(pages):
            if count >= (max_entries or MAX_ENTRIES):
                return TreeListing(files, is_complete=False)
            if each["type"] == "blob" and each["mode"] in (REGULAR, EXECUTABLE):
                files[FilePath(str(each["path"]))] = RegularFile(str(each["mode"]), str(each["id"]))
        return TreeListing(files, is_complete=True)

    try:
        return remote.read("list the files", fetch)
    except RefusedError as refusal:
        if folder and refusal.status == NOT_FOUND:
            return TreeListing({}, is_complete=True)
        raise


_QUERY = """query($project: ID!, $commit: String!, $paths: [String!]!) {
  project(fullPath: $project) { repository { blobs(ref: $commit, paths: $paths) { nodes { rawTextBlob } } } }
  queryComplexity { score limit }
}"""
"""The complexity grows with the number of paths: since GitLab 18.4, each takes fourteen of 250 points."""


@dataclass(frozen=True, slots=True)
class GitLabBlobs:
    """The file contents of one commit of a project."""

    remote: GitLabRemote
    commit: str

    def read(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry, in order, or the reason why it could not be read."""
        start = 0
        while start < len(entries):
            batch = entries[start : start + self.remote.connection.batch_size.files]
            contents = self._read_by_graphql({each.oid: each.path for each in batch if each.oid})
            for entry in batch:
                content = contents.get(entry.oid or "")
                yield content if content is not None else self._read_by_rest(entry)
            start += len(batch)

    def _read_by_graphql(self, paths: Mapping[str, str]) -> dict[str, bytes]:
        """Return the contents that GraphQL returns unchanged, by blob name; binary files are missing."""
        if len(paths) < 2:  # noqa: PLR2004 - one file is one request by REST, too
            return {}
        remote, batch_size = self.remote, self.remote.connection.batch_size
        variables = {"project": remote.name, "commit": self.commit, "paths": list(paths.values())}
        try:
            answer = run_query(remote.connection, f"read files of {remote.name}", _QUERY, variables)
            with translate_errors(remote.name):
                complexity = answer["queryComplexity"]
                batch_size.record_success(len(paths), int(complexity["score"]), int(complexity["limit"]))
                nodes = answer["project"]["repository"]["blobs"]["nodes"]
                return hash_texts((each["rawTextBlob"] for each in nodes), like=next(iter(paths)))
        except UnsupportedQueryError:
            return {}
        except RefusedError as refusal:
            if not is_query_too_large(refusal):
                return {}
            batch_size.record_refusal(len(paths))
            half = len(paths) // 2
            path_items = list(paths.items())
            return self._read_by_graphql(dict(path_items[:half])) | self._read_by_graphql(dict(path_items[half:]))

    def _read_by_rest(self, entry: TreeEntry) -> bytes | TreeError:
        """Read a blob by its name: https://docs.gitlab.com/api/repositories/#get-raw-blob-content."""

        def fetch(oid: str) -> bytes:
            return self.remote.read(f"read {entry.path}", lambda project: project.repository_raw_blob(oid))

        return read_blob(entry, fetch, "GitLab")
