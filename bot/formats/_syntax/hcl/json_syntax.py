"""Parse HCL that is written as JSON into the same tree as HCL in its native syntax.

The rules follow https://github.com/hashicorp/hcl/blob/main/json/spec.md. The value of a key that names a block type is
a block, and the keys below it are the labels of the block. For example, `{"target": {"app": {}}}` contains the block
`target` with the label `app`. A string may contain interpolations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import assert_never

from bot.formats._syntax import jsonc
from bot.formats._syntax.broken import BrokenAtError, BrokenFile
from bot.formats._syntax.hcl.reader import (
    ComputedExpression,
    HclAttribute,
    HclBlock,
    HclBody,
    HclExpression,
    HclFile,
    HclObject,
    HclTuple,
)
from bot.formats._syntax.hcl.tokens import HclTemplate, read_template
from bot.formats._syntax.jsonc import read_json

_REST_OF_STRING = re.compile(rb'(?:[^"\\]|\\.)*+"', re.DOTALL)


def read_hcl_json(content: bytes, label_counts: Mapping[str, int]) -> HclFile | BrokenFile:
    """Parse HCL in its JSON syntax. Return a `BrokenFile` if the file cannot be parsed.

    JSON writes attributes and blocks in the same way. To distinguish them, `label_counts` contains the type of each
    block and the number of its labels, such as `{"target": 1}`. A top-level key that is not in `label_counts` is an
    attribute.
    """
    parsed = read_json(content)
    if isinstance(parsed, BrokenFile):
        return parsed
    attributes: list[HclAttribute] = []
    blocks: list[HclBlock] = []
    for each in _list_objects(parsed.root):
        for key, value in each.items:
            if key.value in label_counts:
                blocks += _list_blocks(content, key.value, value, label_counts[key.value])
            else:
                attributes.append(_make_attribute(content, key, value))
    return HclFile(content, HclBody(tuple(attributes), tuple(blocks)))


def _list_objects(value: jsonc.JsonValue) -> Iterator[jsonc.JsonObject]:
    """Yield `value` if it is an object, or each object in `value` if it is an array.

    Yield nothing if `value` is neither an object nor an array.
    """
    match value:
        case jsonc.JsonObject():
            yield value
        case jsonc.JsonArray():
            yield from (item for item in value.items if isinstance(item, jsonc.JsonObject))
        case _:
            pass


def _list_blocks(
    content: bytes, kind: str, value: jsonc.JsonValue, label_count: int, labels: tuple[str, ...] = ()
) -> Iterator[HclBlock]:
    for each in _list_objects(value):
        if label_count > len(labels):
            for key, inner in each.items:
                yield from _list_blocks(content, kind, inner, label_count, (*labels, key.value))
        else:
            attributes = tuple(_make_attribute(content, key, inner) for key, inner in each.items)
            yield HclBlock(kind, labels, each.start, HclBody(attributes, ()))


def _make_attribute(content: bytes, key: jsonc.JsonString, value: jsonc.JsonValue) -> HclAttribute:
    return HclAttribute(key.value, key.start, _make_expression(content, value))


def _make_expression(content: bytes, value: jsonc.JsonValue) -> HclExpression:
    match value:
        case jsonc.JsonString(text, start, is_literal):
            end = _find_string_end(content, start)
            try:
                parts = read_template(text.encode(errors="replace"), start if is_literal else None)
            except BrokenAtError:
                return ComputedExpression(start - 1, end)
            return HclTemplate(start - 1, end, parts)
        case jsonc.JsonWord(word, start):
            return ComputedExpression(start, start + len(word.encode()))
        case jsonc.JsonArray(start, items):
            return HclTuple(start, start + 1, tuple(_make_expression(content, item) for item in items))
        case jsonc.JsonObject(start, members):
            return HclObject(start, start + 1, tuple(_make_attribute(content, key, inner) for key, inner in members))
        case _:
            assert_never(value)


def _find_string_end(content: bytes, start: int) -> int:
    match = _REST_OF_STRING.match(content, start)
    return match.end() if match else start
