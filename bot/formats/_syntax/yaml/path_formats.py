"""Formats whose images are at fixed paths in YAML documents."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from bot.formats._syntax.encoding import is_utf_16
from bot.formats._syntax.yaml.image_locations import ImageLocation, ImageLock, find_self_or_key
from bot.formats._syntax.yaml.image_matrix import ImageMatrix
from bot.formats._syntax.yaml.key_escapes import KEY_END, has_unusual_keys, may_be_escaped
from bot.formats._syntax.yaml.key_paths import KeyPath
from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile

if TYPE_CHECKING:  # needed by annotations only; not imported at start-up
    from bot.formats._syntax.yaml.nodes import YamlDocument
    from bot.model.cross_file import DockerfileBuild

__all__ = ["BuildTable", "ImageLocation", "ImageLock", "ImageMatrix", "YamlPathFormat", "find_self_or_key"]


@dataclass(frozen=True, slots=True)
class BuildTable:
    """The builds of Dockerfiles that the documents of a format describe."""

    key_sets: tuple[frozenset[str], ...]
    """Sets of keys. Every document with a build contains all keys of at least one of these sets."""
    list_builds: Callable[[YamlDocument, FilePath], Iterator[DockerfileBuild]]
    """Yields the builds of a document, and raises TooDeepError if its nodes are visited too often."""


@dataclass(frozen=True)
class YamlPathFormat:
    """A format whose images are at fixed paths (`locations`) in the YAML documents of a file."""

    name: str
    path_pattern: re.Pattern[str]
    """Matches the whole path of a file."""
    path_words: tuple[str, ...]
    """Words for `PathIndex.list_containing`. Every path that `path_pattern` matches contains one of them."""
    locations: tuple[ImageLocation, ...]
    reserved_keys: frozenset[str] = frozenset()
    """Top-level keys with a special meaning. At the top level, ALL_VALUES in a path does not include them."""
    anchor_paths: tuple[KeyPath, ...] = ()
    """Paths of scalars with anchors that only exist to be used elsewhere in the file."""
    condition_prefix: str = ""
    """Prefix of keys that are conditions, such as `${{`. Paths continue below such a key as if the key were not
    there."""
    has_line_end_comments: bool = True
    matrix: ImageMatrix | None = None
    """The matrices whose values can be images. None if the format has no matrices, or if they are not read."""
    builds: BuildTable | None = None
    """The builds of Dockerfiles in the documents; None if the format has none."""

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        """Return the paths of the files that this format reads."""
        return [path for path in paths.list_containing(*self.path_words) if self.path_pattern.fullmatch(path)]

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        """Yield the images in the order of their lines, and an `UnsupportedText` for each unreadable part."""
        has_keys = self._is_relevant_in_utf_16 if is_utf_16(file.content) else self._has_keys
        if not has_keys(file.content):
            return iter(())
        from bot.formats._syntax.yaml.table_reader import TableReader

        reader = TableReader(
            self.name, self.locations, self.reserved_keys, self.anchor_paths, self.condition_prefix, self.matrix
        )
        list_builds = self.builds.list_builds if self.builds is not None else None
        return reader.read(file, self._is_relevant, list_builds)

    def _has_key_set(self, content: bytes, encode: Callable[[bytes], bytes] = bytes) -> bool:
        """Return True if `content` contains all words of at least one set in `_key_sets`.

        `encode` converts a word to the encoding of the file, for example to UTF-16.
        """
        return any(all(encode(word) in content for word in words) for words in self._key_sets)

    @cached_property
    def _key_sets(self) -> frozenset[frozenset[bytes]]:
        """Sets of words. Every file with an image contains all words of at least one of these sets.

        There is one set for each location. Its words are the keys of the location's path, such as `services` and
        `image`, and the scheme of the location if the scheme is required.
        """
        schemes = (each.scheme.rstrip(":/") if _needs_scheme(each) else "" for each in self.locations)
        keys = ({*each.keys, scheme} - {""} for each, scheme in zip(self.locations, schemes, strict=True))
        return frozenset(frozenset(key.encode() for key in words) for words in (*keys, *self._further_key_sets))

    @property
    def _further_key_sets(self) -> tuple[frozenset[str], ...]:
        """Sets of the keys of builds, and of those that lead to a value under a key of a matrix that ends in `image`.

        The values under other keys are images only if an image at a location uses them.
        """
        of_matrices = () if self.matrix is None else tuple(self.matrix.keys | {end} for end in _IMAGE_KEY_ENDS)
        return (*of_matrices, *(self.builds.key_sets if self.builds is not None else ()))

    @cached_property
    def _patterns(self) -> tuple[tuple[re.Pattern[bytes], ...], ...]:
        """Patterns for the keys and the required scheme of each location. The `:` of a scheme can be an escape."""
        return tuple(
            tuple(re.compile(re.escape(key.encode()) + KEY_END) for key in each.keys)
            + ((_compile_scheme(each.scheme),) if _needs_scheme(each) else ())
            for each in self.locations
        ) + tuple(
            tuple(re.compile(re.escape(key.encode()) + KEY_END) for key in keys) for keys in self._further_key_sets
        )

    def _is_relevant(self, content: bytes) -> bool:
        """Return False if parsing `content` would certainly find no image.

        A file with an image contains the keys that lead to the image. The result is True if the bytes of these keys are
        found, or if escapes may hide the keys from this search.
        """
        return self._has_key_set(content) or may_be_escaped(content)

    def _has_keys(self, content: bytes) -> bool:
        """Return False if `content` certainly does not contain all keys of any location, each followed by a colon.

        The search for the words comes first, because it is faster, and most files do not contain the words. Parts of a
        file are searched only for the words, so that a part that is cut off after the word `image` is reported.
        """
        if not self._has_key_set(content):
            return may_be_escaped(content)
        has_patterns = any(all(each.search(content) for each in patterns) for patterns in self._patterns)
        return has_patterns or has_unusual_keys(content) or may_be_escaped(content)

    def _is_relevant_in_utf_16(self, content: bytes) -> bool:
        """Return True if a UTF-16 file may contain an image, so that the file must be reported as unparsable."""
        return self._has_key_set(content, _encode_utf_16)


_IMAGE_KEY_ENDS = ("mage", "MAGE")
"""The ends of keys such as `image`, `baseImage` and `IMAGE`."""


def _needs_scheme(location: ImageLocation) -> bool:
    return bool(location.scheme) and location.is_scheme_required


def _compile_scheme(scheme: str) -> re.Pattern[bytes]:
    name = scheme.rstrip(":/")
    return re.compile(re.escape(name.encode()) + (b"" if name == scheme else rb"[:\\]"))


def _encode_utf_16(word: bytes) -> bytes:
    """Encode an ASCII word so that a search finds it in UTF-16 files of both byte orders.

    UTF-16 adds a zero byte to each letter: after the letter in one byte order, before the letter in the other. The
    result has zero bytes only between the letters, because these bytes are the same in both byte orders.
    """
    return word.decode().encode("utf-16-le")[:-1]
