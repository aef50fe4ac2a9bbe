"""Parse HCL written as JSON into the same tree as its native syntax.

https://github.com/hashicorp/hcl/blob/main/json/spec.md: objects under the name of a block type are blocks by their
labels, and a string is a template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import assert_never

from bot.formats._syntax import jsonc
from bot.formats._syntax.broken import BrokenAtError, BrokenFile
from bot.formats._syntax.hcl.reader import Attribute, Block, Body, Computed, Expression, Hcl, Object, Tuple
from bot.formats._syntax.hcl.tokens import Template, read_template
from bot.formats._syntax.jsonc import read_json

_REST_OF_STRING = re.compile(rb'(?:[^"\\]|\\.)*+"', re.DOTALL)


def read_hcl_json(content: bytes, labels: Mapping[str, int]) -> Hcl | BrokenFile:
    """Parse a file; never raises.

    `label_counts` has the top-level keys that are block types, and how many labels each has.
    """
    read = read_json(content)
    if isinstance(read, BrokenFile):
        return read
    attributes: list[Attribute] = []
    blocks: list[Block] = []
    for each in _objects(read.root):
        for key, value in each.items:
            if key.value in labels:
                blocks += _blocks(content, key.value, value, labels[key.value])
            else:
                attributes.append(_attribute(content, key, value))
    return Hcl(content, Body(tuple(attributes), tuple(blocks)))


def _objects(value: jsonc.Value) -> Iterator[jsonc.Object]:
    """Yield the object that `value` is, or the objects in the array that it is."""
    match value:
        case jsonc.Object():
            yield value
        case jsonc.Array():
            yield from (item for item in value.items if isinstance(item, jsonc.Object))
        case _:
            pass


def _blocks(content: bytes, kind: str, value: jsonc.Value, count: int, labels: tuple[str, ...] = ()) -> Iterator[Block]:
    for each in _objects(value):
        if count > len(labels):
            for key, inner in each.items:
                yield from _blocks(content, kind, inner, count, (*labels, key.value))
        else:
            attributes = tuple(_attribute(content, key, inner) for key, inner in each.items)
            yield Block(kind, labels, each.start, Body(attributes, ()))


def _attribute(content: bytes, key: jsonc.Text, value: jsonc.Value) -> Attribute:
    return Attribute(key.value, key.start, _expression(content, value))


def _expression(content: bytes, value: jsonc.Value) -> Expression:
    match value:
        case jsonc.Text(text, start, is_literal):
            end = _end_of_string(content, start)
            try:
                parts = read_template(text.encode(errors="replace"), start if is_literal else None)
            except BrokenAtError:
                return Computed(start - 1, end)
            return Template(start - 1, end, parts)
        case jsonc.Word(word, start):
            return Computed(start, start + len(word.encode()))
        case jsonc.Array(start, items):
            return Tuple(start, start + 1, tuple(_expression(content, item) for item in items))
        case jsonc.Object(start, members):
            return Object(start, start + 1, tuple(_attribute(content, key, inner) for key, inner in members))
        case _:
            assert_never(value)


def _end_of_string(content: bytes, start: int) -> int:
    match = _REST_OF_STRING.match(content, start)
    return match.end() if match else start
