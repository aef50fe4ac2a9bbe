"""YAML documents whose scalars have byte positions; a broken document does not affect the others of its file.

Aliases and merge keys are resolved only where a path leads, and within a budget.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import yaml

from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, ALL_VALUES, KeyPath
from bot.formats._syntax.yaml.sections import SectionSource, is_blank, split_sections
from bot.formats._syntax.yaml.trees import (
    MERGE,
    NO_KEY,
    NULL,
    STRING,
    NodePosition,
    StoredNode,
    TooDeepError,
    YamlMapping,
    YamlNode,
    YamlScalar,
    YamlSequence,
    YamlTree,
    read_trees,
    wrap_node,
)
from bot.model.vocabulary import Reason

__all__ = [
    "ALL_ITEMS",
    "ALL_VALUES",
    "NULL",
    "STRING",
    "BrokenSection",
    "KeyPath",
    "TooDeepError",
    "YamlDocument",
    "YamlMapping",
    "YamlNode",
    "YamlScalar",
    "YamlSequence",
    "read_documents",
    "read_inner_documents",
]

MAX_VISITS = 50_000
"""Budget of items, merged mappings and repeated keys looked at in one document, those behind aliases counted each time:
more than a megabyte of manifests needs without repetition, and a fraction of a second of work."""

MAX_DOCUMENTS = 10_000
"""Limit for one file; documents beyond it are not read. The largest bundles have hundreds."""

MAX_INDICATORS = 1_000_000
"""Limit on the characters in one file that may begin an item or a pair; a file has at most twice as many nodes. Eight
megabytes that people have written have fewer, and so many take a few seconds."""

MAX_REST_OF_LINE = 1000
"""Limit in characters, more than any comment behind a value; a file in flow style may be one line of megabytes."""

_FRAGMENT_PREFIX = "x-"
"""Prefix of keys of fragments (https://docs.docker.com/reference/compose-file/extension/)."""
_INDICATORS = (b":", b",", b"-", b"?", b"[", b"{")
_LIBYAML_TOO_DEEP = "exceeded maximum nesting depth"
"""libyaml's message; it reads ahead of the events that it has returned."""


@dataclass(slots=True)
class YamlDocument:
    """One document of a file."""

    index: int
    """The number of the document in its file, from 0."""
    root: YamlNode
    source: SectionSource
    anchored_positions: dict[int, set[NodePosition]]
    """By the `id` of a scalar event with an anchor: all positions of the scalar, its own and those of its aliases."""
    _walked_positions: set[NodePosition] = field(default_factory=set)
    """The positions to which paths have led."""
    _listed_ids: set[int] = field(default_factory=set)
    """The collections that were looked at, by `id`."""
    _visits: int = 0

    def walk(self, node: YamlNode, path: KeyPath, locator: str) -> Iterator[tuple[str, YamlNode]]:
        """Yield the nodes at `path` below `node`, with `locator` extended by the path to each.

        The second value of a key that occurs twice in a mapping has the locator `key#1`.
        Raises TooDeepError if the document's budget of visits is used up.
        """
        if not path:
            yield locator, node
        elif path[0] == ALL_VALUES:
            for key in self.list_keys(node):
                yield from self._walk_key(node, key, path[1:], locator)
        elif path[0] != ALL_ITEMS:
            yield from self._walk_key(node, path[0], path[1:], locator)
        elif isinstance(node, YamlSequence):
            if not path[1:]:
                self._walked_positions.add((id(node), None))
            for index, item in enumerate(node.items):
                self._count_visits(1)
                yield from self.walk(wrap_node(item), path[1:], f"{locator}/{index}")

    def _walk_key(self, node: YamlNode, key: str, path: KeyPath, locator: str) -> Iterator[tuple[str, YamlNode]]:
        """Walk on below a key; a key that is spelled like `ALL_ITEMS` or `ALL_VALUES` is an ordinary key here."""
        for index, value in enumerate(self.get_values(node, key)):
            yield from self.walk(value, path, f"{locator}/{key}#{index}" if index else f"{locator}/{key}")

    def list_keys(self, node: YamlNode) -> list[str]:
        """Return the keys of a mapping in order, then those that are merged into it; empty for other nodes.

        Raises TooDeepError as `walk` does.
        """
        keys: dict[str, None] = {}
        for mapping in self._resolve_merges(node):
            self._count_visits(len(mapping.values))
            keys |= dict.fromkeys(mapping.values)
        keys.pop(NO_KEY, None)
        keys.pop(MERGE, None)
        return list(keys)

    def get_values(self, node: YamlNode, key: str) -> list[YamlNode]:
        """Return the values of `key` in a mapping, else its value in the first mapping that is merged into it.

        Raises TooDeepError as `walk` does.
        """
        if isinstance(node, YamlMapping) and key in node.values:
            self._walked_positions.add((id(node), key))
            earlier = node.hidden or ()
            self._count_visits(len(earlier))
            return [*(wrap_node(value) for hidden, value in earlier if hidden == key), wrap_node(node.values[key])]
        for mapping in self._resolve_merges(node):
            if key in mapping.values:
                self._walked_positions.add((id(mapping), key))
                return [wrap_node(mapping.values[key])]
        return []

    def list_entries(self, node: YamlNode) -> Iterator[tuple[str, YamlNode]]:
        """Yield the entries of a collection: by key, including merged ones, or by the number of the item.

        Unlike `walk`, this does not record its entries as walked, so it does not affect which scalars are shared. It
        raises TooDeepError as `walk` does, but the first time that each collection is listed does not count towards the
        limit, since the size of the file bounds that work.
        """
        is_new = id(node) not in self._listed_ids
        self._listed_ids.add(id(node))
        if isinstance(node, YamlSequence):
            self._count_visits(0 if is_new else len(node.items) + 1)
            yield from ((str(index), wrap_node(item)) for index, item in enumerate(node.items))
            return
        listed_keys = {NO_KEY, MERGE}
        for mapping in self._resolve_merges(node):
            self._count_visits(0 if is_new and mapping is node else len(mapping.values) + 1)
            for key, value in mapping.values.items():
                if key not in listed_keys:
                    listed_keys.add(key)
                    yield key, wrap_node(value)

    def _resolve_merges(self, node: YamlNode) -> Iterator[YamlMapping]:
        """Yield a mapping and the mappings that are merged into it, each before those that it overrides."""
        visited_ids: set[int] = set()
        pending: list[YamlNode | StoredNode] = [node]
        while pending:
            mapping = pending.pop()
            if not isinstance(mapping, YamlMapping) or id(mapping) in visited_ids:
                continue
            yield mapping
            visited_ids.add(id(mapping))
            if MERGE in mapping.values:
                merged = mapping.values[MERGE]
                mappings = merged.items if isinstance(merged, YamlSequence) else [merged]
                self._count_visits(len(mappings))
                pending += reversed(mappings)

    def get_string(self, node: YamlNode, key: str) -> str | None:
        """Return the string under `key` of a mapping; of several, the last. Raises TooDeepError as `walk` does."""
        match self.get_values(node, key)[-1:]:
            case [YamlScalar() as scalar] if scalar.tag == STRING:
                return scalar.value
            case _:
                return None

    def is_shared(self, scalar: YamlScalar) -> bool:
        """Return True if an alias puts `scalar` at a position to which no path has led so far.

        Keys `x-…` are left out: they hold anchors for use elsewhere, and nothing else reads them.
        """
        positions = self.anchored_positions.get(id(scalar.event), ())
        return any(
            position not in self._walked_positions and not (position[1] or "").startswith(_FRAGMENT_PREFIX)
            for position in positions
        )

    def find_literal_start(self, scalar: YamlScalar) -> int | None:
        """Return the byte of the file at which the text of `scalar` stands literally.

        None if escapes, folding or line breaks make the source differ from the text. The line breaks around the text of
        a block scalar do not count as part of it.
        """
        start, end = _get_character_range(scalar)
        source = self.source.text[start:end]
        value = scalar.value
        match scalar.style:
            case "'" | '"' as quote:
                at = len(source) - len(value) - len(quote)
                is_literal = source.endswith(value + quote)
            case "|" | ">" as indicator:
                header_end = source.find("\n", source.find(indicator))
                at = source.find(value.strip(), header_end)
                is_literal = header_end >= 0 and at >= 0
            case _:
                at = len(source) - len(value)
                is_literal = source.endswith(value)
        return self.source.get_offset(start + at) if is_literal else None

    def get_byte_range(self, node: YamlNode) -> tuple[int, int]:
        """Return the bytes of the file at which `node` begins and ends, including its anchor and tag."""
        start, end = _get_character_range(node)
        return self.source.get_offset(start), self.source.get_offset(end)

    def get_start(self, node: YamlNode) -> int:
        """Return the byte of the file at which `node` begins, including its anchor and tag."""
        return self.source.get_offset(_get_character_range(node)[0])

    def get_rest_of_line(self, node: YamlNode) -> str:
        """Return the text behind `node` on the line on which it ends; in block style that is empty or a comment.

        At most MAX_REST_OF_LINE characters are returned.
        """
        _, end = _get_character_range(node)
        line_end = self.source.text.find("\n", end, end + MAX_REST_OF_LINE)
        return self.source.text[end : line_end if line_end >= 0 else end + MAX_REST_OF_LINE]

    def get_line_number(self, node: YamlNode) -> int:
        """Return the number of the line that `node` begins on, from 1."""
        return self.source.get_line_number(self.get_start(node))

    def get_source_text(self, node: YamlNode) -> str:
        """Return the source text of `node`."""
        return self.source.text[slice(*_get_character_range(node))]

    def has_source_prefix(self, node: YamlNode, text: str) -> bool:
        """Return True if the source text of `node` begins with `text`."""
        return self.source.text.startswith(text, _get_character_range(node)[0])

    def _count_visits(self, count: int) -> None:
        self._visits += count
        if self._visits > MAX_VISITS:
            raise TooDeepError


def _get_character_range(node: YamlNode) -> tuple[int, int]:
    """Return start and end of `node` in characters, including anchor, tag and quotes."""
    first: Any
    last: Any
    match node:
        case None:
            return 0, 0
        case YamlScalar():
            first = last = node.event
        case _:
            first, last = node.first, node.last
    return first.start_mark.index, last.end_mark.index


class BrokenSection(NamedTuple):
    """A section of the file that is not valid YAML, or that exceeds a limit."""

    reason: Reason
    line_number: int
    source: SectionSource

    @property
    def line(self) -> str:
        """The text of that line; bytes that are not UTF-8 are replaced."""
        return self.source.get_line(self.line_number).decode(errors="replace")


def read_documents(content: bytes, is_relevant: Callable[[bytes], bool]) -> Iterator[YamlDocument | BrokenSection]:
    """Yield the documents of a file in sections accepted by `is_relevant`, and errors in these sections; never raises.

    The parsed sections are kept until this thread reads another file, so that several formats can read one file.
    """
    return _iterate_documents(_load_sections(content), is_relevant)


def read_inner_documents(text: bytes, is_relevant: Callable[[bytes], bool]) -> Iterator[YamlDocument | BrokenSection]:
    """Yield the documents of a text inside a file, like `read_documents`, but keep the parsed sections of the file."""
    return _iterate_documents(_make_sections(text), is_relevant)


def _iterate_documents(
    sections: list[_ParsedSection], is_relevant: Callable[[bytes], bool]
) -> Iterator[YamlDocument | BrokenSection]:
    index = 0
    for section in sections:
        source = section.source
        if not is_relevant(source.raw):
            index += not is_blank(source.raw)
            continue
        for tree in section.trees:
            yield YamlDocument(index, tree.root, source, tree.anchored_positions)
            index += 1
        if section.broken is not None:
            yield section.broken
            index += 1


@dataclass
class _ParsedSection:
    """A part of a file from one document marker to the next; parsed on first use."""

    source: SectionSource
    broken: BrokenSection | None = None
    """The error that stopped the parser, or why the section is not parsed."""

    @cached_property
    def trees(self) -> list[YamlTree]:
        trees: list[YamlTree] = []
        if self.broken is not None:
            return trees
        source = self.source
        try:
            trees += read_trees(source.decode())  # documents before an error are kept
        except UnicodeDecodeError as error:
            self.broken = BrokenSection(Reason.UNDECODABLE, source.get_line_number(source.start + error.start), source)
        except (TooDeepError, yaml.YAMLError, ValueError, OverflowError) as error:  # last two: PyYAML's own parser
            line_number = source.get_line_number(source.get_offset(_get_position(error, source.text)))
            self.broken = BrokenSection(_get_reason(error), line_number, source)
        return trees


_kept = threading.local()


def _load_sections(content: bytes) -> list[_ParsedSection]:
    if getattr(_kept, "content", None) != content:
        _kept.content, _kept.stretches = content, _make_sections(content)
    sections: list[_ParsedSection] = _kept.stretches
    return sections


def _make_sections(content: bytes) -> list[_ParsedSection]:
    if len(content) > MAX_INDICATORS and sum(map(content.count, _INDICATORS)) > MAX_INDICATORS:
        return [_make_unread_section(content, 0, 0)]
    lines_before = counted = 0
    sections: list[_ParsedSection] = []
    for start, end in split_sections(content):
        lines_before += content.count(b"\n", counted, start)
        counted = start
        if len(sections) == MAX_DOCUMENTS:
            sections.append(_make_unread_section(content, start, lines_before))
            break
        sections.append(_ParsedSection(SectionSource(content[start:end], start, lines_before)))
    return sections


def _make_unread_section(content: bytes, start: int, lines_before: int) -> _ParsedSection:
    section_source = SectionSource(content[start:], start, lines_before)
    return _ParsedSection(section_source, BrokenSection(Reason.TOO_DEEP, lines_before + 1, section_source))


def _get_reason(error: Exception) -> Reason:
    is_too_deep = isinstance(error, TooDeepError) or getattr(error, "problem", None) == _LIBYAML_TOO_DEEP
    return Reason.TOO_DEEP if is_too_deep else Reason.UNPARSABLE


def _get_position(error: Exception, text: str) -> int:
    """Return the character of an error; for an error at the end of the text, the start of the unclosed part."""
    problem, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    if problem is None:
        return int(getattr(error, "position", 0))
    is_at_end = problem.index >= len(text.rstrip())
    return int(context.index if is_at_end and context is not None else problem.index)
