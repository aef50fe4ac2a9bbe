"""Decodes base64 and JSON in signatures, strictly and within limits."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any


class BrokenError(Exception):
    """The bytes are not in the expected format. The message gives the reason and may be shown to users."""


def decode_base64(text: object, name: str) -> bytes:
    """Decode a base64 string. Raises BrokenError if `text` is not valid base64.

    The error message contains `name`, which is the name of the value.
    """
    if not isinstance(text, str):
        raise BrokenError(f"`{name}` of the signature must be a base64 string")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BrokenError(f"`{name}` of the signature is not valid base64") from None


def parse_json_object(content: bytes, name: str) -> dict[str, Any]:
    """Parse a JSON object. Raises BrokenError if `content` is not a JSON object.

    The error message contains `name`, which is the name of the value.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise BrokenError(f"`{name}` of the signature is not valid JSON") from None
    return require_object(document, name)


def require_object(value: object, name: str) -> dict[str, Any]:
    """Return `value` if it is a JSON object. Raises BrokenError if it is not.

    The error message contains `name`, which is the name of the value.
    """
    if not isinstance(value, dict):
        raise BrokenError(f"`{name}` of the signature is not a JSON object")
    return value


def require_list(value: object, max_length: int, name: str) -> list[Any]:
    """Return `value` if it is a list of at most `max_length` items. Raises BrokenError if it is not.

    The error message contains `name`, which is the name of the value.
    """
    if not isinstance(value, list) or len(value) > max_length:
        raise BrokenError(f"`{name}` of the signature is not a list, or has more than {max_length} items")
    return value
