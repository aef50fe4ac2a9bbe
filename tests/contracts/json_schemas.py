"""What the scripts that cut JSON Schemas have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def drop_hints(node: Any, is_hint: Callable[[str], bool]) -> Any:
    """Return a copy of a schema without keys that validation does not need; properties with such a name stay."""
    if isinstance(node, list):
        return [drop_hints(each, is_hint) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: {name: drop_hints(schema, is_hint) for name, schema in value.items()}
        if key == "properties"
        else drop_hints(value, is_hint)
        for key, value in node.items()
        if not is_hint(key)
    }


def list_references(node: object) -> Iterator[str]:
    """Yield the names of all definitions that a schema refers to."""
    if isinstance(node, list):
        for each in node:
            yield from list_references(each)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].rpartition("/")[2]
        for each in node.values():
            yield from list_references(each)
