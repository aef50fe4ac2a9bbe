"""Find the paths of a tree that a format may select, without comparing every path with every format."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain

from bot.model.source import FilePath

_PathGroups = Mapping[str, Sequence[FilePath]]


@dataclass(frozen=True, slots=True)
class _SearchableKeys:
    """The keys of groups of paths, such as their file names, in a single text that can be searched for words."""

    text: str
    """All keys in lower case, each followed by a line break."""
    ends: Sequence[int]
    """The position after each key and its line break in `text`."""
    groups: Sequence[Sequence[FilePath]]

    def list_paths(self, word: str) -> list[FilePath]:
        """Return the paths of the groups whose keys contain `word`, which contains no line break."""
        paths: list[FilePath] = []
        position = self.text.find(word)
        while position >= 0:
            number = bisect_right(self.ends, position)
            paths += self.groups[number]
            position = self.text.find(word, self.ends[number])
        return paths


@dataclass(frozen=True, slots=True)
class PathIndex:
    """The paths of all files of a tree, grouped by the parts of paths by which formats select files.

    A tree has far fewer folders, file names and endings than files.
    """

    paths: Collection[FilePath]
    by_name: _PathGroups
    """The paths of the files with each file name."""
    by_ending: _PathGroups
    """The paths of the files with each ending: the last dot of the file name and the text after it, such as `.yaml`. It
    is the whole file name if the name contains no dot."""
    folders: _SearchableKeys
    """The folders of files, each with a slash at its end."""
    names: _SearchableKeys

    def list_existing(self, *paths: str) -> list[FilePath]:
        """Return the given paths that exist in the tree, in the given order."""
        return [FilePath(path) for path in paths if path in self.paths]

    def list_named(self, *names: str) -> list[FilePath]:
        """Return the paths of the files with one of the file names."""
        return [path for name in names for path in self.by_name.get(name, ())]

    def list_ending(self, *endings: str) -> list[FilePath]:
        """Return the paths of the files with one of the endings."""
        return [path for ending in endings for path in self.by_ending.get(ending, ())]

    def list_ending_in_any_case(self, *endings: str) -> list[FilePath]:
        """Return the paths of the files with one of the endings, which are given in lower case."""
        return [path for ending, paths in self.by_ending.items() if ending.lower() in endings for path in paths]

    def list_containing(self, *words: str) -> Collection[FilePath]:
        """Return the paths that contain one of the words, perhaps in upper case.

        The words are given in lower case. A word that ends with a slash is the end of the name of a folder. Every other
        word is a part of the file name.
        """
        found = ((self.folders if word.endswith("/") else self.names).list_paths(word) for word in words)
        return dict.fromkeys(chain.from_iterable(found))


def index_paths(paths: Collection[FilePath]) -> PathIndex:
    """Group the paths of all files of a tree."""
    by_folder: defaultdict[str, list[FilePath]] = defaultdict(list)
    by_name: defaultdict[str, list[FilePath]] = defaultdict(list)
    by_ending: defaultdict[str, list[FilePath]] = defaultdict(list)
    for path in paths:
        folder, slash, name = path.rpartition("/")
        by_folder[folder + slash].append(path)
        by_name[name].append(path)
    for name, group in by_name.items():
        _, dot, ending = name.rpartition(".")
        by_ending[dot + ending] += group
    return PathIndex(paths, by_name, by_ending, _join_keys(by_folder), _join_keys(by_name))


def _join_keys(groups: _PathGroups) -> _SearchableKeys:
    keys = [f"{key.lower()}\n" for key in groups]
    return _SearchableKeys("".join(keys), tuple(accumulate(map(len, keys))), tuple(groups.values()))
