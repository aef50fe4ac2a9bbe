"""Entries of lists in a config file, for checks that concern several keys or several entries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bot.model.errors import ConfigProblem

Value = TypeVar("Value")
Problems = Iterator[ConfigProblem]


@dataclass(frozen=True, slots=True)
class Entry(Generic[Value]):
    """A mapping in a list of a config file."""

    where: str
    """The location: `forges[0]`."""
    written: Mapping[str, Any]
    """The mapping in the file, whose values can be invalid."""
    value: Value | None
    """The mapping as a frozen value; None if one of its values is invalid.

    Another problem reports the invalid value.
    """
