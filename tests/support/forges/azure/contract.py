"""Microsoft's description of the API of Azure DevOps: the schemas of requests and responses."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from support.forges.server import ApiExchange
from support.parts import ROOT

_REFUSED = 400
_SIGNING_IN = frozenset({203, 302})
"""Statuses of answers to tokens that are not valid, which no operation describes."""
_ERROR_KEYS = frozenset({"$id", "innerException", "message", "typeName", "typeKey", "errorCode", "eventId"})
_UNDESCRIBED = frozenset({"connectiondata"})
"""Paths below `_apis/` that the description leaves out, in lower case."""
_CREATED = frozenset({"pushes", "pullrequests"})
"""What is created with status 201, as the examples show; the description says 200."""
_UNDESCRIBED_KEYS = frozenset({("GitCommitRef", "treeId"), ("GitItem", "size")})
"""Keys that the examples have, and the description has not."""
_UNTYPED = frozenset({("Change", "item"), ("PolicyConfiguration", "settings"), ("JsonPatchOperation", "value")})
"""Values that are objects on the wire, and text in the description; a value of a patch may be anything."""
_UNTYPED_DEFINITIONS = frozenset({"PropertiesCollection", "JsonPatchDocument", "ReferenceLinks", "JObject"})
"""What the description calls an object, and has another form on the wire."""
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": dict,
}


@functools.cache
def _description() -> dict[str, Any]:
    return json.loads((ROOT / "tests" / "contracts" / "azure_openapi.json").read_text(encoding="utf-8"))


@functools.cache
def _operations() -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """Return the operations of each method and path below `_apis/`; a path with a query can have several."""
    described: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for group in ("paths", "x-ms-paths"):
        for path, methods in _description()[group].items():
            below = path.partition("/_apis/")[2].partition("?")[0]
            for method, operation in methods.items():
                described.setdefault((method.upper(), below), []).append(operation)
    return described


@functools.cache
def _routes() -> list[tuple[str, re.Pattern[str], str]]:
    paths = sorted(_operations(), key=lambda each: (each[1].count("{"), -len(each[1])))
    return [(method, re.compile(_pattern(path), re.IGNORECASE), path) for method, path in paths]


def _pattern(path: str) -> str:
    parts = re.split(r"\{\w+\}", path)
    return "[^/]+".join(map(re.escape, parts)) + "$"


def path_below(path: str) -> str:
    """Return the part of the path below `_apis/`."""
    return path.partition("/_apis/")[2]


def operation_of(method: str, path: str) -> str | None:
    """Return the described path, below `_apis/`, that a quoted path is; None if there is none."""
    below = path_below(path)
    return next((described for verb, pattern, described in _routes() if verb == method and pattern.match(below)), None)


def violations(exchange: ApiExchange) -> Iterator[str]:
    """Yield in which way an exchange is not as Microsoft describes it."""
    operation = operation_of(exchange.method, exchange.asked.path)
    if operation is None:
        if path_below(exchange.asked.path).lower() not in _UNDESCRIBED:
            yield f"{exchange.line}: no such operation in the description"
        return
    described = _operations()[exchange.method, operation]
    name = f"{exchange.method} {operation}"
    yield from (f"{name}: {each}" for each in _of_query(described, exchange.asked.query))
    if exchange.request is not None:
        yield from (f"{name}: request: {each}" for each in _of_request(described[0], exchange.request))
    answered = _of_answer(operation, exchange.method, described[0], exchange.status, exchange.response)
    yield from (f"{name}: answer {exchange.status}: {each}" for each in answered)


def _of_query(described: list[Mapping[str, Any]], query: str) -> Iterator[str]:
    parameters = [_resolve(each) for operation in described for each in operation["parameters"]]
    known = {each["name"] for each in parameters if each["in"] == "query"}
    said = parse_qs(query, keep_blank_values=True)
    yield from (f"parameter {each} is not described" for each in said if unquote(each) not in known)
    if "api-version" not in said:
        yield "without an api-version"


def _of_request(operation: Mapping[str, Any], request: object) -> Iterator[str]:
    schemas = [each["schema"] for each in operation["parameters"] if each.get("in") == "body"]
    if not schemas:
        yield "has a body, and none is described"
        return
    yield from _differences(schemas[0], request, is_request=True)


def _of_answer(operation: str, method: str, described: Mapping[str, Any], status: int, answer: object) -> Iterator[str]:
    if status in _SIGNING_IN:
        return
    if status >= _REFUSED:
        if isinstance(answer, dict) and not answer.keys() <= _ERROR_KEYS:
            yield f"{answer.keys() - _ERROR_KEYS} in an error"
        return
    last = operation.rpartition("/")[2].lower()
    if status != (201 if method == "POST" and last in _CREATED else 200):
        yield "a status that is not described"
    if isinstance(answer, bytes) or last == "properties":
        return
    schema = described["responses"]["200"].get("schema")
    if schema is None:
        return
    if schema.get("type") == "array":
        if not isinstance(answer, dict) or answer.keys() != {"count", "value"}:
            yield "a list is answered as {count, value}"
            return
        answer = answer["value"]
    yield from _differences(schema, answer)


def _differences(schema: Mapping[str, Any], value: Any, at: str = "", *, is_request: bool = False) -> Iterator[str]:
    """Yield the positions where a value does not match its schema, and the keys that the schema lacks."""
    name = schema.get("$ref", "").rpartition("/")[2]
    schema = _resolve(schema)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if name in _UNTYPED_DEFINITIONS or value is None or (is_request and is_number and "enum" in schema):
        return  # a request may name one of several words by its number
    kind = schema.get("type", "")
    if "enum" in schema and str(value).lower() not in map(str.lower, schema["enum"]):
        yield f"{at} is {value!r}, which is not one of {schema['enum']}"
    elif kind in _TYPES and not isinstance(value, _TYPES[kind]):
        yield f"{at} is {value!r:.80}, which is no {kind}"
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _differences(schema.get("items", {}), each, f"{at}/{number}", is_request=is_request)
    elif isinstance(value, dict):
        properties = _all_properties(name) if name else schema.get("properties", {})
        yield from _differences_of_object(name, properties, value, at, is_request=is_request)


def _differences_of_object(
    name: str, properties: Mapping[str, Any], value: Mapping[str, Any], at: str, *, is_request: bool
) -> Iterator[str]:
    undescribed = {key for owner, key in _UNDESCRIBED_KEYS | _UNTYPED if owner in _ancestors(name)}
    for key, inner in value.items():
        if key in properties and key not in undescribed:
            yield from _differences(properties[key], inner, f"{at}/{key}", is_request=is_request)
        elif properties and key not in undescribed:
            yield f"{at}/{key} is not described"


@functools.cache
def _ancestors(name: str) -> tuple[str, ...]:
    """Return a definition and all that it extends."""
    if not name:
        return ()
    above = [each["$ref"].rpartition("/")[2] for each in _description()["definitions"][name].get("allOf", [])]
    return (name, *(found for each in above for found in _ancestors(each)))


@functools.cache
def _all_properties(name: str) -> dict[str, Any]:
    definitions = _description()["definitions"]
    return {key: each for owner in _ancestors(name) for key, each in definitions[owner].get("properties", {}).items()}


def _resolve(node: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in node:
        _, group, name = node["$ref"].split("/")
        node = _description()[group][name]
    return node


def examples() -> dict[str, dict[str, Any]]:
    """Return Microsoft's examples of requests and responses, by operation."""
    return _description()["x-examples"]


def differences_of_example(example: Mapping[str, Any], method: str, operation: str) -> Iterator[str]:
    """Yield the differences between an example and the description, as a check of these rules."""
    described = _operations()[method, operation][0]
    if example["request"] is not None:
        yield from _of_request(described, example["request"])
    yield from _of_answer(operation, method, described, example["status"], example["answer"])
