"""Add an entry to the list `blocked` of a file, and leave all other bytes of the file unchanged.

The entry is inserted at a position that the YAML parser reports. The result is parsed again: it must have exactly one
additional entry, and nothing else may differ.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import yaml

from bot.model.blocklist import BlocklistEntry
from bot.model.errors import BasebumpError, ConfigError
from bot.settings.reading.config import parse_config
from bot.settings.reading.named_files import parse_blocked_file, read_named_document
from bot.settings.reading.yaml_file import Document, parse_document
from bot.settings.sections.blocked import convert_entries

KEY = "blocked"
_BOM = b"\xef\xbb\xbf"


class BlockRefusedError(BasebumpError):
    """Raised if basebump could not prove that the edit adds exactly one entry. The file is unchanged."""


@dataclass(frozen=True, slots=True)
class _Insertion:
    """A position in a text, the number of characters to remove there, and the text to insert."""

    at: int
    text: str
    removed: int = 0


def list_blocked_paths(config_file: Path) -> list[Path]:
    """Return the files of blocked images that a config names by a path.

    Raises ConfigError if the config is not valid.
    """
    config = parse_config(read_named_document(config_file), config_file)
    return [entry.path for entry in config.blocked if entry.path is not None]


def validate_blocked_content(content: bytes, path: Path, *, is_config: bool) -> dict[str, BlocklistEntry]:
    """Return the blocked images in the content of a config, or of a file that it names, by their config keys.

    Raises ConfigError if the content is not valid.
    """
    parsed = parse_config(content, path) if is_config else parse_blocked_file(content, str(path))
    return {
        f"blocked[{index}]": converted
        for index, entry in enumerate(parsed.blocked)
        for converted in convert_entries((entry,))
    }


def add_blocked_entry(content: bytes, entry: Mapping[str, str], source: str) -> bytes:
    """Return the content of a file with one more entry at the end of `blocked`.

    `source` is the name of the file in messages. Raises ConfigError if the file cannot be parsed, and BlockRefusedError
    if the list has a form to which nothing can be added safely.
    """
    before, problems = parse_document(content, source)
    if problems:
        raise ConfigError(source, problems)
    bom = _BOM if content.startswith(_BOM) else b""
    text = content.removeprefix(_BOM).decode()
    insertion = _plan_insertion(text, entry)
    rest = text[insertion.at + insertion.removed :]
    edited = bom + f"{text[: insertion.at]}{insertion.text}{rest}".encode()
    _prove(before, edited, entry, source)
    return edited


def _prove(before: Document, edited: bytes, entry: Mapping[str, str], source: str) -> None:
    """Raise BlockRefusedError unless the edited file has exactly one additional entry, and no other difference."""
    listed = before.get(KEY, [])
    refusal = BlockRefusedError(
        f"{source} was not changed, because the list `{KEY}` has a form that basebump cannot extend safely; hint: add "
        "the entry by hand"
    )
    if not isinstance(listed, list):
        raise refusal
    try:
        after, problems = parse_document(edited, source)
    except ConfigError:
        raise refusal from None
    if problems or after != {**before, KEY: [*listed, dict(entry)]}:
        raise refusal


def _plan_insertion(text: str, entry: Mapping[str, str]) -> _Insertion:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    newline = "\r\n" if "\r\n" in text else "\n"
    found = _find_list(root)
    if found is None:
        return _append_list(text, root, entry, newline)
    if not isinstance(found, yaml.SequenceNode):
        return _Insertion(len(text), "")  # the proof then refuses the edit
    if not found.flow_style:
        column = found.start_mark.column
        at = _skip_comments(text, _find_line_end(text, _find_last_position(found)), column)
        return _insert_lines(text, at, _render_item(entry, column), newline)
    if found.value:
        return _Insertion(found.value[-1].end_mark.index, f", {json.dumps(dict(entry), ensure_ascii=False)}")
    return _replace_empty_list(text, found, entry, newline)


def _find_list(root: yaml.Node | None) -> yaml.Node | None:
    """Return the node of the list; None if the file does not have the key."""
    pairs = root.value if isinstance(root, yaml.MappingNode) else ()
    return next((value for key, value in pairs if isinstance(key, yaml.ScalarNode) and key.value == KEY), None)


def _append_list(text: str, root: yaml.Node | None, entry: Mapping[str, str], newline: str) -> _Insertion:
    """Return the insertion of the whole list at the end of the file, or of the mapping if it is written in braces."""
    if isinstance(root, yaml.MappingNode) and root.flow_style:
        item = json.dumps({KEY: [dict(entry)]}, ensure_ascii=False)[1:-1]
        return _Insertion(root.value[-1][1].end_mark.index, f", {item}")
    end = _find_line_end(text, _find_last_position(root)) if root is not None else len(text)
    is_last = all(line.lstrip().startswith("#") or not line.strip() for line in text[end:].splitlines())
    return _insert_lines(text, len(text) if is_last else end, ["", f"{KEY}:", *_render_item(entry, 2)], newline)


def _replace_empty_list(text: str, node: yaml.Node, entry: Mapping[str, str], newline: str) -> _Insertion:
    """Return the insertion that replaces `[]`. A comment in the same line stays above the entry."""
    start, end = node.start_mark.index, node.end_mark.index
    line_end = _find_line_end(text, end)
    before = text[:start].rstrip(" ")
    comment = text[end:line_end].rstrip("\r\n")
    if not before.endswith(f"{KEY}:") or (comment.strip() and not comment.lstrip().startswith("#")):
        return _Insertion(start + 1, json.dumps(dict(entry), ensure_ascii=False))
    lines = newline.join(_render_item(entry, 2)) + newline
    return _Insertion(len(before), f"{comment.rstrip()}{newline}{lines}", line_end - len(before))


def _insert_lines(text: str, at: int, lines: Sequence[str], newline: str) -> _Insertion:
    """Return the insertion of whole lines. If the line before has no line break at its end, a line break is added."""
    start = "" if not text[:at] or text[:at].endswith("\n") else newline
    return _Insertion(at, start + newline.join(lines) + newline)


def _render_item(entry: Mapping[str, str], column: int) -> list[str]:
    """Return the lines of an item of a list whose dash is in this column. Texts are quoted as in JSON."""
    pairs = [
        f"{key}: {value if key == 'digest' else json.dumps(value, ensure_ascii=False)}" for key, value in entry.items()
    ]
    indent = " " * column
    return [f"{indent}{'- ' if index == 0 else '  '}{pair}" for index, pair in enumerate(pairs)]


def _find_last_position(node: yaml.Node) -> int:
    """Return the position after the last value in a node. Comments and blank lines after the value are not included."""
    while isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(node, yaml.MappingNode) else last
    return node.end_mark.index


def _skip_comments(text: str, position: int, column: int) -> int:
    """Return the position after comments that begin to the right of `column`, because they belong to the last item."""
    lines = text[position:].splitlines(keepends=True)
    inner = takewhile(lambda line: line.lstrip(" ").startswith("#") and line.index("#") > column, lines)
    return position + sum(map(len, inner))


def _find_line_end(text: str, position: int) -> int:
    """Return the position after the end of the line that contains the character before `position`."""
    if text[:position].endswith("\n"):
        return position
    end = text.find("\n", position)
    return len(text) if end < 0 else end + 1
