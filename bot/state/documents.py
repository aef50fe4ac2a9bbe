"""Documents: values that the state stores as JSON."""

from __future__ import annotations

from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

MAX_DOCUMENT = 4 * 1024 * 1024
"""The maximum number of characters of a stored document. Five thousand findings take a third of it."""

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
