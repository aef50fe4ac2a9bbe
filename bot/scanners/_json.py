"""Reads values of an expected type from decoded JSON. A value of another type raises an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

ReportObject = Mapping[str, object]


class UnreadableReportError(ValueError):
    """The content is not a report, or the report cannot be read reliably.

    The message gives the reason in a few words.
    """


def parse_object(content: bytes) -> ReportObject:
    """Parse bytes as a JSON object. Raises UnreadableReportError if they are not a JSON object."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UnreadableReportError("the report is not JSON") from error
    return read_object(value)


def read_object(value: object) -> ReportObject:
    """Return `value` if it is an object, or an empty object if it is null.

    Raises UnreadableReportError for other values.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UnreadableReportError("the report has an unexpected structure: a value is not an object")
    return value


def read_list(value: object) -> list[object]:
    """Return `value` if it is a list, or an empty list if it is null. Raises UnreadableReportError for other values."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise UnreadableReportError("the report has an unexpected structure: a value is not a list")
    return value


def read_objects(value: object) -> list[ReportObject]:
    """Return `value` if it is a list of objects, or an empty list if it is null. Null items become empty objects.

    Raises UnreadableReportError for all other values.
    """
    return [read_object(item) for item in read_list(value)]


def read_text(value: object) -> str:
    """Return `value` if it is a string, or an empty string if it is null.

    Raises UnreadableReportError for other values.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UnreadableReportError("the report has an unexpected structure: a value is not a string")
    return value


def read_texts(value: object) -> list[str]:
    """Return `value` if it is a list of strings, or an empty list if it is null. Null items become empty strings.

    Raises UnreadableReportError for all other values.
    """
    return [read_text(item) for item in read_list(value)]


def parse_time(value: object) -> datetime | None:
    """Parse a time from RFC 3339 text or a number of seconds since 1970; return None for other values."""
    try:
        if isinstance(value, str):
            time = datetime.fromisoformat(value)
            return time.replace(tzinfo=time.tzinfo or UTC)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None
