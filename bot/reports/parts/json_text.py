"""Writes JSON documents in ASCII, with one line for each object in a list."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

_encode = json.JSONEncoder().encode

JsonValue = str | int | float | bool | None | Sequence["JsonValue"] | Mapping[str, "JsonValue"]


def render_json(document: JsonValue) -> str:
    """Return a document as JSON in ASCII.

    ASCII output contains no terminal control characters, and bytes of a path that are not UTF-8 are preserved as
    escapes. The output contains no commands for CI services either (`dump_json`). Each object in a list is on its own
    line. Users can therefore search the output with `grep`. This format is also written much faster than indented JSON.
    """
    return _format_value(document, "")


def dump_json(value: JsonValue) -> str:
    """Return a value as JSON in ASCII on one line, which contains no commands for CI services.

    The second of two `#` is escaped, because `##vso[` and `##[` begin commands. Only strings in JSON can contain `#`.
    """
    return _encode(value).replace("##", "#\\u0023")


def _format_value(value: JsonValue, indent: str) -> str:
    inner = indent + "  "
    if isinstance(value, dict) and (
        not indent or any(isinstance(each, list) and _is_table(each) for each in value.values())
    ):
        lines = [f"{inner}{dump_json(key)}: {_format_value(each, inner)}" for key, each in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and _is_table(value):
        return "[\n" + ",\n".join(inner + _format_value(each, inner) for each in value) + f"\n{indent}]"
    return dump_json(value)


def _is_table(value: JsonValue) -> bool:
    return isinstance(value, list) and any(isinstance(each, dict) for each in value)


def format_time(time: datetime | None) -> str | None:
    """Return a time in UTC as `2026-11-24T08:30:00Z`; None if `time` is None."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}" if time is not None else None
