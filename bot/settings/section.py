"""The base class of all mappings of the config file, and the types of its lists."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bot.model.cost_limits import MAX_REPOSITORY_ITEMS

Item = TypeVar("Item")


def _wrap_text(value: object) -> object:
    return [value] if isinstance(value, str) else value


NonEmptyList = Annotated[tuple[Item, ...], Field(min_length=1)]
"""A list with at least one item. An empty list of conditions looks like nothing, but would match everything."""
OneOrMore = Annotated[
    tuple[Item, ...],
    Field(min_length=1),
    BeforeValidator(_wrap_text, json_schema_input_type=str | NonEmptyList[str]),
]
"""Like `NonEmptyList`, but a single text may be written instead of the list."""
ShortList = Annotated[tuple[Item, ...], Field(max_length=MAX_REPOSITORY_ITEMS)]
"""A list in a repository's own config file, which has a maximum length."""
OneToFew = Annotated[
    tuple[Item, ...],
    Field(min_length=1, max_length=MAX_REPOSITORY_ITEMS),
    BeforeValidator(_wrap_text, json_schema_input_type=str | ShortList[str]),
]
"""Like `OneOrMore`, but with the maximum length of a `ShortList`."""


class ConfigSection(BaseModel):
    """A mapping of the config file. The docstring below each key is the documentation of the key."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


def get_variant_by_kind(value: object) -> str | None:
    """Return the name of the variant of a pydantic union for a mapping: its `kind` in brackets, such as `(github)`.

    Return None if the value is not a mapping.

    pydantic also writes this name into the locations of its errors: `forges[0].(github).url`. The brackets distinguish
    the name from a key.
    """
    return f"({value.get('kind')})" if isinstance(value, dict) else None
