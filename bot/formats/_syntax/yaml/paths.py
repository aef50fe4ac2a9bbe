"""Formats that are a table of paths in YAML: which files they select, and where those name images."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from bot.formats._syntax.encoding import is_utf_16
from bot.formats._syntax.yaml.keys import may_be_escaped
from bot.formats._syntax.yaml.tables import Images, or_under
from bot.formats._syntax.yaml.ways import EACH, EVERY, Path
from bot.model.found import Found
from bot.model.source import FilePath, SourceFile

__all__ = ["Images", "YamlPaths", "or_under"]


@dataclass(frozen=True)
class YamlPaths:
    """A format whose images stand at fixed paths."""

    name: str
    files: re.Pattern[str]
    """Matches the whole path of a file."""
    images: tuple[Images, ...]
    keywords: frozenset[str] = frozenset()
    """Keys of the top that a path's EVERY leaves out there, since they have meanings of their own."""
    kept: tuple[Path, ...] = ()
    """Where people keep scalars with anchors, to name them again; nothing else is done with them."""
    conditions: str = ""
    """How keys begin that are conditions around what they hold; paths lead through them."""
    has_line_end_comments: bool = True

    def selects(self, paths: Collection[FilePath]) -> Iterable[FilePath]:
        """Return the paths that the pattern matches."""
        return [path for path in paths if self.files.fullmatch(path)]

    def extract(self, file: SourceFile) -> Iterator[Found]:
        """Yield the images in the order of their lines, and what could not be read."""
        is_wanted = self._is_wanted_in_utf_16 if is_utf_16(file.content) else self._is_wanted
        if not is_wanted(file.content):
            return iter(())
        from bot.formats._syntax.yaml.walk import TableReader

        reader = TableReader(self.name, self.images, self.keywords, self.kept, self.conditions)
        return reader.read(file, self._is_wanted)

    def _has_words(self, content: bytes, spelled: Callable[[bytes], bytes] = bytes) -> bool:
        """Say whether all words of one set are in these bytes, `spelled` as they are there."""
        return any(all(spelled(word) in content for word in words) for words in self._words)

    @cached_property
    def _words(self) -> frozenset[frozenset[bytes]]:
        """Sets of words; a file with an image holds all words of one of them."""
        schemes = (each.scheme.rstrip(":/") if each.needs_scheme else "" for each in self.images)
        keys = ({*each.path, scheme} - {EACH, EVERY, ""} for each, scheme in zip(self.images, schemes, strict=True))
        return frozenset(frozenset(key.encode() for key in words) for words in keys)

    def _is_wanted(self, content: bytes) -> bool:
        """Say whether there may be an image in these bytes; a no is certain.

        A path leads nowhere unless its keys are there, and a key's letters stand in the file one after another, unless
        escapes write some of them.
        """
        return self._has_words(content) or may_be_escaped(content)

    def _is_wanted_in_utf_16(self, content: bytes) -> bool:
        """Say whether it should be told of a file in UTF-16 that nobody reads it."""
        return self._has_words(content, _in_utf_16)


def _in_utf_16(word: bytes) -> bytes:
    """Return what of `word` is the same in both orders of bytes."""
    return word.decode().encode("utf-16-le")[:-1]
