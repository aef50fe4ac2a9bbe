"""Documents: values that the state stores as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

MAX_DOCUMENT = 4 * 1024 * 1024
"""The maximum number of characters of a stored document. Five thousand findings take a third of it."""

MAX_COUNT = 10**9
"""The maximum of a stored number of vulnerabilities."""

_Item = TypeVar("_Item")


def serialise_document(adapter: TypeAdapter[_Item], value: _Item, *, exclude_defaults: bool = False) -> str | None:
    """Return a value as JSON. Return None if the JSON is too long, or if a text in it is not valid Unicode."""
    try:
        text = adapter.dump_json(value, exclude_defaults=exclude_defaults).decode()
    except PydanticSerializationError:
        return None
    return text if len(text) <= MAX_DOCUMENT else None


def parse_document(adapter: TypeAdapter[_Item], document: str) -> _Item | None:
    """Parse a stored document. Return None if another release stored it with other fields."""
    try:
        return adapter.validate_json(document)
    except ValidationError:
        return None


def parse_texts(document: str) -> tuple[str, ...]:
    """Parse a stored list of texts. Raises ValueError if the document is anything else."""
    texts = json.loads(document)
    if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
        raise ValueError("the document is not a list of texts")
    return tuple(texts)


def parse_counts(document: str) -> Mapping[str, int]:
    """Parse a stored object with numbers of vulnerabilities. Raises ValueError if the document is anything else."""
    counts = json.loads(document)
    if not isinstance(counts, dict) or not all(
        type(each) is int and 0 <= each <= MAX_COUNT for each in counts.values()
    ):
        raise ValueError("the document is not an object with numbers")
    return counts
