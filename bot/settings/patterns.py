"""What values that follow a pattern have in common: the check, and what editors are told."""

from __future__ import annotations

import re
from collections.abc import Callable

from pydantic import WithJsonSchema


def matching(pattern: re.Pattern[str], what: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(what)
        return value

    return check


def pattern_schema(title: str, pattern: re.Pattern[str]) -> WithJsonSchema:
    """Tell editors what a text looks like; the title stands in the documentation."""
    return WithJsonSchema({"title": title, "type": "string", "pattern": f"^(?:{pattern.pattern})$"})
