"""Resolution of symbolic links between the files of one tree, without access to the file system."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from bot.model.source import FilePath

MAX_LINKS = 10_000
"""The maximum number of links of one tree that are resolved. The others count as unreadable."""
MAX_LINKED_FILES = 10_000
"""The maximum number of files that all links to folders of one tree add under other paths."""
MAX_HOPS = 40
"""The maximum number of links that one link leads through, as in Linux."""


@dataclass(frozen=True, slots=True)
class ResolvedLinks:
    """The links of a tree, and the files to which they lead."""

    targets: Mapping[FilePath, FilePath]
    """The file behind each path that leads through a link."""
    unreadable: frozenset[FilePath]
    """The links that lead out of the tree, to a missing file or in a circle, and those beyond the limits."""


def resolve_links(links: Mapping[FilePath, str], paths: Collection[FilePath]) -> ResolvedLinks:
    """Return the files of a tree to which its links lead.

    A link to a folder adds each file of the folder under another path, unless the folder contains the link itself.

    Args:
        links: The text of each link.
        paths: The paths of the regular files of the tree.
    """
    files_by_folder = _group_by_folder(paths) if links else {}
    targets: dict[FilePath, FilePath] = {}
    unreadable = sorted(links)[MAX_LINKS:]
    remaining_files = MAX_LINKED_FILES
    for link in sorted(links)[:MAX_LINKS]:
        target = _follow_link(link, links, paths, files_by_folder)
        if target is None:
            unreadable.append(link)
        elif target in paths:
            targets[link] = FilePath(target)
        elif target and not link.startswith(f"{target}/"):
            inside = files_by_folder[target]
            if len(inside) > remaining_files:
                unreadable.append(link)
                continue
            remaining_files -= len(inside)
            targets |= {FilePath(link + path[len(target) :]): path for path in inside}
    return ResolvedLinks(targets, frozenset(unreadable))


def _group_by_folder(paths: Collection[FilePath]) -> Mapping[str, list[FilePath]]:
    """Return the paths of all files below each folder, at any depth. The key of the whole tree is an empty text."""
    files_by_folder: dict[str, list[FilePath]] = {}
    for path in paths:
        for folder in _list_parents(path):
            files_by_folder.setdefault(folder, []).append(path)
    return files_by_folder


def _list_parents(path: str) -> Iterator[str]:
    while path:
        path = path.rpartition("/")[0]
        yield path


def _follow_link(
    link: FilePath, links: Mapping[FilePath, str], paths: Collection[FilePath], folders: Collection[str]
) -> str | None:
    """Return the path of the file or the folder to which a link leads; empty for the root of the tree.

    Return None if it leads to none of the tree's files and folders.
    """
    if links[link].startswith("/"):
        return None
    position = link.split("/")[:-1]
    waiting = [links[link]]
    hops = 1
    while waiting:
        name, _, rest = waiting.pop().partition("/")
        if rest:
            waiting.append(rest)
        if name in ("", "."):
            continue
        if name == "..":
            if not position:
                return None
            position.pop()
            continue
        position.append(name)
        current = FilePath("/".join(position))
        if current in links:
            hops += 1
            position.pop()
            waiting.append(links[current])
            if hops > MAX_HOPS or links[current].startswith("/"):
                return None
        elif current not in folders and (current not in paths or waiting):
            return None
    return "/".join(position)
