"""The folders of git trees, for servers whose API lists trees but does not compare them.

git computes the id of a folder from the folder's entries. The id therefore shows whether the server left out or altered
any entry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.forges._git_objects import EXECUTABLE, REGULAR, RegularFile
from bot.forges.hosted.files import TreeListing
from bot.forges.hosted.refusal import RefusedError
from bot.model.branch_ownership import FileDifference, TreeObject
from bot.model.source import FilePath

MAX_CACHED_FOLDERS = 5_000
"""The largest number of folders of one repository that are cached during a run."""
MAX_DIFFERENCES = 1_000
"""The largest number of paths at which two compared trees may differ."""
MAX_DEPTH = 200
"""The largest depth of folders in a compared tree."""
FOLDER = "40000"
"""The mode of a folder in a git tree."""


@dataclass(frozen=True, slots=True)
class TreeNode:
    """An entry of a tree: a file, a symbolic link, a submodule or a folder."""

    mode: str
    oid: str
    size: int | None = field(default=None, compare=False)

    @property
    def is_folder(self) -> bool:
        return self.mode == FOLDER

    @property
    def is_regular_file(self) -> bool:
        return self.mode in (REGULAR, EXECUTABLE)


@dataclass(frozen=True, slots=True)
class ListedNodes:
    """The entries of a tree by path."""

    nodes: Mapping[str, TreeNode]
    is_complete: bool
    """False if entries are missing."""

    def select_files(self) -> TreeListing:
        """Return the entries that are regular files."""
        return TreeListing(select_files(self.nodes), self.is_complete)


def select_files(nodes: Mapping[str, TreeNode]) -> dict[FilePath, RegularFile]:
    """Return the entries that are regular files, by path."""
    return {
        FilePath(path): RegularFile(node.mode, node.oid, node.size)
        for path, node in nodes.items()
        if node.is_regular_file
    }


def compare_nodes(old: Mapping[str, TreeNode], new: Mapping[str, TreeNode]) -> Sequence[FileDifference]:
    """Return the paths at which the entries of two trees differ.

    The trees are mappings from path to entry, without folders.
    """
    return [
        FileDifference(FilePath(path), _build_object(old.get(path)), _build_object(new.get(path)))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    ]


def is_whole_tree(tree: str, nodes: Mapping[str, TreeNode]) -> bool:
    """Return True if `nodes` contains all entries of a tree and its folders. The ids of the folders show this."""
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
    """Reads single folders of the trees of one repository.

    Folders are cached, because the content of an id never changes.

    Methods raise RefusedError if an API call fails. They also raise RefusedError if the entries of a folder do not
    match the folder's id.
    """

    def __init__(self, name: str, fetch_folder: Callable[[str], Mapping[str, TreeNode]]) -> None:
        """Create a reader for the repository `name`.

        `fetch_folder` returns the direct entries of the folder with this object id, and raises RefusedError if an API
        call fails.
        """
        self._name = name
        self._fetch_folder = fetch_folder
        self._folders: dict[str, Mapping[str, TreeNode]] = {}

    def find_files(self, tree: str, paths: Iterable[FilePath]) -> dict[FilePath, RegularFile]:
        """Return the regular files at `paths` in a tree. Paths without a regular file are left out."""
        found = {path: self._find(tree, path.split("/")) for path in paths}
        return select_files({path: node for path, node in found.items() if node is not None})

    def list_differences(self, old: str, new: str) -> Sequence[FileDifference] | None:
        """Return the paths at which two trees differ; None if there are more than `MAX_DIFFERENCES`."""
        differences: list[FileDifference] = []
        for difference in self._walk("", TreeNode(FOLDER, old), TreeNode(FOLDER, new)):
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
            raise RefusedError(f"{self._name}: folders in '{path[:200]}' are nested too deeply", status=None)
        old_folder = self._list(old.oid) if old is not None and old.is_folder else {}
        new_folder = self._list(new.oid) if new is not None and new.is_folder else {}
        for name in old_folder.keys() | new_folder.keys():
            yield from self._walk(f"{path}/{name}" if path else name, old_folder.get(name), new_folder.get(name))
        old_object, new_object = _build_object(old), _build_object(new)
        if old_object != new_object:
            yield FileDifference(FilePath(path), old_object, new_object)

    def _list(self, tree: str) -> Mapping[str, TreeNode]:
        """Return the direct entries of one folder."""
        if tree not in self._folders:
            if len(self._folders) >= MAX_CACHED_FOLDERS:
                self._folders.clear()
            self._folders[tree] = self._fetch(tree)
        return self._folders[tree]

    def _fetch(self, tree: str) -> Mapping[str, TreeNode]:
        nodes = self._fetch_folder(tree)
        if compute_tree_id(nodes) != tree:
            raise RefusedError(
                f"{self._name}: the entries of the folder {tree} do not match its id, because some are missing or "
                "have names that are not UTF-8; hint: rename files whose names are not UTF-8",
                status=None,
            )
        return nodes


def _build_object(node: TreeNode | None) -> TreeObject | None:
    return TreeObject(node.mode, node.oid, node.size) if node is not None and not node.is_folder else None
