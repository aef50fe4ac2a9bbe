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

from bot.formats._syntax.yaml.source import Source, is_blank, split
from bot.formats._syntax.yaml.trees import (
    MERGE,
    NO_KEY,
    NULL,
    STRING,
    Mapping,
    Node,
    Raw,
    Scalar,
    Sequence,
    StandsAt,
    TooDeepError,
    Tree,
    node_of,
    read_trees,
)
from bot.formats._syntax.yaml.ways import EACH, EVERY, Path
from bot.model.vocabulary import Reason

__all__ = [
    "EACH",
    "EVERY",
    "NULL",
    "STRING",
    "Broken",
    "Document",
    "Mapping",
    "Node",
    "Path",
    "Scalar",
    "Sequence",
    "TooDeepError",
    "read_documents",
    "read_inner_documents",
]

MAX_VISITS = 50_000
"""Budget of items, merged mappings and repeated keys looked at in one document, those behind aliases counted each time:
more than a megabyte of manifests needs without repetition, and a fraction of a second of work."""

MAX_DOCUMENTS = 10_000
"""Limit for one file; documents beyond it are not read. The largest bundles have hundreds."""

MAX_MARKS = 1_000_000
"""Limit on the characters in one file that may begin an item or a pair; a file has at most twice as many nodes. Eight
megabytes that people have written have fewer, and so many take a few seconds."""

MAX_REST_OF_LINE = 1000
"""Limit in characters, more than any comment behind a value; a file in flow style may be one line of megabytes."""

_KEPT = "x-"
"""Prefix of keys of fragments (https://docs.docker.com/reference/compose-file/extension/)."""
_MARKS = (b":", b",", b"-", b"?", b"[", b"{")
_LIBYAML_TOO_DEEP = "exceeded maximum nesting depth"
"""libyaml's message; it reads ahead of the events that it has returned."""


@dataclass(slots=True)
class Document:
    """One document of a file."""

    index: int
    """The number of the document in its file, from 0."""
    root: Node
    source: Source
    stands_at: dict[int, set[StandsAt]]
    """By the `id` of a scalar event with an anchor: all positions of the scalar, its own and those of its aliases."""
    _followed: set[StandsAt] = field(default_factory=set)
    """The positions to which paths have led."""
    _looked_at: set[int] = field(default_factory=set)
    """The collections that were looked at, by `id`."""
    _visits: int = 0

    def walk(self, node: Node, path: Path, locator: str) -> Iterator[tuple[str, Node]]:
        """Yield the nodes at `path` below `node`, with `locator` extended by the path to each.

        The second value of a key that occurs twice in a mapping has the locator `key#1`.
        Raises TooDeepError if the document's budget of visits is used up.
        """
        if not path:
            yield locator, node
        elif path[0] == EVERY:
            for key in self.keys(node):
                yield from self._walk_key(node, key, path[1:], locator)
        elif path[0] != EACH:
            yield from self._walk_key(node, path[0], path[1:], locator)
        elif isinstance(node, Sequence):
            if not path[1:]:
                self._followed.add((id(node), None))
            for index, item in enumerate(node.items):
                self._visit(1)
                yield from self.walk(node_of(item), path[1:], f"{locator}/{index}")

    def _walk_key(self, node: Node, key: str, path: Path, locator: str) -> Iterator[tuple[str, Node]]:
        """Walk on below a key; a key that is spelled like `ALL_ITEMS` or `ALL_VALUES` is an ordinary key here."""
        for index, value in enumerate(self.values(node, key)):
            yield from self.walk(value, path, f"{locator}/{key}#{index}" if index else f"{locator}/{key}")

    def keys(self, node: Node) -> list[str]:
        """Return the keys of a mapping in order, then those that are merged into it; empty for other nodes.

        Raises TooDeepError as `walk` does.
        """
        keys: dict[str, None] = {}
        for mapping in self._with_merged(node):
            self._visit(len(mapping.values))
            keys |= dict.fromkeys(mapping.values)
        keys.pop(NO_KEY, None)
        keys.pop(MERGE, None)
        return list(keys)

    def values(self, node: Node, key: str) -> list[Node]:
        """Return the values of `key` in a mapping, else its value in the first mapping that is merged into it.

        Raises TooDeepError as `walk` does.
        """
        if isinstance(node, Mapping) and key in node.values:
            self._followed.add((id(node), key))
            earlier = node.hidden or ()
            self._visit(len(earlier))
            return [*(node_of(value) for hidden, value in earlier if hidden == key), node_of(node.values[key])]
        for mapping in self._with_merged(node):
            if key in mapping.values:
                self._followed.add((id(mapping), key))
                return [node_of(mapping.values[key])]
        return []

    def look(self, node: Node) -> Iterator[tuple[str, Node]]:
        """Yield the entries of a collection: by key, including merged ones, or by the number of the item.

        This does not count as a walked path. Raises TooDeepError as `walk` does, but the first look at a collection is
        free, since the file's bytes limit the number of these looks.
        """
        is_new = id(node) not in self._looked_at
        self._looked_at.add(id(node))
        if isinstance(node, Sequence):
            self._visit(0 if is_new else len(node.items) + 1)
            yield from ((str(index), node_of(item)) for index, item in enumerate(node.items))
            return
        seen = {NO_KEY, MERGE}
        for mapping in self._with_merged(node):
            self._visit(0 if is_new and mapping is node else len(mapping.values) + 1)
            for key, value in mapping.values.items():
                if key not in seen:
                    seen.add(key)
                    yield key, node_of(value)

    def _with_merged(self, node: Node) -> Iterator[Mapping]:
        """Yield a mapping and the mappings that are merged into it, each before those that it overrides."""
        seen: set[int] = set()
        pending: list[Node | Raw] = [node]
        while pending:
            mapping = pending.pop()
            if not isinstance(mapping, Mapping) or id(mapping) in seen:
                continue
            yield mapping
            seen.add(id(mapping))
            if MERGE in mapping.values:
                merged = mapping.values[MERGE]
                mappings = merged.items if isinstance(merged, Sequence) else [merged]
                self._visit(len(mappings))
                pending += reversed(mappings)

    def text(self, node: Node, key: str) -> str | None:
        """Return the string under `key` of a mapping; of several, the last. Raises TooDeepError as `walk` does."""
        match self.values(node, key)[-1:]:
            case [Scalar() as scalar] if scalar.tag == STRING:
                return scalar.value
            case _:
                return None

    def is_shared(self, scalar: Scalar) -> bool:
        """Return True if an alias puts `scalar` at a position to which no path has led so far.

        Keys `x-…` are left out: they hold anchors for use elsewhere, and nothing else reads them.
        """
        places = self.stands_at.get(id(scalar.event), ())
        return any(place not in self._followed and not (place[1] or "").startswith(_KEPT) for place in places)

    def literal_start(self, scalar: Scalar) -> int | None:
        """Return the byte of the file at which the text of `scalar` stands literally.

        None if escapes, folding or line breaks make the source differ from the text. The line breaks around the text of
        a block scalar do not count as part of it.
        """
        start, end = _extent(scalar)
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
        return self.source.offset(start + at) if is_literal else None

    def extent(self, node: Node) -> tuple[int, int]:
        """Return the bytes of the file at which `node` begins and ends, including its anchor and tag."""
        start, end = _extent(node)
        return self.source.offset(start), self.source.offset(end)

    def start(self, node: Node) -> int:
        """Return the byte of the file at which `node` begins, including its anchor and tag."""
        return self.source.offset(_extent(node)[0])

    def rest_of_line(self, node: Node) -> str:
        """Return the text behind `node` on the line on which it ends; in block style that is empty or a comment.

        At most MAX_REST_OF_LINE characters are returned.
        """
        _, end = _extent(node)
        line_end = self.source.text.find("\n", end, end + MAX_REST_OF_LINE)
        return self.source.text[end : line_end if line_end >= 0 else end + MAX_REST_OF_LINE]

    def line_number(self, node: Node) -> int:
        """Return the number of the line that `node` begins on, from 1."""
        return self.source.line_number(self.start(node))

    def source_of(self, node: Node) -> str:
        """Return the source text of `node`."""
        return self.source.text[slice(*_extent(node))]

    def begins_with(self, node: Node, text: str) -> bool:
        """Return True if the source text of `node` begins with `text`."""
        return self.source.text.startswith(text, _extent(node)[0])

    def _visit(self, count: int) -> None:
        self._visits += count
        if self._visits > MAX_VISITS:
            raise TooDeepError


def _extent(node: Node) -> tuple[int, int]:
    """Return start and end of `node` in characters, including anchor, tag and quotes."""
    first: Any
    last: Any
    match node:
        case None:
            return 0, 0
        case Scalar():
            first = last = node.event
        case _:
            first, last = node.first, node.last
    return first.start_mark.index, last.end_mark.index


class Broken(NamedTuple):
    """A section of the file that is not valid YAML, or that exceeds a limit."""

    reason: Reason
    line_number: int
    source: Source

    @property
    def line(self) -> str:
        """The text of that line; bytes that are not UTF-8 are replaced."""
        return self.source.line(self.line_number).decode(errors="replace")


def read_documents(content: bytes, is_wanted: Callable[[bytes], bool]) -> Iterator[Document | Broken]:
    """Yield the documents of a file in sections accepted by `is_relevant`, and errors in these sections; never raises.

    The parsed sections are kept until this thread reads another file, so that several formats can read one file.
    """
    return _documents(_stretches(content), is_wanted)


def read_inner_documents(text: bytes, is_wanted: Callable[[bytes], bool]) -> Iterator[Document | Broken]:
    """Yield the documents of a text inside a file, like `read_documents`, but keep the parsed sections of the file."""
    return _documents(_split(text), is_wanted)


def _documents(stretches: list[_Stretch], is_wanted: Callable[[bytes], bool]) -> Iterator[Document | Broken]:
    index = 0
    for stretch in stretches:
        source = stretch.source
        if not is_wanted(source.raw):
            index += not is_blank(source.raw)
            continue
        for tree in stretch.trees:
            yield Document(index, tree.root, source, tree.stands_at)
            index += 1
        if stretch.broken is not None:
            yield stretch.broken
            index += 1


@dataclass
class _Stretch:
    """A part of a file from one document marker to the next; parsed on first use."""

    source: Source
    broken: Broken | None = None
    """The error that stopped the parser, or why the section is not parsed."""

    @cached_property
    def trees(self) -> list[Tree]:
        trees: list[Tree] = []
        if self.broken is not None:
            return trees
        source = self.source
        try:
            trees += read_trees(source.decode())  # documents before an error are kept
        except UnicodeDecodeError as error:
            self.broken = Broken(Reason.UNDECODABLE, source.line_number(source.start + error.start), source)
        except (TooDeepError, yaml.YAMLError, ValueError, OverflowError) as error:  # last two: PyYAML's own parser
            line_number = source.line_number(source.offset(_position(error, source.text)))
            self.broken = Broken(_reason(error), line_number, source)
        return trees


_kept = threading.local()


def _stretches(content: bytes) -> list[_Stretch]:
    if getattr(_kept, "content", None) != content:
        _kept.content, _kept.stretches = content, _split(content)
    kept: list[_Stretch] = _kept.stretches
    return kept


def _split(content: bytes) -> list[_Stretch]:
    if len(content) > MAX_MARKS and sum(map(content.count, _MARKS)) > MAX_MARKS:
        return [_unread(content, 0, 0)]
    lines_before = counted = 0
    stretches: list[_Stretch] = []
    for start, end in split(content):
        lines_before += content.count(b"\n", counted, start)
        counted = start
        if len(stretches) == MAX_DOCUMENTS:
            stretches.append(_unread(content, start, lines_before))
            break
        stretches.append(_Stretch(Source(content[start:end], start, lines_before)))
    return stretches


def _unread(content: bytes, start: int, lines_before: int) -> _Stretch:
    rest = Source(content[start:], start, lines_before)
    return _Stretch(rest, Broken(Reason.TOO_DEEP, lines_before + 1, rest))


def _reason(error: Exception) -> Reason:
    is_too_deep = isinstance(error, TooDeepError) or getattr(error, "problem", None) == _LIBYAML_TOO_DEEP
    return Reason.TOO_DEEP if is_too_deep else Reason.UNPARSABLE


def _position(error: Exception, text: str) -> int:
    """Return the character of an error; for an error at the end of the text, the start of the unclosed part."""
    problem, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    if problem is None:
        return int(getattr(error, "position", 0))
    is_at_end = problem.index >= len(text.rstrip())
    return int(context.index if is_at_end and context is not None else problem.index)
