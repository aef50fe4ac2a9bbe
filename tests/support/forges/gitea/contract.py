"""API descriptions of Gitea and Forgejo: checks of requests and responses, and complete responses."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

from support.forges.server import ApiExchange
from support.parts import ROOT

_MANY_SEGMENTS = frozenset({"ref", "branch"})
"""Parameters of a path that may hold slashes."""
_ALWAYS_POSSIBLE = frozenset({307, 400, 401, 403, 404, 405, 409, 413, 422, 423, 429, 500, 502, 503, 504})
"""Statuses of refusals and of a redirect, most of which the descriptions leave out."""
_REFUSED = 400
_CREATED = 201
"""What the servers answer if a pull request is merged later; the descriptions name only 200."""
_KINDS = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
_LEAST = {"string": "", "integer": 0, "boolean": False}
"""What the server answers for a value that is not set; for lists and objects null."""


@functools.cache
def _description(server: str) -> dict[str, Any]:
    return json.loads((ROOT / "tests" / "contracts" / "gitea_openapi.json").read_text(encoding="utf-8"))[server]


@functools.cache
def _routes(server: str) -> list[tuple[re.Pattern[str], str]]:
    """Return every path as a pattern; the ones with the fewest parameters come first."""
    paths = sorted(_description(server)["paths"], key=lambda path: (path.count("{"), -len(path)))
    return [(re.compile(_pattern(path)), path) for path in paths]


def _pattern(path: str) -> str:
    parts = re.split(r"\{(\w+)\}", path)
    names = [f"(?P<{part}>{'.+' if part in _MANY_SEGMENTS else '[^/]+'})" for part in parts[1::2]]
    return "".join(re.escape(text) + name for text, name in zip(parts[::2], [*names, ""], strict=True)) + "$"


def find_operation(server: str, method: str, path: str) -> tuple[str, dict[str, str]] | None:
    """Return the operation that a request with this quoted path is, and the parts of the path; None without one."""
    for pattern, described in _routes(server):
        found = pattern.match(path)
        if found and method.lower() in _description(server)["paths"][described]:
            return f"{method.lower()} {described}", found.groupdict()
    return None


def violations(server: str, exchange: ApiExchange) -> Iterator[str]:
    """Yield in which way one exchange is not as the server describes it."""
    found = find_operation(server, exchange.method, exchange.asked.path)
    if found is None:
        yield f"{exchange.line}: no such operation in the description"
        return
    method, _, path = found[0].partition(" ")
    operation = _description(server)["paths"][path][method]
    parameters = operation.get("parameters", [])
    known = {each["name"] for each in parameters if each["in"] == "query"}
    yield from (f"{found[0]}: asks with {each}" for each in parse_qs(exchange.asked.query) if each not in known)
    body = next((each["schema"] for each in parameters if each["in"] == "body"), None)
    if body is None and exchange.request is not None:
        yield f"{found[0]}: has a body, and none is described"
    elif body is not None and exchange.request is not None:
        yield from (f"{found[0]}: request: {each}" for each in _check(server, body, exchange.request, "", is_sent=True))
    yield from (f"{found[0]}: answer {exchange.status}: {each}" for each in _of_answer(server, operation, exchange))


def _of_answer(server: str, operation: Mapping[str, Any], exchange: ApiExchange) -> Iterator[str]:
    described = operation["responses"].get(str(exchange.status))
    if described is None:
        is_scheduled = exchange.status == _CREATED and exchange.asked.path.endswith("/merge")
        if exchange.status not in _ALWAYS_POSSIBLE and not is_scheduled:
            yield "a status that is not described"
        return
    if exchange.status >= _REFUSED:
        return
    schema = _resolve(server, described).get("schema")
    if schema is None and exchange.response is not None:
        yield "has a body, and none is described"
    elif schema is not None:
        is_single = "/git/refs/" in exchange.asked.path and isinstance(exchange.response, dict)
        response = [exchange.response] if is_single else exchange.response  # which the descriptions leave out
        yield from _check(server, schema, response, "", is_sent=False)


def _check(server: str, schema: Mapping[str, Any], value: Any, place: str, *, is_sent: bool) -> Iterator[str]:
    """Yield the differences between a value and its schema. Servers answer null for unset values."""
    schema = _resolve(server, schema)
    if value is None and not is_sent:
        return
    kind = _KINDS.get(schema.get("type", ""))
    if kind is not None and not (isinstance(value, kind) and (kind is bool or not isinstance(value, bool))):
        yield f"{place}: {value!r} is no {schema['type']}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: {value!r} is none of {schema['enum']}"
    if isinstance(value, list) and "items" in schema:
        for index, each in enumerate(value):
            yield from _check(server, schema["items"], each, f"{place}/{index}", is_sent=is_sent)
    properties = schema.get("properties")
    if isinstance(value, dict) and properties:
        yield from (f"{place}: {key} is not described" for key in value.keys() - properties.keys())
        missing = {*schema.get("required", ())} - value.keys() if is_sent else set()
        yield from (f"{place}: {key} is missing" for key in missing)
        for key in value.keys() & properties.keys():
            yield from _check(server, properties[key], value[key], f"{place}/{key}", is_sent=is_sent)


def _resolve(server: str, node: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in node:
        _, kind, name = node["$ref"].split("/")
        node = _description(server)[kind][name]
    return node


def answer(server: str, definition: str, **known: object) -> dict[str, Any]:
    """Return an object with all keys of a definition: the `known` values, and minimal values for the rest."""
    properties = _description(server)["definitions"][definition]["properties"]
    assert known.keys() <= properties.keys(), f"{definition} has no {known.keys() - properties.keys()}"
    return {name: known.get(name, _LEAST.get(each.get("type", ""))) for name, each in properties.items()}
