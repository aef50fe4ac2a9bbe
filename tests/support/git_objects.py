"""Git's loose objects, written and read as git keeps them (gitrepository-layout(5)), without starting a process.

Starting git takes longer than what it is started for, and tests of forges make and read thousands of small objects.
Real git reads what is written here. What this module cannot read or write is left to git: each function returns None.
"""

from __future__ import annotations

import hashlib
import re
import threading
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

TREE = "040000"
"""The mode of a folder, with the zero that `git ls-tree` prints before it."""
_MODES = frozenset({"100644", "100755", "120000", "160000"})
"""The modes that an index can hold."""
_PEOPLE = re.compile(r"([^<>]*) <([^<>]*)> (\d+) [+-]\d{4}")
_PLAIN_NAME = re.compile(r"[^\s.,:;<>\"'\\]([^\n<>\0]*[^\s.,:;<>\"'\\])?")
"""Names and addresses in which git changes nothing: it strips punctuation at both ends."""


class TreeEntry(NamedTuple):
    """One entry of a tree."""

    mode: str
    oid: str

    @property
    def kind(self) -> str:
        """Return the type of the object, as `git ls-tree` prints it."""
        return {TREE: "tree", "160000": "commit"}.get(self.mode, "blob")


@dataclass(frozen=True)
class RawCommit:
    """The content of a commit object; times are seconds since 1970."""

    tree: str
    parents: tuple[str, ...]
    author: tuple[str, str, int]
    committer: tuple[str, str, int]
    message: str


class LooseObjects:
    """The objects of one repository that are not in packs."""

    def __init__(self, folder: Path) -> None:
        """`folder` is where git keeps its own: `.git`, or a bare repository itself."""
        self._folder = folder
        self._trees: dict[str, dict[str, TreeEntry]] = {}
        self._commits: dict[str, RawCommit] = {}

    @cached_property
    def algorithm(self) -> str:
        return "sha256" if "sha256" in (self._folder / "config").read_text("utf-8") else "sha1"

    def write(self, kind: str, content: bytes) -> str:
        """Write an object and return its name."""
        whole = b"%s %d\0" % (kind.encode(), len(content)) + content
        oid = hashlib.new(self.algorithm, whole, usedforsecurity=False).hexdigest()
        path = self._path(oid)
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            scratch = path.with_name(f"{oid[2:]}.{threading.get_ident()}")
            scratch.write_bytes(zlib.compress(whole, 1))
            scratch.replace(path)
        return oid

    def read(self, oid: str) -> tuple[str, bytes] | None:
        """Return the kind and the content of an object; None if it is not loose."""
        try:
            whole = zlib.decompress(self._path(oid).read_bytes())
        except (FileNotFoundError, IsADirectoryError):  # the latter if the name is not that of an object
            return None
        head, _, content = whole.partition(b"\0")
        return head.partition(b" ")[0].decode(), content

    def read_commit(self, oid: str) -> RawCommit | None:
        """Return a commit; None if it is not loose, or has headers beyond those that every commit has."""
        if oid not in self._commits:
            kind, content = self.read(oid) or ("", b"")
            commit = _parse_commit(content) if kind == "commit" else None
            if commit is None:
                return None
            self._commits[oid] = commit
        return self._commits[oid]

    def list_ancestors(self, oid: str) -> set[str] | None:
        """Return a commit and all commits that it is based on; None if one of them cannot be read."""
        found: set[str] = set()
        pending = [oid]
        while pending:
            each = pending.pop()
            commit = self.read_commit(each)
            if commit is None:
                return None
            found.add(each)
            pending += [parent for parent in commit.parents if parent not in found]
        return found

    def list_line(self, oid: str, without: str | None) -> list[tuple[str, RawCommit]] | None:
        """Return a commit and those before it, newest first, without those that `without` holds.

        None if one of them cannot be read or is a merge: git alone decides on the order of commits side by side.
        """
        held = self.list_ancestors(without) if without else set()
        line: list[tuple[str, RawCommit]] = []
        parents: tuple[str, ...] = (oid,)
        while held is not None and len(parents) == 1 and parents[0] not in held:
            commit = self.read_commit(parents[0])
            if commit is None:
                return None
            line.append((parents[0], commit))
            parents = commit.parents
        return line if held is not None and len(parents) < 2 else None

    def list_tree(self, oid: str) -> dict[str, TreeEntry] | None:
        """Return the entries of one tree by their names; None if it cannot be read."""
        if oid not in self._trees:
            kind, content = self.read(oid) or ("", b"")
            if kind != "tree":
                return None
            parsed = _parse_tree(content, len(oid) // 2)
            if parsed is None:
                return None
            self._trees[oid] = parsed
        return self._trees[oid]

    def walk_tree(self, oid: str, prefix: str = "") -> list[tuple[str, TreeEntry]] | None:
        """Return all entries below a tree with their paths, in git's order, trees too; None if one cannot be read."""
        listed = self.list_tree(oid)
        if listed is None:
            return None
        walked = []
        for name, entry in listed.items():
            walked.append((f"{prefix}{name}", entry))
            if entry.kind == "tree":
                inner = self.walk_tree(entry.oid, f"{prefix}{name}/")
                if inner is None:
                    return None
                walked += inner
        return walked

    def write_tree(self, base: str | None, changes: Mapping[str, TreeEntry | None]) -> str | None:
        """Write the tree of a commit or tree `base` with some paths changed (None: deleted), and return its name.

        None if `base` cannot be read, or a path is one that git could refuse.
        """
        modes = {entry.mode for entry in changes.values() if entry}
        if not all(map(_is_plain, changes)) or not modes <= _MODES:
            return None
        tree = self.find_tree(base) if base else self.write("tree", b"")
        walked = self.walk_tree(tree) if tree else None
        if walked is None:
            return None
        files = {path: entry for path, entry in walked if entry.kind != "tree"}
        for path, entry in changes.items():
            files.pop(path, None)
            if entry is not None:
                parents = {path[:at] for at, letter in enumerate(path) if letter == "/"}
                below = [other for other in files if other in parents or other.startswith(f"{path}/")]
                for other in below:
                    del files[other]
                files[path] = entry
        return self._write_folder(files)

    def find_tree(self, oid: str) -> str | None:
        """Return the tree that a name leads to: a tree itself, or that of a commit; None if it cannot be read."""
        commit = self.read_commit(oid)
        return commit.tree if commit else oid if self.list_tree(oid) is not None else None

    def write_commit(self, commit: RawCommit) -> str | None:
        """Write a commit and return its name; None if git would change or refuse some of it."""
        names = [*commit.author[:2], *commit.committer[:2]]
        if "\0" in commit.message or not all(_PLAIN_NAME.fullmatch(name) for name in names):
            return None
        lines = [f"tree {commit.tree}", *(f"parent {parent}" for parent in dict.fromkeys(commit.parents))]
        for role, (name, address, seconds) in (("author", commit.author), ("committer", commit.committer)):
            lines.append(f"{role} {name} <{address}> {seconds} +0000")
        return self.write("commit", "\n".join([*lines, "", commit.message]).encode())

    def _write_folder(self, files: Mapping[str, TreeEntry]) -> str:
        entries: dict[str, TreeEntry] = {}
        folders: dict[str, dict[str, TreeEntry]] = {}
        for path, entry in files.items():
            name, slash, rest = path.partition("/")
            if slash:
                folders.setdefault(name, {})[rest] = entry
            else:
                entries[name] = entry
        for name, inside in folders.items():
            entries[name] = TreeEntry(TREE, self._write_folder(inside))
        encoded = {_encode(name) + (b"/" if entry.mode == TREE else b""): entry for name, entry in entries.items()}
        content = b"".join(
            b"%s %s\0" % (entry.mode.lstrip("0").encode(), name.removesuffix(b"/")) + bytes.fromhex(entry.oid)
            for name, entry in sorted(encoded.items())
        )
        return self.write("tree", content)

    def _path(self, oid: str) -> Path:
        return self._folder / "objects" / oid[:2] / oid[2:]


def _encode(name: str) -> bytes:
    return name.encode(errors="surrogateescape")


def _is_plain(path: str) -> bool:
    """Return False for paths with parts that git refuses on some file system, as `.git` and `..`."""
    parts = path.split("/")
    refused = [part for part in parts if part in {"", ".", ".."} or re.match(r"git~|\.git([ .:]|$)", part.lower())]
    return not refused and "\\" not in path and path.isascii() and "\0" not in path


def _parse_tree(content: bytes, size: int) -> dict[str, TreeEntry] | None:
    """Return the entries of a tree by their names; None if a name is there twice, which no git writes."""
    entries: dict[str, TreeEntry] = {}
    at = 0
    while at < len(content):
        end = content.index(b"\0", at)
        mode, _, name = content[at:end].partition(b" ")
        at = end + 1 + size
        path = name.decode(errors="surrogateescape")
        if path in entries:
            return None
        entries[path] = TreeEntry(mode.decode().zfill(6), content[end + 1 : at].hex())
    return entries


def _parse_commit(content: bytes) -> RawCommit | None:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    head, _, message = text.partition("\n\n")
    fields: dict[str, list[str]] = {}
    for line in head.split("\n"):
        key, _, value = line.partition(" ")
        fields.setdefault(key, []).append(value)
    if fields.keys() - {"parent"} != {"tree", "author", "committer"}:
        return None
    people = [_parse_person(fields[role]) for role in ("author", "committer")]
    if None in people:
        return None
    author, committer = (person for person in people if person is not None)
    return RawCommit(fields["tree"][0], tuple(fields.get("parent", [])), author, committer, message)


def _parse_person(values: Iterable[str]) -> tuple[str, str, int] | None:
    found = _PEOPLE.fullmatch(next(iter(values)))
    return (found[1], found[2], int(found[3])) if found else None
