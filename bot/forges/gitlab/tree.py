"""The files of one commit on GitLab. A few files are listed and read with the API, and many files with git."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from gitlab.v4.objects import Project

from bot.forges._git_objects import EXECUTABLE, REGULAR, RegularFile
from bot.forges.git.tree_by_git import ApiLimits, FileContents, TreeByGit
from bot.forges.gitlab.connection import PER_PAGE, GitLabRemote, run_query
from bot.forges.gitlab.gitlab_errors import translate_errors
from bot.forges.hosted.files import BlobReader, ListedTree, QueriedContents, TreeListing, index_by_object_id
from bot.forges.hosted.refusal import NOT_FOUND, RefusedError, is_query_too_large
from bot.model.errors import TreeError
from bot.model.forge import TreeEntry
from bot.model.source import FilePath

ENTRIES_BY_API = 10_000
"""The largest number of entries in a tree that the API lists, with a hundred API calls. git lists a larger tree with
fewer requests."""
MAX_ENTRIES = 100_000
"""The largest number of entries that the API lists if git cannot list them. This takes a thousand API calls and some
minutes. If a tree has more entries, its list is incomplete."""
FILES_BY_API = 300
"""The largest number of files of one commit that are read with the API, with about twenty API calls. git reads more
files with fewer requests."""


def open_tree(remote: GitLabRemote, commit: str) -> ListedTree:
    """Return the tree of one commit. The files, without their sizes, are listed when the list is first needed."""
    by_git = TreeByGit(lambda: remote.connection.build_origin(remote.name), commit)
    if remote.connection.has_job_token:  # the token of a CI job cannot read trees with the API

        def fetch(entries: Sequence[TreeEntry]) -> FileContents:
            return by_git.fetch(entries, lambda refusal: (TreeError(str(refusal)) for _ in entries))

        return ListedTree(by_git.list_files, fetch)

    return by_git.open_after_api(
        lambda most: list_files(remote, commit, max_entries=most),
        BlobReader("GitLab", partial(_fetch_blob, remote), GitLabBatchQuery(remote, commit)),
        ApiLimits(ENTRIES_BY_API, MAX_ENTRIES, FILES_BY_API),
        partial(translate_errors, remote.name),
    )


def open_folder(remote: GitLabRemote, commit: str, folder: str) -> ListedTree:
    """Return the direct files of one folder of a commit. `folder` is empty for the root of the repository."""

    def list_folder() -> TreeListing:
        with translate_errors(remote.name):
            return list_files(remote, commit, folder)

    return ListedTree(list_folder, BlobReader("GitLab", partial(_fetch_blob, remote)).read)


def list_files(
    remote: GitLabRemote, commit: str, folder: str | None = None, max_entries: int | None = None
) -> TreeListing:
    """List the regular files of a commit with the API. Raises RefusedError if an API call fails.

    Args:
        remote: The project.
        commit: The id of the commit.
        folder: If given, only the direct files of this folder are listed.
        max_entries: The largest number of files and folders to list; None for `MAX_ENTRIES`. If the commit has more,
            the result is marked as incomplete.

    Keyset pagination is used, as GitLab recommends: https://docs.gitlab.com/api/repositories/#list-repository-tree
    """

    def fetch(project: Project) -> TreeListing:
        files: dict[FilePath, RegularFile] = {}
        pages = project.repository_tree(
            path=folder or "",
            ref=commit,
            recursive=folder is None,
            pagination="keyset",
            per_page=PER_PAGE,  # python-gitlab does not apply the client's page size to this call
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


def list_files_beside(remote: GitLabRemote, commit: str, paths: Iterable[FilePath]) -> Mapping[FilePath, RegularFile]:
    """Return all regular files in the folders that contain these paths.

    One API call is sent for each folder. Raises RefusedError if an API call fails.

    A folder whose path contains `..` is left out.
    """
    files: dict[FilePath, RegularFile] = {}
    for folder in sorted({path.rpartition("/")[0] for path in paths}):
        if ".." not in folder.split("/"):
            files.update(list_files(remote, commit, folder).files)
    return files


_QUERY = """query($project: ID!, $commit: String!, $paths: [String!]!) {
  project(fullPath: $project) { repository { blobs(ref: $commit, paths: $paths) { nodes { rawTextBlob } } } }
  queryComplexity { score limit }
}"""
"""The complexity depends on the number of paths. Since GitLab 18.4, each path adds 14, and the limit is 250."""


@dataclass(frozen=True, slots=True)
class GitLabBatchQuery:
    """The GraphQL query for the contents of several files of one commit; implements `BatchQuery`."""

    remote: GitLabRemote
    commit: str

    def split(self, entries: Sequence[TreeEntry]) -> Iterator[Sequence[TreeEntry]]:
        """Yield the entries in batches, each of which is small enough for one query.

        The size of the batches depends on the server's responses to earlier queries.
        """
        start = 0
        while start < len(entries):
            batch = entries[start : start + self.remote.connection.batch_size.files]
            yield batch
            start += len(batch)

    def query_contents(self, entries: Sequence[TreeEntry]) -> QueriedContents:
        """Return the contents of a batch's entries, by object id.

        Raises RefusedError if the query fails, and UnsupportedQueryError if the server does not support the query.
        """
        remote, batch_size = self.remote, self.remote.connection.batch_size
        variables = {"project": remote.name, "commit": self.commit, "paths": [each.path for each in entries]}
        try:
            answer = run_query(remote.connection, f"read files of {remote.name}", _QUERY, variables)
            with translate_errors(remote.name):
                complexity = answer["queryComplexity"]
                batch_size.record_success(len(entries), int(complexity["score"]), int(complexity["limit"]))
                nodes = answer["project"]["repository"]["blobs"]["nodes"]
                contents = index_by_object_id((each["rawTextBlob"] for each in nodes), sample_oid=entries[0].oid or "")
                return QueriedContents(contents)
        except RefusedError as refusal:
            if is_query_too_large(refusal):
                batch_size.record_refusal(len(entries))
            raise


def _fetch_blob(remote: GitLabRemote, entry: TreeEntry, oid: str) -> bytes:
    """Return the content of one file, read with the REST API. Raises RefusedError if an API call fails.

    https://docs.gitlab.com/api/repositories/#get-raw-blob-content
    """
    return remote.read(f"read {entry.path}", lambda project: project.repository_raw_blob(oid))
