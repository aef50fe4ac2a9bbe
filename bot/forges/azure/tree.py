"""The files of one commit on Azure DevOps.

The API lists a whole tree in one answer. The documentation does not state whether it leaves out entries of large trees.
Therefore basebump computes the id of the tree from the entries, and reads the tree with git if the ids differ. git also
reads many files with fewer requests than the API.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bot.core.references.git_blobs import hash_blob
from bot.forges._git_objects import split_into_batches
from bot.forges.azure.connection import BYTES, ZIP, AzureClient, AzureRemote
from bot.forges.azure.errors import AZURE_ERRORS
from bot.forges.git.tree_by_git import FileContents, TreeByGit
from bot.forges.hosted.files import BlobReader, ListedTree, QueriedContents, TreeListing
from bot.forges.hosted.folders import FOLDER, FolderReader, TreeNode, is_whole_tree, select_files
from bot.forges.hosted.refusal import RefusedError, UnsupportedQueryError
from bot.model.forge import TreeEntry

FILES_BY_API = 1_000
"""The largest number of files of one commit that are read by the API, with ten requests. git reads more files with
fewer requests."""
MAX_BATCH_FILES = 100
"""The largest number of files in one request. The documentation states no limit."""
MAX_BATCH_BYTES = 8 * 1024 * 1024
"""The largest size of the files in one request, in bytes."""
_FOLDER_KIND = "tree"


def open_tree(remote: AzureRemote, commit: str) -> ListedTree:
    """Return the tree of one commit. Its files are listed when they are first needed."""

    def list_tree() -> TreeListing:
        with AZURE_ERRORS.translate(remote.name):
            try:
                listing = _list_by_api(remote, commit)
            except RefusedError as refusal:
                if refusal.status is not None:
                    raise
                return _list_by_git(remote, commit, refusal)
            return listing if listing.is_complete else _list_by_git(remote, commit, listing)

    def read(entries: Sequence[TreeEntry]) -> FileContents:
        blobs = BlobReader("Azure DevOps", partial(fetch_blob, remote), AzureBatchQuery(remote))
        if len(entries) <= FILES_BY_API:
            return blobs.read(entries)
        try:
            by_git = TreeByGit(remote.connection.build_origin(remote.name), commit)
        except RefusedError:
            return blobs.read(entries)
        return by_git.fetch(entries, lambda _: blobs.read(entries))

    return ListedTree(list_tree, read)


def _list_by_api(remote: AzureRemote, commit: str) -> TreeListing:
    """List the regular files of a commit in one answer. The result is complete if its hash is that of the tree."""
    tree = read_tree_id(remote, commit)

    nodes = _fetch_nodes(remote, "list the files", tree, {"recursive": "true"})
    return TreeListing(select_files(nodes), is_complete=is_whole_tree(tree, nodes))


def _list_by_git(remote: AzureRemote, commit: str, without_git: RefusedError | TreeListing) -> TreeListing:
    """List the files of a commit with git. If git cannot read the repository, return or raise `without_git`."""
    try:
        return TreeByGit(remote.connection.build_origin(remote.name), commit).list_files()
    except RefusedError as refusal:
        if isinstance(without_git, RefusedError):
            raise without_git from refusal
        return without_git


def read_tree_id(remote: AzureRemote, commit: str) -> str:
    """Return the id of the tree of a commit. Raises RefusedError."""
    return remote.read(
        f"read the commit {commit}", lambda client: str(client.get(f"{remote.path}/commits/{commit}")["treeId"])
    )


def create_folder_reader(remote: AzureRemote) -> FolderReader:
    """Return an object that reads single folders of the trees of a repository."""
    return FolderReader(remote.name, lambda tree: _fetch_nodes(remote, f"list the folder {tree}", tree))


def _fetch_nodes(
    remote: AzureRemote, action: str, tree: str, query: Mapping[str, str] | None = None
) -> dict[str, TreeNode]:
    """Return the entries of a folder by path. Raises RefusedError. `action` describes the request in messages."""

    def fetch(client: AzureClient) -> dict[str, TreeNode]:
        answer = client.get(f"{remote.path}/trees/{tree}", query)
        return {str(each["relativePath"]): _parse_node(each) for each in answer["treeEntries"]}

    return remote.read(action, fetch)


def _parse_node(entry: Mapping[str, Any]) -> TreeNode:
    """Return an entry of a tree. Azure DevOps writes the mode of a folder with five digits."""
    mode = str(entry["mode"]).lstrip("0")
    is_folder = entry["gitObjectType"] == _FOLDER_KIND
    return TreeNode(FOLDER if is_folder else mode, str(entry["objectId"]), int(entry.get("size") or 0))


@dataclass(frozen=True, slots=True)
class AzureBatchQuery:
    """The request for the contents of several files as one zip archive; implements `BatchQuery`."""

    remote: AzureRemote

    def split(self, entries: Sequence[TreeEntry]) -> Iterator[Sequence[TreeEntry]]:
        return split_into_batches(entries, MAX_BATCH_BYTES, MAX_BATCH_FILES)

    def query_contents(self, entries: Sequence[TreeEntry]) -> QueriedContents:
        """Return the contents of the entries of one batch, by object id.

        The files are identified by their hashes, whatever their names in the archive. Raises RefusedError. Raises
        UnsupportedQueryError if the answer is not a usable archive.
        """
        remote = self.remote
        oids = [each.oid for each in entries]
        packed = remote.read(
            "read files",
            lambda client: client.request("POST", f"{remote.path}/blobs", body=oids, accept=ZIP)[0],
        )
        max_bytes = sum(each.size or 0 for each in entries)
        try:
            with zipfile.ZipFile(io.BytesIO(packed)) as archive:
                contents = list(_unpack(archive, max_bytes, len(entries)))
        except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, RuntimeError) as error:
            raise UnsupportedQueryError from error
        return QueriedContents({hash_blob(content): content for content in contents})


def _unpack(archive: zipfile.ZipFile, max_bytes: int, max_files: int) -> Iterator[bytes]:
    """Yield the contents of the files in an archive, at most `max_bytes` bytes and `max_files` files in total."""
    remaining = max_bytes
    for member in archive.infolist()[:max_files]:
        with archive.open(member) as file:
            content = file.read(remaining + 1)
        if len(content) > remaining:
            return
        remaining -= len(content)
        yield content


def fetch_blob(remote: AzureRemote, entry: TreeEntry, oid: str) -> bytes:
    """Return the content of one file. Raises RefusedError."""
    return remote.read(
        f"read {entry.path}",
        lambda client: client.request("GET", f"{remote.path}/blobs/{oid}", {"$format": "octetstream"}, accept=BYTES)[0],
    )
