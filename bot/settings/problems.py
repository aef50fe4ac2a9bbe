"""Turns pydantic's validation errors into problems with the location in the file and a hint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bot.model.errors import ConfigProblem
from bot.settings.document import Document
from bot.settings.rules import Match, Rule
from bot.settings.schema import VARIANTS, Config, json_schema
from bot.settings.section import Section
from bot.settings.suggest import suggestion

MAX_SHOWN = 60
"""Characters of a text from the file that a message repeats."""
OPERATORS_KEYS = frozenset({*Config.model_fields, *Rule.model_fields, *Match.model_fields})
"""Keys that the documentation lists, but that a repository's own file cannot set."""

EMPTY = "is empty; hint: give it a value, or remove the key"

Location = tuple[int | str, ...]
Shape = dict[str, Any]


def problems_of(document: Document, error: ValidationError, model: type[Section] = Config) -> Iterator[ConfigProblem]:
    """Yield a problem for every error that pydantic found in `document`, which was validated as a `model`."""
    shapes = Shapes(document, json_schema(model))
    for detail in error.errors(include_url=False, include_input=False):
        location = _location(document, detail["loc"])
        if detail["type"] == "too_short" and _value_at(document, location):
            continue  # pydantic counts only valid items, and reports the invalid ones itself
        yield ConfigProblem(written_path(location), _sentence(document, location, detail, shapes))


def written_path(location: Location) -> str:
    """Return a location as a path in the file: `policy[0].match.image`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step[:MAX_SHOWN]}" for step in location)
    return "".join(steps).removeprefix(".")


def _location(document: Document, steps: Location) -> Location:
    """Return pydantic's location as a path in the file.

    Pydantic also names variants of a union, and the list around a single text; neither is in the file.
    """
    location: Location = ()
    for step in steps:
        value = _value_at(document, location)
        if not isinstance(value, dict | list):
            break
        if step not in VARIANTS or step in value:
            location = (*location, step)
    return location


def _value_at(document: Any, location: Location) -> Any:
    """Return the value at a location of the document; None if its last key is missing."""
    for step in location:
        document = document.get(step) if isinstance(document, dict) else document[step]
    return document


def _sentence(document: Document, location: Location, detail: ErrorDetails, shapes: Shapes) -> str:
    value = _value_at(document, location)
    match detail["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return _unknown_key(location, shapes)
        case "value_error":
            return str(detail["ctx"]["error"])
        case "union_tag_invalid" | "union_tag_not_found":
            return _unknown_kind(value, shapes.kinds(location))
        case "enum" | "literal_error":
            return _unknown_choice(value, shapes.at(location))
        case "string_type":
            return f"must be text{_misread(value)}"
        case kind if kind in _WANTED:
            return f"must be {_WANTED[kind]}" if value is not None else EMPTY
        case _:
            return detail["msg"]


_WANTED = {
    "bool_type": "true or false",
    "tuple_type": "a list",
    "model_type": "a mapping of keys",
    "too_short": "a list with at least one item; hint: add one, or remove the key",
}
"""Descriptions of expected values, by pydantic's types of errors."""


def _misread(value: object) -> str:
    """Describe what YAML made of an empty value, or of a word that was meant as text."""
    match value:
        case None:
            return f", and {EMPTY}"
        case str() | list() | dict():
            return ""
        case bool():
            return f", and YAML reads it as {str(value).lower()}; hint: put it in quotes"
        case _:
            return ", and YAML reads it as a number or a date; hint: put it in quotes"


def _unknown_kind(entry: object, known: Sequence[str]) -> str:
    if not isinstance(entry, dict):
        return "must be a mapping of keys"
    if entry.get("kind") is None:
        return f"needs a `kind`: {', '.join(known[:-1])} or {known[-1]}"
    kind = str(entry["kind"])
    return f"the kind {_shown(kind)} is not one of {', '.join(known)}{suggestion(kind, known)}"


def _unknown_key(location: Location, shapes: Shapes) -> str:
    key = str(location[-1])
    if shapes.is_inner and key in OPERATORS_KEYS:
        return "can only be set by the operator; hint: set it in the config of the run"
    known = tuple(_properties(shapes.at(location[:-1])))
    guess = suggestion(key, known)
    return f"is not a key here{guess}" if guess else f"is not a key here; hint: use one of {', '.join(known)}"


def _unknown_choice(value: object, shape: Shape) -> str:
    if "const" in shape:
        return f"must be {shape['const']}, the only version that this release reads"
    known = shape["enum"]
    return f"{_shown(value)} is not one of {', '.join(known)}{suggestion(str(value), known)}"


def _shown(value: object) -> str:
    text = str(value)
    return f"`{text[:MAX_SHOWN]}…`" if len(text) > MAX_SHOWN else f"`{text}`"


@dataclass(frozen=True, slots=True)
class Shapes:
    """The parts of the JSON Schema that describe the locations of one document."""

    document: Document
    schema: Shape

    @property
    def is_inner(self) -> bool:
        """True if the document is a repository's own file."""
        return "policy" in _properties(self.schema) and "forges" not in _properties(self.schema)

    def at(self, location: Location) -> Shape:
        """Return the schema of a location."""
        shape = self.schema
        for depth, step in enumerate(location, start=1):
            shape = shape["items"] if isinstance(step, int) else _properties(shape)[step]
            shape = self._variant(self._resolved(shape), _value_at(self.document, location[:depth]))
        return shape

    def kinds(self, location: Location) -> tuple[str, ...]:
        """Return the kinds of mappings that a location accepts."""
        found = map(self._resolved, self.at(location).get("oneOf", ()))
        return tuple(_properties(each)["kind"]["const"] for each in found)

    def _variant(self, shape: Shape, value: object) -> Shape:
        """Return the schema, of several in `oneOf`, that fits a value: the one of its `kind`, or of a mapping."""
        kind = value.get("kind") if isinstance(value, dict) else None
        for each in map(self._resolved, shape.get("oneOf", ())):
            expected = _properties(each).get("kind")
            if _properties(each) and (expected is None or expected["const"] == kind):
                return each
        return shape

    def _resolved(self, shape: Shape) -> Shape:
        """Follow a `$ref` into the definitions."""
        definition = shape.get("$ref", "").rpartition("/")[2]
        resolved: Shape = self.schema["$defs"][definition] if definition else shape
        return resolved


def _properties(shape: Shape) -> Shape:
    properties: Shape = shape.get("properties", {})
    return properties
