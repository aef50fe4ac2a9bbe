"""The base class of all mappings of the config file, and the types of its lists."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Item = TypeVar("Item")


def _wrap_text(value: object) -> object:
    return [value] if isinstance(value, str) else value


NonEmptyList = Annotated[tuple[Item, ...], Field(min_length=1)]
"""A list with at least one item: an empty list of conditions would look like nothing and mean everything."""
OneOrMore = Annotated[
    tuple[Item, ...],
    Field(min_length=1),
    BeforeValidator(_wrap_text, json_schema_input_type=str | NonEmptyList[str]),
]
"""Like `NonEmptyList`, and a single text may stand in place of the list."""


class ConfigSection(BaseModel):
    """A mapping of the config file; the docstring below a key is its documentation."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


def get_variant_by_kind(value: object) -> str | None:
    """Return the name of a variant of a union by its `kind`; the brackets tell it from the keys of a mapping."""
    return f"({value.get('kind')})" if isinstance(value, dict) else None
