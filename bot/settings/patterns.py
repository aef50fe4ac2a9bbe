"""Validators and JSON Schema parts for config values that follow a regular expression."""

from __future__ import annotations

import re
from collections.abc import Callable

from pydantic import WithJsonSchema


def build_pattern_validator(pattern: re.Pattern[str], message: str) -> Callable[[str], str]:
    """Return a validator that raises ValueError with `message` unless a pattern matches the whole value."""

    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(message)
        return value

    return check


def build_pattern_schema(title: str, pattern: re.Pattern[str]) -> WithJsonSchema:
    """Return the JSON Schema of a text that follows a pattern; the documentation shows `title` as its type."""
    return WithJsonSchema({"title": title, "type": "string", "pattern": f"^(?:{pattern.pattern})$"})
