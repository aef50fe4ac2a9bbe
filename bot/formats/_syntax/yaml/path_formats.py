"""Formats defined by a table of YAML paths: the files that they select, and the paths of their images."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from bot.formats._syntax.encoding import is_utf_16
from bot.formats._syntax.yaml.image_locations import ImageLocation, find_self_or_key
from bot.formats._syntax.yaml.key_escapes import may_be_escaped
from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, ALL_VALUES, KeyPath
from bot.model.extracted_item import ExtractedItem
from bot.model.source import FilePath, SourceFile

__all__ = ["ImageLocation", "YamlPathFormat", "find_self_or_key"]


@dataclass(frozen=True)
class YamlPathFormat:
    """A format whose images stand at fixed paths."""

    name: str
    path_pattern: re.Pattern[str]
    """Matches the whole path of a file."""
    locations: tuple[ImageLocation, ...]
    reserved_keys: frozenset[str] = frozenset()
    """Top-level keys with a meaning of their own, which a path's ALL_VALUES leaves out there."""
    anchor_paths: tuple[KeyPath, ...] = ()
    """Paths of scalars with anchors that are only kept for use elsewhere in the file."""
    condition_prefix: str = ""
    """Prefix of keys that are conditions around their values; paths lead through them."""
    has_line_end_comments: bool = True

    def select_paths(self, paths: Collection[FilePath]) -> Iterable[FilePath]:
        """Return the paths that the pattern matches."""
        return [path for path in paths if self.path_pattern.fullmatch(path)]

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        """Yield the images in the order of their lines, and parts of the file that cannot be read."""
        is_relevant = self._is_relevant_in_utf_16 if is_utf_16(file.content) else self._is_relevant
        if not is_relevant(file.content):
            return iter(())
        from bot.formats._syntax.yaml.table_reader import TableReader

        reader = TableReader(self.name, self.locations, self.reserved_keys, self.anchor_paths, self.condition_prefix)
        return reader.read(file, self._is_relevant)

    def _has_key_set(self, content: bytes, encode: Callable[[bytes], bytes] = bytes) -> bool:
        """Return True if one set of words is completely in these bytes; `encode` encodes a word as the file does."""
        return any(all(encode(word) in content for word in words) for words in self._key_sets)

    @cached_property
    def _key_sets(self) -> frozenset[frozenset[bytes]]:
        """Sets of words; a file with an image contains all words of at least one set."""
        schemes = (each.scheme.rstrip(":/") if each.is_scheme_required else "" for each in self.locations)
        keys = (
            {*each.path, scheme} - {ALL_ITEMS, ALL_VALUES, ""}
            for each, scheme in zip(self.locations, schemes, strict=True)
        )
        return frozenset(frozenset(key.encode() for key in words) for words in keys)

    def _is_relevant(self, content: bytes) -> bool:
        """Return False if these bytes certainly hold no image.

        An image's path consists of keys, and the letters of a key stand in the file one after another, unless escapes
        write some of them.
        """
        return self._has_key_set(content) or may_be_escaped(content)

    def _is_relevant_in_utf_16(self, content: bytes) -> bool:
        """Return True if a file in UTF-16 may hold an image, so that it has to be reported as undecodable."""
        return self._has_key_set(content, _encode_utf_16)


def _encode_utf_16(word: bytes) -> bytes:
    """Return the bytes of `word` that are the same in both byte orders of UTF-16."""
    return word.decode().encode("utf-16-le")[:-1]
