"""Parse the YAML of a config file into plain values, with limits on its size and depth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bot.core.markdown import make_one_line
from bot.model.errors import HINT_SEPARATOR, ConfigError, ConfigProblem, FilePosition

MAX_BYTES = 256 * 1024
"""The maximum size of a file. A rule has about two hundred bytes, so there is room for a thousand rules."""
MAX_DEPTH = 20
"""The maximum number of nested levels. The deepest key of the schema is six levels down."""
MAX_VALUES = 50_000
"""The maximum number of values after all anchors are expanded. A rule has about twenty values."""

_UNPRINTABLE = yaml.reader.Reader.NON_PRINTABLE
"""Characters that must not be in the file, not even as an escape, such as NUL or a lone surrogate."""
_TEXT_TAG, _MERGE_TAG = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"

Document = dict[str, Any]


def read_document(path: Path) -> bytes:
    """Return the first bytes of a config file: one more than MAX_BYTES.

    Raises ConfigError if the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        hint = f"{HINT_SEPARATOR}check the path, or write a config with `basebump init`"
        is_missing = isinstance(error, FileNotFoundError)
        message = f"the file could not be read: {error.strerror}{hint if is_missing else ''}"
        raise _build_config_error(str(path), message) from None


def parse_document(content: bytes, source: str) -> tuple[Document, tuple[ConfigProblem, ...]]:
    """Parse the bytes of a config file. `source` is the name of the file in messages.

    Returns:
        The mapping in the file, and its problems that do not stop the parsing, such as duplicate keys.

    Raises:
        ConfigError: The content is not a YAML mapping within the limits.
    """
    text = _decode_text(content, source)
    loader = _BoundedLoader(text)
    try:
        node = loader.get_single_node()
        if node is not None:
            _check_expanded_size(node)
        document = None if node is None else loader.construct_document(node)
    except _RefusedYamlError as error:
        raise _build_config_error(source, str(error), error.position) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = ", ".join(part for part in (error.context, error.problem) if part)
        raise _build_config_error(
            source,
            f"the file is not valid YAML: {message}; hint: correct this error first, because it hides other errors",
            FilePosition(mark.line + 1, mark.column + 1) if mark else None,
        ) from None
    except yaml.YAMLError as error:
        raise _build_config_error(source, f"the file is not valid YAML: {error}") from None
    except (ValueError, OverflowError):  # PyYAML does not catch the error of chr() for an escape
        mark = loader.get_mark()
        raise _build_config_error(
            source,
            "the file is not valid YAML: an escape sequence does not stand for a valid character",
            FilePosition(mark.line + 1, mark.column + 1),
        ) from None
    finally:
        loader.dispose()
    if not isinstance(document, dict):
        raise _build_config_error(source, "the top level must be a mapping; hint: begin the file with `schema: 1`")
    return document, tuple(loader.problems)


def _decode_text(content: bytes, source: str) -> str:
    if len(content) > MAX_BYTES:
        raise _build_config_error(
            source, f"the file has more than {MAX_BYTES} bytes; hint: combine rules of the policy by using globs"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig")
        position = _find_end(before)
        raise _build_config_error(
            source, "the file is not UTF-8 text; hint: save the file as UTF-8", position
        ) from None
    unprintable = _UNPRINTABLE.search(text)
    if unprintable:
        raise _build_config_error(
            source,
            f"the file contains the control character U+{ord(unprintable[0]):04X}; hint: remove the character",
            _find_end(text[: unprintable.start()]),
        )
    return text


def _find_end(text: str) -> FilePosition:
    """Return the position of the character after `text`, with which the file begins."""
    return FilePosition(text.count("\n") + 1, len(text) - text.rfind("\n"))


def _build_config_error(source: str, message: str, position: FilePosition | None = None) -> ConfigError:
    return ConfigError(source, (ConfigProblem(f"line {position.line}" if position else "", message, position),))


class _RefusedYamlError(yaml.YAMLError):
    """Raised if a file is valid YAML, but contains something that basebump does not accept."""

    def __init__(self, node: yaml.Node, message: str) -> None:
        self.position = FilePosition(node.start_mark.line + 1, node.start_mark.column + 1)
        super().__init__(message)


class _BoundedLoader(yaml.SafeLoader):
    """A YAML loader that also checks the nesting and the keys of a config file.

    It raises an error if values are nested deeper than MAX_DEPTH. A duplicate key, or a key that is not a string, such
    as `1` or `yes`, does not stop the parsing, but is added to `problems`. A key that is not a string is left out.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.problems: list[ConfigProblem] = []
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                problem=f"the values are nested deeper than {MAX_DEPTH} levels", problem_mark=self.get_mark()
            )
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        keys: set[str] = set()
        for key, _ in node.value:
            if key.tag not in (_TEXT_TAG, _MERGE_TAG):
                self._add_problem(key, "is not a string in YAML; hint: put the key in quotes")
            elif key.tag == _TEXT_TAG and key.value in keys:
                self._add_problem(key, "is in this mapping a second time; hint: remove one of the keys")
            elif key.tag == _TEXT_TAG:
                keys.add(key.value)
        node.value = [(key, value) for key, value in node.value if key.tag in (_TEXT_TAG, _MERGE_TAG)]
        return node

    def _add_problem(self, key: yaml.Node, message: str) -> None:
        position = FilePosition(key.start_mark.line + 1, key.start_mark.column + 1)
        problem = ConfigProblem(f"line {position.line}", f"the key {_format_key(key)} {message}", position)
        self.problems.append(problem)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - as in PyYAML
        try:
            return super().construct_object(node, deep)
        except ValueError as error:  # PyYAML does not catch the errors of int() and datetime()
            raise _RefusedYamlError(node, f"the value is not a valid number or date: {error}") from None
        except (LookupError, AttributeError):  # PyYAML fails like this on `!!bool x`, `!!int ""` and `!!timestamp x`
            raise _RefusedYamlError(node, f"the value is not a valid {node.tag.rpartition(':')[2]}") from None


def _format_key(key: yaml.Node) -> str:
    return f"`{make_one_line(key.value)}`" if isinstance(key, yaml.ScalarNode) else "that is a list or a mapping"


def _check_expanded_size(root: yaml.Node) -> None:
    """Raise _RefusedYamlError if the document would be too large or too deep with its aliases expanded.

    This stops a small file whose aliases (`*a`) expand to billions of values. An anchor (`&a`) that contains itself is
    refused, too.

    PyYAML represents an anchor and all its aliases by one node object, which is measured only once. An alias comes
    after its anchor, so its node is already measured when the alias is reached. The recursion is therefore never deeper
    than the nesting of the text.
    """
    measured: dict[int, tuple[int, int]] = {}
    nodes_in_progress: set[int] = set()

    def measure(node: yaml.Node) -> tuple[int, int]:
        if id(node) in nodes_in_progress:
            raise _RefusedYamlError(node, "an anchor contains itself")
        if id(node) not in measured:
            _check_escapes(node)
            nodes_in_progress.add(id(node))
            child_measures = [measure(child) for child in _list_children(node)]
            size = 1 + sum(child_size for child_size, _ in child_measures)
            height = 1 + max((child_height for _, child_height in child_measures), default=0)
            if size > MAX_VALUES or height > MAX_DEPTH:
                message = (
                    f"the file has more than {MAX_VALUES} values or {MAX_DEPTH} levels once its anchors are expanded"
                )
                raise _RefusedYamlError(node, message)
            nodes_in_progress.remove(id(node))
            measured[id(node)] = size, height
        return measured[id(node)]

    measure(root)


def _check_escapes(node: yaml.Node) -> None:
    """Raise _RefusedYamlError if an escape sequence produces a character that must not be in the file, such as NUL."""
    unprintable = _UNPRINTABLE.search(node.value) if isinstance(node, yaml.ScalarNode) else None
    if unprintable:
        raise _RefusedYamlError(
            node,
            f"the value contains an escape sequence for U+{ord(unprintable[0]):04X}, which is not text; hint: "
            "remove it",
        )


def _list_children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
