"""Config values that must match a regular expression: their validation, and their JSON Schema."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


def build_pattern_schema(title: str, pattern: re.Pattern[str]) -> WithJsonSchema:
    """Return the JSON Schema of a text that matches `pattern`; the documentation shows `title` as its type."""
    return WithJsonSchema(_describe_pattern(title, pattern))


@dataclass(frozen=True, slots=True)
class TextPattern:
    """An annotation for pydantic that requires the whole value to match a regular expression."""

    pattern: re.Pattern[str]
    title: str
    """The type of the value in the documentation."""
    message: str
    """The error message for a value that does not match."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._validate, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return _describe_pattern(self.title, self.pattern)

    def _validate(self, value: str) -> str:
        if not self.pattern.fullmatch(value):
            raise ValueError(self.message)
        return value


def _describe_pattern(title: str, pattern: re.Pattern[str]) -> JsonSchemaValue:
    return {"title": title, "type": "string", "pattern": f"^(?:{pattern.pattern})$"}
