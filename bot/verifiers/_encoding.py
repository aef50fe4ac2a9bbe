"""Decodes base64 and JSON in signatures, strictly and within limits."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any


class BrokenError(Exception):
    """Bytes in another format than declared; the text says why, and is fit for a message."""


def decode_base64(text: object) -> bytes:
    """Decode base64 text. Raises BrokenError."""
    if not isinstance(text, str):
        raise BrokenError("a base64 value is not a string")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BrokenError("a base64 value is not valid") from None


def parse_json_object(content: bytes) -> dict[str, Any]:
    """Parse a JSON object. Raises BrokenError."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise BrokenError("a JSON document is not valid") from None
    return require_object(document)


def require_object(value: object) -> dict[str, Any]:
    """Return the value, which must be an object. Raises BrokenError."""
    if not isinstance(value, dict):
        raise BrokenError("a value that must be an object is not an object")
    return value


def require_list(value: object, max_length: int) -> list[Any]:
    """Return the value, which must be a list of at most `max_length` items. Raises BrokenError."""
    if not isinstance(value, list) or len(value) > max_length:
        raise BrokenError(f"a value that must be a list of at most {max_length} items is not")
    return value
