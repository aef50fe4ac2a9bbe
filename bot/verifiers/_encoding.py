"""Reading what signatures are wrapped in: strict base64, and bounded JSON."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any


class BrokenError(Exception):
    """Bytes that are not what they claim to be; the text says why, and is fit for a message."""


def decoded(text: object) -> bytes:
    """Return what a text in base64 holds. Raises BrokenError."""
    if not isinstance(text, str):
        raise BrokenError("something that should be base64 is no text")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BrokenError("something that should be base64 is none") from None


def json_object(content: bytes) -> dict[str, Any]:
    """Return the object that `content` is. Raises BrokenError."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise BrokenError("something that should be JSON is none") from None
    return as_object(document)


def as_object(value: object) -> dict[str, Any]:
    """Return a value that should be an object. Raises BrokenError."""
    if not isinstance(value, dict):
        raise BrokenError("something that should be an object is none")
    return value


def as_list(value: object, most: int) -> list[Any]:
    """Return a value that should be a list of at most so many. Raises BrokenError."""
    if not isinstance(value, list) or len(value) > most:
        raise BrokenError(f"something that should be a list of at most {most} is none")
    return value
