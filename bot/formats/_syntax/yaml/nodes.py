"""YAML documents whose scalars have byte offsets. An error in one document does not affect other documents.

Aliases and merge keys (`<<`) are followed only when a method of `YamlDocument` reaches them. A budget of visits limits
this work, because nested aliases can turn a small file into a very large document.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import yaml

from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, ALL_VALUES, KeyPath
from bot.formats._syntax.yaml.sections import BrokenSection, LineCounter, SectionSource, is_blank, split_sections
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
    find_error_position,
    get_character_range,
    is_too_deep,
    read_trees,
    wrap_node,
)
from bot.model.vocabulary import Reason

MAX_DOCUMENTS = 10_000
"""Limit on the documents of one file. Documents beyond the limit are not read. The largest bundles have hundreds."""


@dataclass
class ParsedSection:
    """A section of a file (the part from one `---` to the next). It is parsed when `parse` is first called."""

    source: SectionSource
    broken: BrokenSection | None = None
    """The error that stopped the parser, or the reason why the section is not parsed."""
    _trees: list[YamlTree] | None = None

    def parse(self) -> list[YamlTree]:
        """Return the documents of the section up to the first error, and store the error in `broken`."""
        if self._trees is None:
            self._trees = self._read_trees()
        return self._trees

    def _read_trees(self) -> list[YamlTree]:
        trees: list[YamlTree] = []
        if self.broken is not None:
            return trees
        source = self.source
        try:
            trees += read_trees(source.decode())  # documents before an error are kept
        except UnicodeDecodeError as error:
            self.broken = BrokenSection(Reason.UNPARSABLE, source.get_line_number(source.start + error.start), source)
        # Only PyYAML's own parser raises the last two exceptions.
        except (TooDeepError, yaml.YAMLError, ValueError, OverflowError) as error:
            line_number = source.get_line_number(source.get_offset(find_error_position(error, source.text)))
            reason = Reason.TOO_LARGE if is_too_deep(error) else Reason.UNPARSABLE
            self.broken = BrokenSection(reason, line_number, source)
        return trees


_last_file = threading.local()  # the content and the sections of the file that each thread has read last


def load_sections(content: bytes) -> list[ParsedSection]:
    """Return the sections of a file.

    The sections of the last file are reused, because several formats may read the same file.
    """
    if getattr(_last_file, "content", None) != content:
        _last_file.content, _last_file.sections = content, make_sections(content)
    sections: list[ParsedSection] = _last_file.sections
    return sections


def make_sections(content: bytes) -> list[ParsedSection]:
    """Return the sections of a file, up to MAX_DOCUMENTS. No section is parsed yet."""
    line_counter = LineCounter(content)
    sections: list[ParsedSection] = []
    for start, end in split_sections(content):
        if len(sections) == MAX_DOCUMENTS:
            unread_source = SectionSource(content[start:], start, line_counter)
            sections.append(ParsedSection(unread_source, make_unread_section(unread_source)))
            break
        sections.append(ParsedSection(SectionSource(content[start:end], start, line_counter)))
    return sections


def make_unread_section(source: SectionSource) -> BrokenSection:
    """Return an error for a section that is not parsed because of a limit."""
    return BrokenSection(Reason.TOO_LARGE, source.first_line_number, source)


_INDICATORS = b":,-?[{"
"""The characters that may start an item or a pair."""


class IndicatorCounter:
    """Counts the characters that may start an item or a pair, in all sections of a file that are parsed.

    Counting takes as long as some searches, so nothing is counted while the sections are shorter than the limit.
    """

    def __init__(self) -> None:
        self._count = self._uncounted_length = 0
        self._uncounted: list[bytes] = []

    def exceed(self, raw: bytes, limit: int) -> bool:
        """Add the characters of one more section, and return True if there are more than `limit`."""
        self._uncounted.append(raw)
        self._uncounted_length += len(raw)
        if self._count + self._uncounted_length > limit:
            self._count += sum(len(each) - len(each.translate(None, _INDICATORS)) for each in self._uncounted)
            self._uncounted_length = 0
            self._uncounted.clear()
        return self._count > limit


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
"""Budget of visits to items, merged mappings and repeated keys in one document. Nodes behind aliases count every time.
More than a megabyte of manifests without repetition stays within this budget, which takes a fraction of a second."""

LOCATOR_OF_ONE_VISIT = 500
"""The number of characters in a locator that count as one more visit. Real locators have fewer. Without this rule, a
key of megabytes would be copied into the locators of all items below it."""

MAX_INDICATORS = 300_000
"""Limit on the characters that may start an item or a pair, in all sections of a file that are parsed. These sections
have at most twice as many nodes, and each node takes up to 500 bytes of memory. The section that exceeds the limit and
all later sections are not read. The largest known manifests have 105,000 such characters, even with the CRDs that are
never parsed."""

MAX_REST_OF_LINE = 1000
"""Limit on the characters of the text after a value. Comments are shorter. A file in flow style may be a single line of
megabytes."""

_FRAGMENT_PREFIX = "x-"
"""Prefix of the keys of fragments (https://docs.docker.com/reference/compose-file/extension/)."""


@dataclass(slots=True)
class YamlDocument:
    """One YAML document, with methods that find nodes by path.

    `walk`, `get_values` and `get_string` record the keys and items that they visit. `is_shared` uses this record to
    detect texts that must not be edited. In `image: &name nginx` and `label: *name`, both keys have the same scalar as
    their value, and an edit of the image would change the label too. Therefore, the scalar may be edited only if both
    keys were visited as images.
    """

    index: int
    """The number of the document in its file, from 0."""
    root: YamlNode
    source: SectionSource
    anchored_positions: dict[int, set[NodePosition]]
    """All positions of each scalar with an anchor: its own position and the positions of its aliases. The key is the
    `id` of the scalar's event."""
    _walked_positions: set[NodePosition] = field(default_factory=set)
    """The keys and items that `walk`, `get_values` and `get_string` have visited."""
    _listed_ids: set[int] = field(default_factory=set)
    """The `id` of each collection for which `get_entries` was called."""
    _visits: int = 0

    def walk(self, node: YamlNode, path: KeyPath, locator: str) -> Iterator[tuple[str, YamlNode]]:
        """Yield the nodes at `path` below `node`, each with its locator.

        The locator of a node is `locator` extended by the keys and item numbers that lead to the node, such as
        `0/services/web/image`. If a mapping contains a key several times, the locator of the second value contains
        `key#1`, and the locator of the third value contains `key#2`. Raises TooDeepError if the document's nodes are
        visited more than MAX_VISITS times.
        """
        if not path:
            yield locator, node
            return
        below = path[1:]
        if below and path[0] == ALL_ITEMS:
            children = self._list_items(node, locator)  # only the last items of a path are recorded as visited
        else:
            children = self.list_children(node, path[0], locator)
        for child_locator, child in children:
            yield from self.walk(child, below, child_locator)

    def list_children(self, node: YamlNode, element: str, locator: str) -> list[tuple[str, YamlNode]]:
        """Return the nodes that `walk` yields for the path `(element,)`, with their locators, in less time."""
        if element == ALL_ITEMS:
            if isinstance(node, YamlSequence):
                self._walked_positions.add((id(node), None))
            return self._list_items(node, locator)
        return [
            (self.extend_locator(locator, key, index), value)
            for key in (self.list_keys(node) if element == ALL_VALUES else (element,))  # here, `*` is not a wildcard
            for index, value in enumerate(self.get_values(node, key))
        ]

    def _list_items(self, node: YamlNode, locator: str) -> list[tuple[str, YamlNode]]:
        if not isinstance(node, YamlSequence):
            return []
        self._count_visits(len(node.items))
        return [(self.extend_locator(locator, str(at)), wrap_node(item)) for at, item in enumerate(node.items)]

    def may_have_child(self, node: YamlNode, element: str) -> bool:
        """Return False if `walk` certainly finds nothing at the path `(element,)` below `node`. This is fast."""
        if not isinstance(node, YamlMapping):
            return element == ALL_ITEMS
        return element in node.values or element == ALL_VALUES or MERGE in node.values

    def extend_locator(self, locator: str, key: str, index: int = 0) -> str:
        """Return the locator of a value of `key` in the collection at `locator`.

        `index` is the number of the value if the key is repeated. A long locator uses up the document's budget of
        visits. Raises TooDeepError if this budget is used up.
        """
        extended = f"{locator}/{key}#{index}" if index else f"{locator}/{key}"
        if len(extended) > LOCATOR_OF_ONE_VISIT:
            self._count_visits(len(extended) // LOCATOR_OF_ONE_VISIT)
        return extended

    def list_keys(self, node: YamlNode) -> list[str]:
        """Return the keys of a mapping in order, followed by the keys of mappings that are merged into it with `<<`.

        If `node` is not a mapping, the result is empty. Raises TooDeepError if the document's nodes are visited more
        than MAX_VISITS times.
        """
        keys: dict[str, None] = {}
        for mapping in self._resolve_merges(node):
            self._count_visits(len(mapping.values))
            keys |= dict.fromkeys(mapping.values)
        keys.pop(NO_KEY, None)
        keys.pop(MERGE, None)
        return list(keys)

    def get_values(self, node: YamlNode, key: str) -> list[YamlNode]:
        """Return all values of `key` in a mapping: several if the key is repeated, none if the key is missing.

        If `node` does not contain the key itself, the mappings that are merged into it with `<<` are searched. The
        result is the value in the first mapping that contains the key. If `node` is not a mapping, the result is empty.
        Raises TooDeepError if the document's nodes are visited more than MAX_VISITS times.
        """
        if not isinstance(node, YamlMapping):
            return []
        if key in node.values:
            self._walked_positions.add((id(node), key))
            last = wrap_node(node.values[key])
            if node.hidden is None:
                return [last]
            self._count_visits(len(node.hidden))
            return [*(wrap_node(value) for hidden, value in node.hidden if hidden == key), last]
        if MERGE not in node.values:
            return []
        for mapping in self._resolve_merges(node):
            if key in mapping.values:
                self._walked_positions.add((id(mapping), key))
                return [wrap_node(mapping.values[key])]
        return []

    def get_entries(self, node: YamlNode) -> dict[str, YamlNode]:
        """Return the keys and values of a mapping, or the items of a sequence with `0`, `1`, … as their keys.

        Entries that are merged into a mapping with `<<` are included. Unlike `walk`, this method does not record the
        entries as visited, so it does not affect `is_shared`.

        The first call for a node is free, but merged mappings and repeated calls use up the document's budget of
        visits. Raises TooDeepError if this budget is used up.
        """
        is_new = id(node) not in self._listed_ids
        self._listed_ids.add(id(node))
        if isinstance(node, YamlSequence):
            self._count_visits(0 if is_new else len(node.items) + 1)
            return {str(index): wrap_node(item) for index, item in enumerate(node.items)}
        entries: dict[str, YamlNode] = {}
        if isinstance(node, YamlMapping):
            for mapping in self._resolve_merges(node) if MERGE in node.values else [node]:
                self._count_visits(0 if is_new and mapping is node else len(mapping.values) + 1)
                entries |= {key: wrap_node(value) for key, value in mapping.values.items() if key not in entries}
            entries.pop(NO_KEY, None)
            entries.pop(MERGE, None)
        return entries

    def _resolve_merges(self, node: YamlNode) -> Iterator[YamlMapping]:
        """Yield `node` if it is a mapping, and the mappings merged into it with `<<`, in order of precedence."""
        visited_ids: set[int] = set()
        pending: list[YamlNode | StoredNode] = [node]
        while pending:
            mapping = pending.pop()
            if not isinstance(mapping, YamlMapping) or id(mapping) in visited_ids:
                continue
            yield mapping
            visited_ids.add(id(mapping))
            if MERGE in mapping.values:
                repeated = [value for key, value in mapping.hidden or () if key == MERGE]
                for merged in (*repeated, mapping.values[MERGE]):  # the last `<<` is searched first
                    mappings = merged.items if isinstance(merged, YamlSequence) else [merged]
                    self._count_visits(len(mappings))
                    pending += reversed(mappings)
                self._count_visits(len(mapping.hidden or ()))

    def get_string(self, node: YamlNode, key: str) -> str | None:
        """Return the string under `key` of a mapping, or None if the key is missing or its value is not a string.

        If the key is repeated, the last value is returned. Raises TooDeepError if the document's nodes are visited more
        than MAX_VISITS times.
        """
        match self.get_values(node, key)[-1:]:
            case [YamlScalar() as scalar] if scalar.tag == STRING:
                return scalar.value
            case _:
                return None

    def is_shared(self, scalar: YamlScalar) -> bool:
        """Return True if an alias makes `scalar` the value of another key that was not visited, such as a label.

        An edit of the scalar would change the label too. Items of sequences are treated like keys. Keys `x-…` do not
        count, because their values are only written to be repeated by aliases elsewhere in the file.
        """
        positions = self.anchored_positions.get(id(scalar.event), ())
        return any(
            position not in self._walked_positions and not (position[1] or "").startswith(_FRAGMENT_PREFIX)
            for position in positions
        )

    def find_literal_start(self, scalar: YamlScalar) -> int | None:
        """Return the byte offset of the text of `scalar` in the file, or None if the file does not contain it verbatim.

        Escapes, folding and line breaks can make the source differ from the text. The text of a block scalar (`|` or
        `>`) is searched without the line breaks around it.
        """
        start, end = get_character_range(scalar)
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
        """Return the start and end of `node`, including its anchor and tag, as byte offsets in the file."""
        start, end = get_character_range(node)
        return self.source.get_offset(start), self.source.get_offset(end)

    def get_start(self, node: YamlNode) -> int:
        """Return the byte offset in the file at which `node` starts, including its anchor and tag."""
        return self.source.get_offset(get_character_range(node)[0])

    def get_rest_of_line(self, node: YamlNode) -> str:
        """Return the text after `node` on its last line, at most MAX_REST_OF_LINE characters.

        For a value in block style (outside `{…}` and `[…]`), this text is empty or a comment.
        """
        _, end = get_character_range(node)
        line_end = self.source.text.find("\n", end, end + MAX_REST_OF_LINE)
        return self.source.text[end : line_end if line_end >= 0 else end + MAX_REST_OF_LINE]

    def get_line_number(self, node: YamlNode) -> int:
        """Return the number of the line on which `node` starts. Lines are numbered from 1 in the file."""
        return self.source.get_line_number(self.get_start(node))

    def get_source_text(self, node: YamlNode) -> str:
        """Return `node` as it is written in the file, including its anchor, tag and quotes."""
        return self.source.text[slice(*get_character_range(node))]

    def has_source_prefix(self, node: YamlNode, prefix: str) -> bool:
        """Return True if `node`, as it is written in the file, starts with `prefix`."""
        return self.source.text.startswith(prefix, get_character_range(node)[0])

    def _count_visits(self, count: int) -> None:
        self._visits += count
        if self._visits > MAX_VISITS:
            raise TooDeepError


def read_documents(content: bytes, is_relevant: Callable[[bytes], bool]) -> Iterator[YamlDocument | BrokenSection]:
    """Yield the documents of a file in order, and a `BrokenSection` for each part that cannot be parsed. Never raises.

    Sections (parts from one `---` to the next) for which `is_relevant` returns False are skipped. Each thread caches
    the parsed sections of the last file that it read, because several formats may read the same file.
    """
    return _iterate_documents(load_sections(content), is_relevant)


def read_inner_documents(text: bytes, is_relevant: Callable[[bytes], bool]) -> Iterator[YamlDocument | BrokenSection]:
    """Yield the documents of a YAML text that is embedded in a file, like `read_documents`.

    The parsed sections of the text are not cached, because they would replace the sections of the outer file in the
    cache.
    """
    return _iterate_documents(make_sections(text), is_relevant)


def _iterate_documents(
    sections: list[ParsedSection], is_relevant: Callable[[bytes], bool]
) -> Iterator[YamlDocument | BrokenSection]:
    index = 0
    indicators = IndicatorCounter()
    for section in sections:
        source = section.source
        if not is_relevant(source.raw):
            index += not is_blank(source.raw)
            continue
        if indicators.exceed(source.raw, MAX_INDICATORS):
            yield make_unread_section(source)
            return
        for tree in section.parse():
            yield YamlDocument(index, tree.root, source, tree.anchored_positions)
            index += 1
        if section.broken is not None:
            yield section.broken
            index += 1
