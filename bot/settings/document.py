"""Parses a config file into a tree of plain values: YAML of bounded size and depth, without duplicate keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bot.model.errors import ConfigError, ConfigProblem

MAX_BYTES = 256 * 1024
"""A rule takes about two hundred bytes, so there is room for a thousand of them."""
MAX_DEPTH = 20
"""The deepest key of the schema is six levels down."""
MAX_VALUES = 50_000
"""Values after all anchors are expanded; a thousand rules have about twenty each."""

_NO_TEXT = yaml.reader.Reader.NON_PRINTABLE
"""Characters that neither the file nor an escape in it may contain, such as NUL or a lone surrogate."""
_TEXT, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"

Document = dict[str, Any]


def read_document(path: Path) -> tuple[Document, tuple[ConfigProblem, ...]]:
    """Read a config file and parse its YAML.

    Returns:
        The mapping that the file holds, and the problems of its keys that do not stop the parsing.

    Raises:
        ConfigError: The file cannot be read, or is not a YAML mapping within the limits.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unusable(str(path), f"could not be read: {error.strerror}") from None
    return parse_document(content, str(path))


def parse_document(content: bytes, source: str) -> tuple[Document, tuple[ConfigProblem, ...]]:
    """Parse a config file from its bytes, as `parse_document_file` does; `source` is its name in messages."""
    text = _text(content, source)
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is not None:
            _measure(node)
        document = None if node is None else loader.construct_document(node)
    except _Refused as error:
        raise _unusable(source, str(error), error.line) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(part for part in (error.context, error.problem) if part)
        raise _unusable(source, f"is not valid YAML: {what}", mark.line + 1 if mark else None) from None
    except yaml.YAMLError as error:
        raise _unusable(source, f"is not valid YAML: {error}") from None
    except (ValueError, OverflowError):  # PyYAML does not catch the error of chr() for an escape
        line = loader.get_mark().line + 1
        raise _unusable(source, "is not valid YAML: an escape does not stand for a character", line) from None
    finally:
        loader.dispose()
    if not isinstance(document, dict):
        raise _unusable(source, "the top level must be a mapping; hint: begin the file with `schema: 1`")
    return document, tuple(loader.problems)


def _text(content: bytes, source: str) -> str:
    if len(content) > MAX_BYTES:
        raise _unusable(source, f"has more than {MAX_BYTES} bytes; hint: shorten the policy with globs")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _unusable(source, "is not UTF-8 text; hint: save it as UTF-8", line) from None
    control = _NO_TEXT.search(text)
    if control:
        line = text.count("\n", 0, control.start()) + 1
        raise _unusable(source, f"contains the control character U+{ord(control[0]):04X}; hint: remove it", line)
    return text


def _unusable(source: str, what: str, line: int | None = None) -> ConfigError:
    return ConfigError(source, (ConfigProblem(f"line {line}" if line else "", what),))


class _Refused(yaml.YAMLError):
    """YAML that is valid, but that basebump does not accept."""

    def __init__(self, node: yaml.Node, what: str) -> None:
        self.line: int = node.start_mark.line + 1
        super().__init__(what)


class _Loader(yaml.SafeLoader):
    """A YAML loader that nests no deeper than MAX_DEPTH, and records duplicate keys and keys that are not text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.problems: list[ConfigProblem] = []
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"nests deeper than {MAX_DEPTH} levels", problem_mark=self.get_mark())
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        known: set[str] = set()
        for key, _ in node.value:
            if key.tag == _MERGE:
                continue
            if key.tag != _TEXT:
                raise _Refused(key, f"YAML does not read the key {_shown(key)} as text; hint: put it in quotes")
            if key.value in known:
                line = key.start_mark.line + 1
                what = f"the key {_shown(key)} is in this mapping a second time; hint: remove one of them"
                self.problems.append(ConfigProblem(f"line {line}", what))
            known.add(key.value)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - as in PyYAML
        try:
            return super().construct_object(node, deep)
        except ValueError as error:  # PyYAML does not catch the errors of int() and datetime()
            raise _Refused(node, f"contains an invalid number or date: {error}") from None
        except (LookupError, AttributeError):  # PyYAML fails so on `!!bool x`, `!!int ""` and `!!timestamp x`
            raise _Refused(node, f"contains an invalid {node.tag.rpartition(':')[2]}") from None


def _shown(key: yaml.Node) -> str:
    return f"`{key.value}`" if isinstance(key, yaml.ScalarNode) else "that is a list or a mapping"


def _measure(root: yaml.Node) -> None:
    """Raise _Refused if a document is too large or too deep once its anchors are expanded.

    An alias is the same node object as its anchor, so every node is measured once. The recursion goes no deeper than
    the text nests, because an anchor comes before its aliases.
    """
    measured: dict[int, tuple[int, int]] = {}
    open_nodes: set[int] = set()

    def measure(node: yaml.Node) -> tuple[int, int]:
        if id(node) in open_nodes:
            raise _Refused(node, "an anchor contains itself")
        if id(node) not in measured:
            _look_for_text(node)
            open_nodes.add(id(node))
            inside = [measure(child) for child in _children(node)]
            size = 1 + sum(child_size for child_size, _ in inside)
            height = 1 + max((child_height for _, child_height in inside), default=0)
            if size > MAX_VALUES or height > MAX_DEPTH:
                what = f"has more than {MAX_VALUES} values or {MAX_DEPTH} levels once its anchors are expanded"
                raise _Refused(node, what)
            open_nodes.remove(id(node))
            measured[id(node)] = size, height
        return measured[id(node)]

    measure(root)


def _look_for_text(node: yaml.Node) -> None:
    """Raise _Refused if an escape writes a character that is refused in the file itself as well."""
    odd = _NO_TEXT.search(node.value) if isinstance(node, yaml.ScalarNode) else None
    if odd:
        raise _Refused(node, f"contains an escape for U+{ord(odd[0]):04X}, which is not text; hint: remove it")


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
