"""Markers that state how a config file writes a value, and which values are valid.

Frozen values carry them in their annotations: `labels: tuple[Annotated[str, Check(…)], ...]`. Only the reader of config
files (`bot.settings`) evaluates them, so that importing a declaration does not import pydantic. A frozen value that the
program creates itself is not checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args

from bot.model.cost_limits import MAX_REPOSITORY_ITEMS

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

Item = TypeVar("Item")
JsonSchema = Mapping[str, Any]
EXAMPLES = "x-examples"
"""The key of a JSON Schema under which the generator of `config/default.yaml` finds the examples of a value."""


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """Checks a value that has the annotated type. The function returns the value, or raises ValueError."""

    validate: Callable[[Any], Any]
    json_schema: JsonSchema | None = None
    """The JSON Schema of the value; None for that of the annotated type."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema  # noqa: PLC0415 - imported only to read a config file

        return core_schema.no_info_after_validator_function(self.validate, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(schema) if self.json_schema is None else dict(self.json_schema)


@dataclass(frozen=True, slots=True, eq=False)
class Parse:
    """Converts a value of any type in the file. The function returns the annotated type, or raises ValueError."""

    parse: Callable[[object], Any]
    json_schema: JsonSchema
    """The JSON Schema of the value in the file."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema  # noqa: PLC0415 - as above

        return core_schema.no_info_plain_validator_function(self.parse)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self.json_schema)


@dataclass(frozen=True, slots=True, eq=False)
class ParseText:
    """Converts a text in the file. The function returns the annotated type, or raises ValueError."""

    parse: Callable[[str], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema  # noqa: PLC0415 - as above

        return core_schema.no_info_after_validator_function(self.parse, core_schema.str_schema())


@dataclass(frozen=True, slots=True, eq=False)
class TextPattern:
    """Accepts only texts in which a regular expression finds a match; pydantic writes the error message."""

    pattern: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema  # noqa: PLC0415 - as above

        return core_schema.str_schema(pattern=self.pattern)


@dataclass(frozen=True, slots=True, eq=False)
class Length:
    """Limits the number of items of a list."""

    minimum: int = 0
    maximum: int | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema: dict[str, Any] = dict(handler(source))
        lengths = {"min_length": self.minimum or None, "max_length": self.maximum}
        return schema | {key: value for key, value in lengths.items() if value is not None}


@dataclass(frozen=True, slots=True, eq=False)
class OrText:
    """Accepts a single text instead of a list."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema  # noqa: PLC0415 - as above

        return core_schema.no_info_before_validator_function(_wrap_text, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, {**handler(schema), "items": {"type": "string"}}]}


@dataclass(frozen=True, slots=True, eq=False)
class WrittenAs:
    """Converts a value that the file writes as a mapping with keys of its own."""

    declaration: type
    """The dataclass with the keys of the mapping."""
    convert: Callable[[Any], Any]
    """Return the annotated type. The parameter is an instance of `declaration`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema  # noqa: PLC0415 - as above

        return core_schema.no_info_after_validator_function(self.convert, handler.generate_schema(self.declaration))


@dataclass(frozen=True, slots=True, eq=False)
class Strict:
    """Accepts only a value of the annotated type, such as `true`, and not a value that means the same, such as 1."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return {**handler(source), "strict": True}


@dataclass(frozen=True, slots=True, eq=False)
class OneOf:
    """Accepts only some members of the annotated enum."""

    choices: tuple[Any, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema  # noqa: PLC0415 - as above

        return core_schema.literal_schema(list(self.choices))


@dataclass(frozen=True, slots=True, eq=False)
class Variants:
    """Selects a member of the annotated union by its key `kind`, or by whether the value is a mapping.

    pydantic writes the name of the member into the locations of its errors: `forges[0].(github).url`. The brackets
    distinguish the name from a key.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema  # noqa: PLC0415 - as above

        members = {_get_member_name(each): handler.generate_schema(each) for each in get_args(source)}
        return core_schema.tagged_union_schema(members, _get_kind if "(text)" not in members else _get_shape)


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """Shows how to write a value in `config/default.yaml`, if neither the default nor the type of a key shows it.

    An example of a key replaces that of its type.
    """

    value: Any = None
    """The value as the file writes it; None for a mapping, whose keys have examples of their own."""
    entry: str = ""
    """The comment above a further entry of the list, for keys that exclude keys of the first entry; empty for the first
    entry.
    """

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        json_schema = handler(schema)
        return {**json_schema, EXAMPLES: [*json_schema.get(EXAMPLES, ()), self]}


def _wrap_text(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _get_member_name(member: Any) -> str:
    fields = getattr(member, "__dataclass_fields__", None)
    if fields is None:
        return "(text)"
    return f"({fields['kind'].default})" if "kind" in fields else "(mapping)"


def _get_kind(value: object) -> str | None:
    return f"({value.get('kind')})" if isinstance(value, dict) else None


def _get_shape(value: object) -> str:
    return "(mapping)" if isinstance(value, dict) else "(text)"


def match_pattern(pattern: str, title: str, message: str) -> Check:
    """Return a marker for texts that match a regular expression completely.

    `title` is the type of the value in the documentation, and `message` the error for a text that does not match.
    """

    def validate(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(message)
        return value

    return Check(validate, describe_pattern(title, pattern))


def describe_pattern(title: str, pattern: str) -> JsonSchema:
    """Return the JSON Schema of a text that matches `pattern`; the documentation shows `title` as its type."""
    return {"title": title, "type": "string", "pattern": f"^(?:{pattern})$"}


Flag = Annotated[bool, Strict()]
NonEmptyList = Annotated[tuple[Item, ...], Length(1)]
"""A list with at least one item. An empty list of conditions looks like nothing, but would match everything."""
OneOrMore = Annotated[tuple[Item, ...], Length(1), OrText()]
"""Like `NonEmptyList`, but a single text may be written instead of the list."""
ShortList = Annotated[tuple[Item, ...], Length(maximum=MAX_REPOSITORY_ITEMS)]
"""A list in a repository's own config file, which has a maximum length."""
OneToFew = Annotated[tuple[Item, ...], Length(1, MAX_REPOSITORY_ITEMS), OrText()]
"""Like `OneOrMore`, but with the maximum length of a `ShortList`."""
