"""Convert pydantic's validation errors to problems: the location in the file, and a message with a hint."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bot.core.markdown import make_one_line
from bot.model.errors import ConfigProblem
from bot.settings.documents import ConfigFile
from bot.settings.reading.validation import build_json_schema, validate
from bot.settings.reading.yaml_file import Document
from bot.settings.sections.policy import MatchSection, declare_rule
from bot.settings.suggest import find_similar_key, suggest_key

MAX_QUOTED = 60
"""The maximum number of characters that a message quotes from the file."""
OPERATOR_KEYS = frozenset(
    each.name for declared in (ConfigFile, declare_rule(), MatchSection) for each in fields(declared)
)
"""Keys that the documentation lists, but that a repository's own file cannot set."""

MAX_PLACES = 2
"""The maximum number of locations that a hint names for a key at a wrong location."""

EMPTY = "is empty; hint: give it a value, or remove the key"

Location = tuple[int | str, ...]
JsonSchema = dict[str, Any]


def convert_errors(
    document: Document, error: ValidationError, declaration: type = ConfigFile
) -> Iterator[ConfigProblem]:
    """Yield a problem for every error that pydantic found when it validated `document` with a declaration."""
    document_schema = DocumentSchema(document, build_json_schema(declaration))
    yield from (problem for _, problem in _list_problems(document, error, declaration))
    yield from _find_hidden_errors(document, error, declaration, document_schema)


def _find_hidden_errors(
    document: Document, error: ValidationError, declaration: type, document_schema: DocumentSchema
) -> Iterator[ConfigProblem]:
    """Yield the errors of the other keys of mappings whose `kind` is mistyped.

    Pydantic does not validate such a mapping, because the `kind` selects its keys. The mapping is therefore validated
    again with the most similar `kind`. If no kind is similar, nothing is yielded.
    """
    corrected = deepcopy(document)
    locations: list[Location] = []
    for detail in error.errors(include_url=False, include_input=False):
        location = _find_location(document, detail["loc"])
        entry = _get_value(corrected, location)
        if detail["type"] == "union_tag_invalid" and isinstance(entry, dict):
            kind = find_similar_key(str(entry.get("kind", "")), document_schema.list_kinds(location))
            if kind is not None:
                entry["kind"] = kind
                locations.append(location)
    if not locations:
        return
    try:
        validate(declaration, corrected)
    except ValidationError as other_error:
        for problem_location, problem in _list_problems(corrected, other_error, declaration):
            if any(problem_location[: len(each)] == each for each in locations):
                yield problem


def _list_problems(
    document: Document, error: ValidationError, declaration: type
) -> Iterator[tuple[Location, ConfigProblem]]:
    document_schema = DocumentSchema(document, build_json_schema(declaration))
    for detail in error.errors(include_url=False, include_input=False):
        location = _find_location(document, detail["loc"])
        if detail["type"] == "too_short" and _get_value(document, location):
            continue  # pydantic counts only valid items, and reports invalid items itself
        message = _describe_error(document, location, detail, document_schema)
        yield location, ConfigProblem(format_location(location), message)


def list_locations(document: Document, error: ValidationError) -> list[Location]:
    """Return the location in the file of every error that pydantic found."""
    return [_find_location(document, each["loc"]) for each in error.errors(include_url=False, include_input=False)]


def format_location(location: Location) -> str:
    """Return a location as a path in the file: `policy[0].match.image`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{make_one_line(step, MAX_QUOTED)}" for step in location)
    return "".join(steps).removeprefix(".")


def _find_location(document: Document, steps: Location) -> Location:
    """Convert a location in pydantic's error to a location in the file.

    Pydantic adds steps that are not in the file, and that are left out here: the chosen variant of a union, as in
    `forges[0].(github).url`, and the index 0 of a list that is written as a single string.
    """
    location: Location = ()
    for step in steps:
        value = _get_value(document, location)
        if not isinstance(value, dict | list):
            break
        if isinstance(step, int) or not step.startswith("(") or step in value:
            location = (*location, step)
    return location


def _get_value(document: Any, location: Location) -> Any:
    """Return the value at a location of the document. Return None if the last key of the location is missing.

    All other parts of the location must exist.
    """
    for step in location:
        document = document.get(step) if isinstance(document, dict) else document[step]
    return document


def _describe_error(
    document: Document, location: Location, detail: ErrorDetails, document_schema: DocumentSchema
) -> str:
    value = _get_value(document, location)
    match detail["type"]:
        case "missing":
            return "is required"
        case "unexpected_keyword_argument":
            return _describe_unknown_key(location, document_schema)
        case "value_error":
            return str(detail["ctx"]["error"])
        case "union_tag_invalid" | "union_tag_not_found":
            return _describe_unknown_kind(value, document_schema.list_kinds(location))
        case "enum" | "literal_error":
            return _describe_unknown_choice(location, value, document_schema.get_schema(location))
        case "string_type":
            return f"must be text{_describe_misreading(value)}"
        case "too_long":
            return describe_excess(len(value), detail["ctx"]["max_length"])
        case kind if kind in _EXPECTED:
            return f"must be {_EXPECTED[kind]}" if value is not None else EMPTY
        case _:
            return detail["msg"]


_EXPECTED = {
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dataclass_type": "a mapping of keys",
    "too_short": "a list with at least one item; hint: add one, or remove the key",
}
"""Descriptions of expected values, by pydantic's types of errors."""


def describe_excess(count: int, maximum: int) -> str:
    """Return the message for a list that has more items than a repository's own config file may have."""
    return (
        f"has {count} items, but at most {maximum} are allowed in a repository's own file; hint: combine items with "
        "globs, or set them in the config of the run"
    )


def _describe_misreading(value: object) -> str:
    """Return the end of an error message if YAML reads the value as something else than a string.

    For the value `no`, it is `, and YAML reads it as false; hint: put the value in quotes`. Return an empty string if
    the value is a string, a list or a mapping.
    """
    match value:
        case None:
            return f", and {EMPTY}"
        case str() | list() | dict():
            return ""
        case bool():
            return f", and YAML reads it as {str(value).lower()}; hint: put the value in quotes"
        case _:
            return ", and YAML reads it as a number or a date; hint: put the value in quotes"


def _describe_unknown_kind(entry: object, kinds: Sequence[str]) -> str:
    if not isinstance(entry, dict):
        return "must be a mapping of keys"
    if entry.get("kind") is None:
        return f"needs a `kind`: {', '.join(kinds[:-1])} or {kinds[-1]}"
    kind = str(entry["kind"])
    return f"the kind {_quote_text(kind)} is not one of {', '.join(kinds)}{suggest_key(kind, kinds)}"


def _describe_unknown_key(location: Location, document_schema: DocumentSchema) -> str:
    key = str(location[-1])
    if document_schema.is_repository_file and key in OPERATOR_KEYS:
        return "can only be set by the operator; hint: set it in the config of the run"
    keys = tuple(_get_properties(document_schema.get_schema(location[:-1])))
    matched = _find_match_key(key, document_schema, location) if "match" in keys else None
    if matched is not None:
        return f"is not a key here; hint: write `match: {{{matched}: …}}`"
    places = document_schema.list_places(key)
    is_of_other_kind = tuple(step for step in location[:-1] if isinstance(step, str)) in places
    if places and not is_of_other_kind:
        nearest = sorted(places, key=lambda each: -_count_shared_steps(each, location))[:MAX_PLACES]
        return f"is not a key here; hint: `{key}` belongs {' or '.join(map(_describe_place, nearest))}"
    hint = suggest_key(key, keys)
    return f"is not a key here{hint}" if hint else f"is not a key here; hint: use one of {', '.join(keys)}"


def _find_match_key(key: str, document_schema: DocumentSchema, location: Location) -> str | None:
    """Return the key of a rule's `match` that `key` names in the singular or plural; None if there is none."""
    known = _get_properties(document_schema.get_schema((*location[:-1], "match")))
    return next((name for name in (key, key.removesuffix("s"), f"{key.removesuffix('ies')}y") if name in known), None)


def _count_shared_steps(place: tuple[str, ...], location: Location) -> int:
    """Return the number of steps from the top of the file that two locations share."""
    names = [step for step in location if isinstance(step, str)]
    return next(
        (index for index, (one, other) in enumerate(zip(place, names, strict=False)) if one != other), len(place)
    )


def _describe_place(place: tuple[str, ...]) -> str:
    return f"under `{'.'.join(place)}`" if place else "at the top level"


def _describe_unknown_choice(location: Location, value: object, schema: JsonSchema) -> str:
    if "const" in schema:
        return f"must be {schema['const']}, the only version that this release reads"
    choices = schema["enum"]
    hint = _HINTS_BY_CHOICE.get((location[-1], str(value))) or suggest_key(str(value), choices)
    return f"{_quote_text(value)} is not one of {', '.join(choices)}{hint}"


_HINTS_BY_CHOICE: Mapping[tuple[int | str, str], str] = {
    ("update", "none"): "; hint: write `ignore: true` to leave the images unchanged"
}
"""Hints for values that no key has, but that readers may expect, by the key and the value."""


def _quote_text(value: object) -> str:
    return f"`{make_one_line(str(value), MAX_QUOTED)}`"


@dataclass(frozen=True, slots=True)
class DocumentSchema:
    """Finds the JSON Schema of a location in a document, such as the schema of `policy[0].match`."""

    document: Document
    schema: JsonSchema

    @property
    def is_repository_file(self) -> bool:
        """True if the document is a repository's own config file, not the operator's."""
        return "policy" in _get_properties(self.schema) and "forges" not in _get_properties(self.schema)

    def get_schema(self, location: Location) -> JsonSchema:
        """Return the schema of a location.

        If the schema depends on the key `kind`, as in `forges`, return the schema for the `kind` in the document.
        """
        schema = self.schema
        for depth, step in enumerate(location, start=1):
            schema = schema["items"] if isinstance(step, int) else _get_properties(schema)[step]
            schema = self._choose_variant(self._resolve_reference(schema), _get_value(self.document, location[:depth]))
        return schema

    def list_places(self, key: str) -> tuple[tuple[str, ...], ...]:
        """Return the places in the schema that have the key, each as the keys above it; empty if there is no place."""
        return _list_all_places(json.dumps(self.schema)).get(key, ())

    def list_kinds(self, location: Location) -> tuple[str, ...]:
        """Return the valid values of the key `kind` at a location; empty if its mappings have no key `kind`."""
        variants = map(self._resolve_reference, self.get_schema(location).get("oneOf", ()))
        return tuple(_get_properties(each)["kind"]["const"] for each in variants)

    def _choose_variant(self, schema: JsonSchema, value: object) -> JsonSchema:
        """Return the first alternative under `oneOf` that describes a mapping like `value`.

        The alternative must have the same `kind` as the value, or no key `kind` at all. Return `schema` itself if it
        has no `oneOf`, or if no alternative fits.
        """
        kind = value.get("kind") if isinstance(value, dict) else None
        for each in map(self._resolve_reference, schema.get("oneOf", ())):
            kind_schema = _get_properties(each).get("kind")
            if _get_properties(each) and (kind_schema is None or kind_schema["const"] == kind):
                return each
        return schema

    def _resolve_reference(self, schema: JsonSchema) -> JsonSchema:
        """Return the definition that the schema's `$ref` names. Return a schema without `$ref` unchanged."""
        definition = schema.get("$ref", "").rpartition("/")[2]
        resolved: JsonSchema = self.schema["$defs"][definition] if definition else schema
        return resolved


@cache
def _list_all_places(schema_text: str) -> Mapping[str, tuple[tuple[str, ...], ...]]:
    """Return the places of each key of a schema, which is given as JSON, because its objects cannot be compared."""
    schema = json.loads(schema_text)
    places: dict[str, dict[tuple[str, ...], None]] = {}

    def visit(part: JsonSchema, place: tuple[str, ...]) -> None:
        definition = part.get("$ref", "").rpartition("/")[2]
        part = schema["$defs"][definition] if definition else part
        for each in (*part.get("oneOf", ()), *part.get("anyOf", ()), *([part["items"]] if "items" in part else ())):
            visit(each, place)
        for key, value in _get_properties(part).items():
            places.setdefault(key, {})[place] = None
            visit(value, (*place, key))

    visit(schema, ())
    return {key: tuple(each) for key, each in places.items()}


def _get_properties(schema: JsonSchema) -> JsonSchema:
    properties: JsonSchema = schema.get("properties", {})
    return properties
