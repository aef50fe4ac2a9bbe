"""Output of some git commands, computed from loose objects without starting git.

Fake servers run these commands with every request that they answer. Only operands that are whole names of objects are
understood. What this module cannot answer exactly is left to git: each function returns None.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from support.git_objects import LooseObjects, TreeEntry

OID = re.compile(r"[0-9a-f]{40}")
_TYPED = re.compile(r"([0-9a-f]{40})(?:\^\{(\w+)\})?")
"""The name of an object, and what it has to be or to lead to: `OID^{tree}`."""
_BELOW = re.compile(r"([0-9a-f]{40}):((?:[\w-][\w.-]*/)*[\w-][\w.-]*)", re.ASCII)
"""A path in a commit or tree: `OID:folder/file`."""
_UNQUOTED = re.compile(r"[ !#-\[\]-~]+")
"""Paths that git prints as they are."""
_LISTING = frozenset({"-z", "-r", "-t", "-l", "--long", "--full-tree"})
_NO_ENTRY = TreeEntry("000000", "0" * 40)


def answer_command(objects: LooseObjects, arguments: tuple[str, ...]) -> bytes | None:
    """Return the output of a successful git command; None if git has to be started."""
    match arguments:
        case ("cat-file", "blob", oid) if OID.fullmatch(oid):
            kind, content = objects.read(oid) or ("", b"")
            return content if kind == "blob" else None
        case ("ls-tree", "-z", "--full-tree", oid, folder) if OID.fullmatch(oid) and folder.endswith("/"):
            return _list_folder(objects, oid, folder)
        case ("ls-tree", *options, oid) if _LISTING.issuperset(options) and "-z" in options:
            return _list_tree(objects, frozenset(options), oid)
        case ("diff", "--raw", "--no-renames", "--abbrev=40", "-z", before, after):
            return _print_changes(objects, before, after)
        case ("diff-tree", "--root", "--no-commit-id", "--name-only", "-r", oid):
            return _print_changed_paths(objects, oid)
        case ("merge-base", one, other):
            return _print_line(_find_merge_base(objects, one, other))
        case ("merge-tree", "--write-tree", one, other):
            return _print_line(_merge_forward(objects, one, other))
        case ("rev-list", option, *span):
            return _list_commits(objects, option, span)
    return None


def find_object(objects: LooseObjects, name: str) -> bool | None:
    """Return whether `git cat-file -e` finds an object."""
    if typed := _TYPED.fullmatch(name):
        kind, _ = objects.read(typed[1]) or ("", b"")
        if kind not in {"commit", "tree", "blob"} or typed[2] not in {None, "commit", "tree", "blob"}:
            return None
        return typed[2] in {None, kind, "tree" if kind == "commit" else kind}
    below = _BELOW.fullmatch(name)
    walked = _walk(objects, below[1]) if below else None
    return None if below is None or walked is None else below[2] in walked


def _walk(objects: LooseObjects, oid: str) -> dict[str, TreeEntry] | None:
    tree = objects.find_tree(oid) if OID.fullmatch(oid) else None
    walked = objects.walk_tree(tree) if tree else None
    return None if walked is None else dict(walked)


def _list_tree(objects: LooseObjects, options: frozenset[str], oid: str) -> bytes | None:
    tree = objects.find_tree(oid) if OID.fullmatch(oid) else None
    if tree is None:
        return None
    listed = objects.walk_tree(tree) if "-r" in options else [*(objects.list_tree(tree) or {}).items()]
    if listed is None:
        return None
    lines = []
    for path, entry in listed:
        if entry.kind == "tree" and "-r" in options and "-t" not in options:
            continue
        size = ""
        if options & {"-l", "--long"}:
            found = objects.read(entry.oid)
            if entry.kind == "blob" and found is None:
                return None
            size = f" {len(found[1]) if found and entry.kind == 'blob' else '-':>7}"
        lines.append(f"{entry.mode} {entry.kind} {entry.oid}{size}\t{path}\0")
    return "".join(lines).encode(errors="surrogateescape")


def _list_folder(objects: LooseObjects, oid: str, folder: str) -> bytes | None:
    below = _BELOW.fullmatch(f"{oid}:{folder.removesuffix('/')}")
    walked = _walk(objects, oid) if below else None
    if walked is None:
        return None
    inside = [(path, entry) for path, entry in walked.items() if path.rpartition("/")[0] == folder.removesuffix("/")]
    return "".join(f"{entry.mode} {entry.kind} {entry.oid}\t{path}\0" for path, entry in inside).encode(
        errors="surrogateescape"
    )


def _compare(objects: LooseObjects, before: str | None, after: str) -> list[tuple[str, TreeEntry, TreeEntry]] | None:
    """Return the paths of files that differ, in git's order, with their entries on both sides."""
    sides = [_walk(objects, _find_commit(objects, each) or each) if each else {} for each in (before, after)]
    if None in sides:
        return None
    old, new = ({path: entry for path, entry in (side or {}).items() if entry.kind != "tree"} for side in sides)
    paths = sorted({*old, *new}, key=lambda path: path.encode(errors="surrogateescape"))
    pairs = ((path, old.get(path, _NO_ENTRY), new.get(path, _NO_ENTRY)) for path in paths)
    return [(path, one, other) for path, one, other in pairs if one != other]


def _print_changes(objects: LooseObjects, before: str, after: str) -> bytes | None:
    changes = _compare(objects, before, after)
    if changes is None:
        return None
    lines = []
    for path, old, new in changes:
        kind = "M" if old.mode[:2] == new.mode[:2] else "T"
        if _NO_ENTRY in (old, new):
            kind = "A" if old == _NO_ENTRY else "D"
        lines.append(f":{old.mode} {new.mode} {old.oid} {new.oid} {kind}\0{path}\0")
    return "".join(lines).encode(errors="surrogateescape")


def _print_changed_paths(objects: LooseObjects, oid: str) -> bytes | None:
    commit = objects.read_commit(oid) if OID.fullmatch(oid) else None
    if commit is None or len(commit.parents) > 1:
        return None
    changes = _compare(objects, next(iter(commit.parents), None), oid)
    if changes is None or not all(_UNQUOTED.fullmatch(path) for path, *_ in changes):
        return None
    return "".join(f"{path}\n" for path, *_ in changes).encode()


def _find_commit(objects: LooseObjects, name: str) -> str | None:
    """Return the commit that `OID`, `OID^` or `OID^1` names."""
    oid, mark, number = name.partition("^")
    commit = objects.read_commit(oid) if OID.fullmatch(oid) and number in {"", "1"} else None
    if commit is None:
        return None
    return oid if not mark else next(iter(commit.parents), None)


def _find_merge_base(objects: LooseObjects, one: str, other: str) -> str | None:
    """Return the best common ancestor; None if there is none, or more than one."""
    if not OID.fullmatch(one) or not OID.fullmatch(other):
        return None
    ours, theirs = objects.list_ancestors(one), objects.list_ancestors(other)
    if ours is None or theirs is None:
        return None
    common = ours & theirs
    older = {each for oid in common for each in (objects.list_ancestors(oid) or set()) - {oid}}
    best = common - older
    return best.pop() if len(best) == 1 else None


def _merge_forward(objects: LooseObjects, one: str, other: str) -> str | None:
    """Return the tree of the later of two commits; None if neither is based on the other."""
    base = _find_merge_base(objects, one, other)
    later = {one: other, other: one}.get(base) if base else None
    return objects.find_tree(later) if later else None


def _list_commits(objects: LooseObjects, option: str, span: list[str]) -> bytes | None:
    match span:
        case [both] if (ends := both.split("..")) and len(ends) == 2:
            without, last = ends
        case [last, excluded] if excluded.startswith("^"):
            without = excluded.removeprefix("^")
        case _:
            return None
    line = objects.list_line(last, without) if OID.fullmatch(last) and OID.fullmatch(without) else None
    if line is None:
        return None
    names = [oid for oid, _ in line]
    match option:
        case "--count":
            return f"{len(names)}\n".encode()
        case "--reverse":
            return _print_lines(reversed(names))
        case "--topo-order":
            return _print_lines(names)
    return None


def _print_lines(names: Iterable[str]) -> bytes:
    return "".join(f"{each}\n" for each in names).encode()


def _print_line(name: str | None) -> bytes | None:
    return None if name is None else f"{name}\n".encode()
