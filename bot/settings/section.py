"""What the mappings and lists of the config file have in common."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Item = TypeVar("Item")


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


SomeOf = Annotated[tuple[Item, ...], Field(min_length=1)]
"""A list that is left out rather than empty: an empty one would look like nothing and mean everything."""
OneOrMore = Annotated[
    tuple[Item, ...],
    Field(min_length=1),
    BeforeValidator(_listed, json_schema_input_type=str | SomeOf[str]),
]
"""The same, where one may stand without a list."""


class Section(BaseModel):
    """What every mapping of the file has in common; the docstring below a key is its documentation."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


def variant_by_kind(value: object) -> str | None:
    """Return which of several mappings is meant, by its `kind`; in brackets, so that it is no key of anybody's."""
    return f"({value.get('kind')})" if isinstance(value, dict) else None
