"""The files of one commit on Azure DevOps.

The API lists a whole tree in one answer. The documentation does not state whether it leaves out entries of large trees.
Therefore basebump computes the id of the tree from the entries, and reads the tree with git if the ids differ. git also
reads many files with fewer requests than the API.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bot.core.references.git_blobs import hash_blob
from bot.forges._git_objects import EXECUTABLE, REGULAR, RegularFile, split_into_batches
from bot.forges.azure.connection import BYTES, ZIP, AzureClient, AzureRemote
from bot.forges.azure.errors import translate_errors
from bot.forges.git.tree_by_git import FileContents, TreeByGit
from bot.forges.hosted.files import BlobReader, ListedTree, QueriedContents, TreeListing
from bot.forges.hosted.refusal import RefusedError, UnsupportedQueryError
from bot.model.branch_ownership import FileDifference, TreeObject
from bot.model.forge import TreeEntry
from bot.model.source import FilePath

FILES_BY_API = 1_000
"""The largest number of files of one commit that are read by the API, with ten requests. git reads more files with
fewer requests."""
MAX_BATCH_FILES = 100
"""The largest number of files in one request. The documentation states no limit."""
MAX_BATCH_BYTES = 8 * 1024 * 1024
"""The largest size of the files in one request, in bytes."""
MAX_CACHED_FOLDERS = 5_000
"""The largest number of folders of one repository that are kept during a run."""
MAX_DIFFERENCES = 1_000
"""The largest number of paths at which two compared trees may differ."""
MAX_DEPTH = 200
"""The largest depth of folders in a compared tree."""

_FOLDER = "40000"
_FOLDER_KIND = "tree"


@dataclass(frozen=True, slots=True)
class TreeNode:
    """An entry of a tree: a file, a symbolic link, a submodule or a folder."""

    mode: str
    oid: str
    size: int | None = field(default=None, compare=False)

    @property
    def is_folder(self) -> bool:
        return self.mode == _FOLDER

    @property
    def is_regular_file(self) -> bool:
        return self.mode in (REGULAR, EXECUTABLE)


def open_tree(remote: AzureRemote, commit: str) -> ListedTree:
    """Return the tree of one commit. Its files are listed when they are first needed."""

    def list_tree() -> TreeListing:
        with translate_errors(remote.name):
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

    def fetch(client: AzureClient) -> dict[str, TreeNode]:
        answer = client.get(f"{remote.path}/trees/{tree}", {"recursive": "true"})
        return {str(each["relativePath"]): _parse_node(each) for each in answer["treeEntries"]}

    nodes = remote.read("list the files", fetch)
    files = {FilePath(path): _build_file(node) for path, node in nodes.items() if node.is_regular_file}
    return TreeListing(files, is_complete=_is_whole_tree(tree, nodes))


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


def _parse_node(entry: Mapping[str, Any]) -> TreeNode:
    """Return an entry of a tree. Azure DevOps writes the mode of a folder with five digits."""
    mode = str(entry["mode"]).lstrip("0")
    is_folder = entry["gitObjectType"] == _FOLDER_KIND
    return TreeNode(_FOLDER if is_folder else mode, str(entry["objectId"]), int(entry.get("size") or 0))


def _build_file(node: TreeNode) -> RegularFile:
    return RegularFile(node.mode, node.oid, node.size)


def _is_whole_tree(tree: str, nodes: Mapping[str, TreeNode]) -> bool:
    """Return True if these are all entries of a tree and its folders, according to the ids of the folders."""
    folders: dict[str, dict[str, TreeNode]] = {"": {}}
    for path, node in nodes.items():
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, {})[name] = node
        if node.is_folder:
            folders.setdefault(path, {})
    ids = {"": tree} | {path: node.oid for path, node in nodes.items() if node.is_folder}
    return folders.keys() == ids.keys() and all(compute_tree_id(folders[path]) == oid for path, oid in ids.items())


def compute_tree_id(nodes: Mapping[str, TreeNode]) -> str:
    """Return the object id that git gives to a folder with these entries.

    git sorts the entries by name, as if the names of folders ended in a slash.
    """
    ordered = sorted((_encode_name(name) + (b"/" if node.is_folder else b""), name) for name, node in nodes.items())
    try:
        content = b"".join(
            b"%b %b\0%b" % (nodes[name].mode.encode(), _encode_name(name), bytes.fromhex(nodes[name].oid))
            for _, name in ordered
        )
    except ValueError:
        return ""
    return hashlib.sha1(b"tree %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


def _encode_name(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


class FolderReader:
    """Reads single folders of the trees of one repository. Folders are kept, because their ids never change.

    Methods raise RefusedError. A folder whose entries do not match its id is refused.
    """

    def __init__(self, remote: AzureRemote) -> None:
        self._remote = remote
        self._folders: dict[str, Mapping[str, TreeNode]] = {}

    def find_files(self, tree: str, paths: Iterable[FilePath]) -> dict[FilePath, RegularFile]:
        """Return those of the files at `paths` that exist in a tree and are regular files."""
        found = {path: self._find(tree, path.split("/")) for path in paths}
        return {path: _build_file(node) for path, node in found.items() if node is not None and node.is_regular_file}

    def list_differences(self, old: str, new: str) -> Sequence[FileDifference] | None:
        """Return the paths at which two trees differ; None if there are more than `MAX_DIFFERENCES`."""
        differences: list[FileDifference] = []
        for difference in self._walk("", TreeNode(_FOLDER, old), TreeNode(_FOLDER, new)):
            if len(differences) == MAX_DIFFERENCES:
                return None
            differences.append(difference)
        return sorted(differences, key=lambda each: each.path)

    def _find(self, tree: str, parts: Sequence[str]) -> TreeNode | None:
        node = self._list(tree).get(parts[0])
        if node is None or len(parts) == 1:
            return node
        return self._find(node.oid, parts[1:]) if node.is_folder else None

    def _walk(self, path: str, old: TreeNode | None, new: TreeNode | None) -> Iterator[FileDifference]:
        """Yield the differences at and below a path."""
        if old == new:
            return
        if path.count("/") > MAX_DEPTH:
            raise RefusedError(f"{self._remote.name}: folders in '{path[:200]}' are nested too deeply", status=None)
        old_folder = self._list(old.oid) if old is not None and old.is_folder else {}
        new_folder = self._list(new.oid) if new is not None and new.is_folder else {}
        for name in old_folder.keys() | new_folder.keys():
            yield from self._walk(f"{path}/{name}" if path else name, old_folder.get(name), new_folder.get(name))
        old_object, new_object = _build_object(old), _build_object(new)
        if old_object != new_object:
            yield FileDifference(FilePath(path), old_object, new_object)

    def _list(self, tree: str) -> Mapping[str, TreeNode]:
        """Return the entries of one folder, without those of the folders in it."""
        if tree not in self._folders:
            if len(self._folders) >= MAX_CACHED_FOLDERS:
                self._folders.clear()
            self._folders[tree] = self._fetch(tree)
        return self._folders[tree]

    def _fetch(self, tree: str) -> Mapping[str, TreeNode]:
        remote = self._remote

        def fetch(client: AzureClient) -> dict[str, TreeNode]:
            answer = client.get(f"{remote.path}/trees/{tree}")
            return {str(each["relativePath"]): _parse_node(each) for each in answer["treeEntries"]}

        nodes = remote.read(f"list the folder {tree}", fetch)
        if compute_tree_id(nodes) != tree:
            raise RefusedError(
                f"{remote.name}: the entries of the folder {tree} do not match its id, because some are missing or "
                "have names that are not UTF-8; hint: rename such files",
                status=None,
            )
        return nodes


def _build_object(node: TreeNode | None) -> TreeObject | None:
    return TreeObject(node.mode, node.oid, node.size) if node is not None and not node.is_folder else None


@dataclass(frozen=True, slots=True)
class AzureBatchQuery:
    """The request for the contents of several files as one zip archive; implements `BatchQuery`."""

    remote: AzureRemote

    def split(self, entries: Sequence[TreeEntry]) -> Iterator[Sequence[TreeEntry]]:
        """Yield the entries in batches, each of which is small enough for one request."""
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
