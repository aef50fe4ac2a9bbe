"""The files of one commit on Azure DevOps.

The API lists a whole tree in one response. Its documentation does not state whether the list of a large tree is
complete. Therefore basebump computes the id of the tree from the entries, and reads the tree with git if the ids
differ. git also reads many files with fewer requests than the API.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bot.core.references.git_blobs import hash_blob
from bot.forges.azure.azure_errors import AZURE_ERRORS
from bot.forges.azure.connection import BYTES, ZIP, AzureRemote
from bot.forges.git.tree_by_git import ApiLimits, TreeByGit
from bot.forges.hosted.files import BlobReader, ListedTree, QueriedContents, TreeListing
from bot.forges.hosted.folders import FOLDER, FolderReader, ListedNodes, TreeNode, is_whole_tree
from bot.forges.hosted.refusal import UnsupportedQueryError
from bot.forges.hosted.rest import Query
from bot.local_git import split_into_batches
from bot.model.forge import TreeEntry

FILES_BY_API = 1_000
"""The largest number of files of one commit that are read by the API, which takes ten API calls. For more files, git
needs fewer requests."""
MAX_BATCH_FILES = 100
"""The largest number of files in one request. The documentation states no limit."""
MAX_BATCH_BYTES = 8 * 1024 * 1024
"""The largest size of the files in one request, in bytes."""
_FOLDER_KIND = "tree"
_COMPRESSIONS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""The compressions whose size in memory Python can limit. An archive with another one is not unpacked."""
_ARCHIVE_ERRORS = (zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, EOFError, OSError, RuntimeError)
"""The exceptions that a damaged archive raises, in addition to ValueError."""


def open_tree(remote: AzureRemote, commit: str, read_tree_id: Callable[[], str]) -> ListedTree:
    """Return the tree of one commit. Its files are listed when they are first needed.

    `read_tree_id` returns the id of the tree, and raises RefusedError if it cannot be read.
    """

    def list_files(_: int | None) -> TreeListing:
        """List all files of the tree with one request.

        The result is complete if the hash of the listed entries is the id of the tree.
        """
        tree = read_tree_id()
        nodes = _read_nodes(remote, "list the files", tree, {"recursive": "true"})
        return ListedNodes(nodes, is_whole_tree(tree, nodes)).select_files()

    return TreeByGit(partial(remote.connection.build_origin, remote.name), commit).open_after_api(
        list_files,
        BlobReader("Azure DevOps", partial(_fetch_blob, remote), AzureBatchQuery(remote)),
        ApiLimits(entries=None, max_entries=None, files=FILES_BY_API),
        partial(AZURE_ERRORS.translate, remote.name),
    )


def create_folder_reader(remote: AzureRemote) -> FolderReader:
    """Return an object that reads single folders of the trees of a repository."""
    return FolderReader(remote.name, lambda tree: _read_nodes(remote, f"list the folder {tree}", tree))


def _read_nodes(remote: AzureRemote, action: str, tree: str, query: Query | None = None) -> dict[str, TreeNode]:
    """Return the entries of a folder by path.

    Raises RefusedError if the folder cannot be read. `action` describes the API call in messages.
    """
    entries = remote.read_json(action, f"/trees/{tree}", query=query)["treeEntries"]
    return {str(each["relativePath"]): _parse_node(each) for each in entries}


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

        The files are identified by their hashes, whatever their names in the archive. Raises RefusedError if the call
        fails, and UnsupportedQueryError if the response is not a usable archive.
        """
        packed = self.remote.fetch_bytes("read files", "POST", "/blobs", ZIP, body=[each.oid for each in entries])
        max_bytes = sum(each.size or 0 for each in entries)
        try:
            with zipfile.ZipFile(io.BytesIO(packed)) as archive:
                contents = list(_unpack(archive, max_bytes, len(entries)))
        except (*_ARCHIVE_ERRORS, ValueError) as error:
            raise UnsupportedQueryError from error
        return QueriedContents({hash_blob(content): content for content in contents})


def _unpack(archive: zipfile.ZipFile, max_bytes: int, max_files: int) -> Iterator[bytes]:
    """Yield the contents of the files in an archive, at most `max_bytes` bytes and `max_files` files in total.

    Raises BadZipFile if a file is not compressed with one of `_COMPRESSIONS`.
    """
    remaining = max_bytes
    for member in archive.infolist()[:max_files]:
        if member.compress_type not in _COMPRESSIONS:
            raise zipfile.BadZipFile(f"compression {member.compress_type}")
        with archive.open(member) as file:
            content = file.read(remaining + 1)
        if len(content) > remaining:
            return
        remaining -= len(content)
        yield content


def _fetch_blob(remote: AzureRemote, entry: TreeEntry, oid: str) -> bytes:
    """Return the content of one file. Raises RefusedError if the file cannot be read."""
    return remote.fetch_bytes(f"read {entry.path}", "GET", f"/blobs/{oid}", BYTES, {"$format": "octetstream"})
