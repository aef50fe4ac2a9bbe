"""GitHub's API description: checks of requests and responses, and complete responses."""

from __future__ import annotations

import copy
import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from openapi_schema_validator import OAS30ReadValidator, OAS30WriteValidator, oas30_format_checker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4
from support.parts import ROOT

_NAME = "urn:github"
_COMPONENTS = "#/components/"
_MANY_SEGMENTS = ("ref", "branch", "basehead", "name")
"""Parameters of a path that may hold slashes."""
_ALWAYS_POSSIBLE = frozenset({"401", "403", "404", "429", "500", "502", "503", "504"})
"""Statuses that every operation may answer, whether its description says so or not."""
_REFUSED = 400
"""From here on an answer whose body is not described has that of a basic error."""

_KNOWN_ERRORS = (
    # The description says an object, but the real server answers null where no account has that address.
    (r"^get .*/commits/\{ref\}$", r"^(author|committer)$"),
    # The same for the source of a pull request whose fork is deleted.
    (r"^(get|post|patch) .*/pulls", r"(^|/)head/(repo|user|label)$"),
    # It says that who installed an App is a user and an enterprise at once.
    (r"^get /app/installations$", r"^\d+/account$"),
)
"""Where the description itself is wrong: operation, and path in the answer."""
_UNDESCRIBED_STATUSES = frozenset({("post /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches", "422")})
"""What the real server answers for a workflow that cannot be started by hand, and for a branch that is not there."""
_UNDOCUMENTED_PARAMETERS = frozenset({("get /repos/{owner}/{repo}/git/matching-refs/{ref}", "per_page")})
"""PyGithub sends it with every list."""


@functools.cache
def _description() -> dict[str, Any]:
    return json.loads((ROOT / "tests" / "contracts" / "github_openapi.json").read_text(encoding="utf-8"))


@functools.cache
def _registry() -> Registry:
    return Registry().with_resource(_NAME, Resource(contents=_description(), specification=DRAFT4))


@functools.cache
def _routes() -> list[tuple[re.Pattern[str], str]]:
    """Return every path as a pattern; the ones with the fewest parameters come first."""
    paths = sorted(_description()["paths"], key=lambda path: (path.count("{"), -len(path)))
    return [(re.compile(_pattern(path)), path) for path in paths]


def _pattern(path: str) -> str:
    parts = re.split(r"\{(\w+)\}", path)
    names = [".+" if part in _MANY_SEGMENTS else "[^/]+" for part in parts[1::2]]
    return "".join(re.escape(text) + name for text, name in zip(parts[::2], [*names, ""], strict=True)) + "$"


def violations(
    method: str, target: str, request: object, status: int, response: object, *, has_body: bool
) -> Iterator[str]:
    """Yield in which way one exchange is not as GitHub describes it.

    `target` is path and query below the root of the API; `request` and `response` are parsed JSON.
    """
    url = urlsplit(target)
    path = next((path for pattern, path in _routes() if pattern.match(url.path)), None)
    operation = _description()["paths"].get(path, {}).get(method.lower()) if path else None
    if operation is None:
        yield f"{method} {url.path}: no such operation in the description"
        return
    name = f"{method.lower()} {path}"
    yield from (f"{name}: {each}" for each in _of_query(name, operation, url.query))
    if has_body:
        yield from (f"{name}: request: {each}" for each in _of_request(name, operation, request))
    yield from (f"{name}: answer {status}: {each}" for each in _of_response(name, operation, status, response))


def _of_query(name: str, operation: Mapping[str, Any], query: str) -> Iterator[str]:
    parameters = [_resolve(each) for each in operation.get("parameters", [])]
    known = {each["name"] for each in parameters if each["in"] == "query"}
    for parameter in parse_qs(query):
        if parameter not in known and (name, parameter) not in _UNDOCUMENTED_PARAMETERS:
            yield f"parameter {parameter} is not described"


def _of_request(name: str, operation: Mapping[str, Any], request: object) -> Iterator[str]:
    if "requestBody" not in operation:
        yield "has a body, and none is described"
        return
    schema = _resolve(operation["requestBody"])["content"]["application/json"]["schema"]
    for error in _errors(OAS30WriteValidator, f"{name} request", schema, request):
        yield f"{_path(error)}: {_shortened(error.message)}"
    known = _resolve(schema).get("properties")
    if known and isinstance(request, dict):
        yield from (f"{key} is not described" for key in request if key not in known)


def _of_response(name: str, operation: Mapping[str, Any], status: int, response: object) -> Iterator[str]:
    described = operation["responses"].get(str(status))
    is_known = str(status) in _ALWAYS_POSSIBLE or (name, str(status)) in _UNDESCRIBED_STATUSES
    if described is None and not is_known:
        yield "a status that is not described"
    schema = _resolve(described or {}).get("content", {}).get("application/json", {}).get("schema")
    if schema is None and status >= _REFUSED:
        schema = {"$ref": f"{_COMPONENTS}schemas/basic-error"}
    if schema is None:
        if response is not None:
            yield "has a body, and none is described"
        return
    for error in _errors(OAS30ReadValidator, f"{name} {status}", schema, response):
        if not _is_known(name, _path(error)):
            yield f"{_path(error)}: {_shortened(error.message)}"


def _is_known(name: str, path: str) -> bool:
    return any(re.search(operation, name) and re.search(place, path) for operation, place in _KNOWN_ERRORS)


def _shortened(message: str) -> str:
    """Return both ends of a message, because the error follows the wrong value."""
    return message if len(message) < 300 else f"{message[:100]} … {message[-200:]}"


def _path(error: Any) -> str:
    return "/".join(map(str, error.absolute_path))


def _errors(kind: type, name: str, schema: Any, document: Any) -> Iterator[Any]:
    """Yield in which way a document differs from its schema.

    A document is not read again if one that differs only in commits, times, ports and counters was without errors: the
    tests exchange tens of thousands of documents, which have a few hundred forms.
    """
    form = f"{name} {_CHANGING.sub(_kind_of_text, json.dumps(document, sort_keys=True))}"
    if form in _faultless:
        return
    errors = list(_validator(kind, name, json.dumps(schema)).iter_errors(document))
    if not errors:
        _faultless.add(form)
    yield from errors


_CHANGING = re.compile(
    r'(?P<commit>[0-9a-f]{40})|(?<=127\.0\.0\.1:)(?P<port>\d+)|(?<=": )(?P<counter>[1-9]\d*)'
    r"|(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"
)
_faultless: set[str] = set()
"""Forms of documents that were without errors."""


def _kind_of_text(found: re.Match[str]) -> str:
    assert found.lastgroup is not None
    return found.lastgroup


@functools.cache
def _validator(kind: type, _key: str, schema: str) -> Any:
    located = json.loads(schema.replace(f'"{_COMPONENTS}', f'"{_NAME}{_COMPONENTS}'))
    return kind(located, registry=_registry(), format_checker=oas30_format_checker)


def _resolve(node: Any) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        kind, name = node["$ref"].removeprefix(_COMPONENTS).split("/")
        node = _description()["components"][kind][name]
    return node


def answer(schema: str, **known: object) -> dict[str, Any]:
    """Return an object of the named schema: the `known` values, and minimal values for the rest.

    The description knows some fifty addresses of every repository that nobody asks for; no test is about those.
    """
    return _filled({"$ref": f"{_COMPONENTS}schemas/{schema}"}, known)


def answer_of(operation: str, **known: object) -> dict[str, Any]:
    """Return one item of the list that an operation answers, where its schema has no name."""
    method, _, path = operation.partition(" ")
    described = _description()["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]
    return _filled(described["items"], known)


def _filled(schema: dict[str, Any], known: dict[str, object]) -> dict[str, Any]:
    properties = _resolve(schema)["properties"]
    assert known.keys() <= properties.keys(), f"{schema} has no {known.keys() - properties.keys()}"
    return copy.deepcopy(_least_of(json.dumps(schema))) | known


@functools.cache
def _least_of(schema: str) -> Any:
    return _least(_resolve(json.loads(schema)) | {"nullable": False})


def _least(schema: Any) -> Any:
    schema = _resolve(schema)
    if schema.get("nullable"):
        return None
    if "enum" in schema:
        return schema["enum"][0]
    for union in ("oneOf", "anyOf", "allOf"):
        if union in schema:
            return _least(schema[union][0])
    match schema.get("type"):
        case "object":
            return {key: _least(schema["properties"][key]) for key in schema.get("required", [])}
        case "array":
            return []
        case "integer" | "number":
            return 0
        case "boolean":
            return False
    return {"uri": "http://127.0.0.1/", "date-time": "2026-01-01T00:00:00Z"}.get(schema.get("format", ""), "")
