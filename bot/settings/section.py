"""The base class of all mappings of the config file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


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
