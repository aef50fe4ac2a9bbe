"""Reading what scanners print: values of the shape that is expected, or an error that says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

Object = Mapping[str, object]


class UnreadableReportError(ValueError):
    """Not a report, or one that would be misread; the text says why in a few words."""


def document(content: bytes) -> Object:
    """Return the object that the bytes are in JSON. Raises UnreadableReportError."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UnreadableReportError("the report is no JSON") from error
    return mapping(found)


def mapping(value: object) -> Object:
    """Return an object, an empty one where there is none. Raises UnreadableReportError."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UnreadableReportError("the report has something else where an object should be")
    return value


def items(value: object) -> list[object]:
    """Return a list, an empty one where there is none. Raises UnreadableReportError."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise UnreadableReportError("the report has something else where a list should be")
    return value


def objects(value: object) -> list[Object]:
    """Return a list of objects. Raises UnreadableReportError."""
    return [mapping(item) for item in items(value)]


def text(value: object) -> str:
    """Return a text, an empty one where there is none. Raises UnreadableReportError."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UnreadableReportError("the report has something else where a text should be")
    return value


def texts(value: object) -> list[str]:
    """Return a list of texts. Raises UnreadableReportError."""
    return [text(item) for item in items(value)]


def moment(value: object) -> datetime | None:
    """Return the time that a text in RFC 3339, or a number of seconds since 1970, says; None where it says none."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            return found.replace(tzinfo=found.tzinfo or UTC)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None
