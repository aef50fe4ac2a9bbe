"""Cuts the operations that basebump uses out of the API descriptions of Gitea and Forgejo.

    python tests/contracts/slice_gitea_openapi.py SLICE.json

writes `gitea_openapi.json` beside this file: those operations of both servers with everything they refer to, without
descriptions. SLICE.json is Gitea's description, in which `x-forgejo-16` has the operations and definitions that differ
in Forgejo. The names of the few operations that it lacks are listed here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

REPOSITORY = "/repos/{owner}/{repo}"
OPERATIONS = (
    "get /version",
    "get /user",
    "get /settings/api",
    "get /orgs/{org}/repos",
    "get /orgs/{org}/labels",
    "get /users/{username}/repos",
    f"get {REPOSITORY}",
    f"get {REPOSITORY}/branches/{{branch}}",
    f"get {REPOSITORY}/branch_protections",
    f"get {REPOSITORY}/commits",
    f"get {REPOSITORY}/file-contents",
    f"get {REPOSITORY}/git/blobs",
    f"get {REPOSITORY}/git/blobs/{{sha}}",
    f"get {REPOSITORY}/git/commits/{{sha}}",
    f"get {REPOSITORY}/git/refs/{{ref}}",
    f"get {REPOSITORY}/git/trees/{{sha}}",
    f"get {REPOSITORY}/issues",
    f"post {REPOSITORY}/issues",
    f"get {REPOSITORY}/issues/{{index}}",
    f"patch {REPOSITORY}/issues/{{index}}",
    f"get {REPOSITORY}/issues/{{index}}/comments",
    f"post {REPOSITORY}/issues/{{index}}/comments",
    f"post {REPOSITORY}/issues/{{index}}/labels",
    f"delete {REPOSITORY}/issues/{{index}}/labels/{{id}}",
    f"delete {REPOSITORY}/issues/{{index}}/labels/{{identifier}}",
    f"get {REPOSITORY}/issues/{{index}}/timeline",
    f"get {REPOSITORY}/labels",
    f"post {REPOSITORY}/labels",
    f"get {REPOSITORY}/milestones",
    f"get {REPOSITORY}/pulls",
    f"post {REPOSITORY}/pulls",
    f"get {REPOSITORY}/pulls/{{index}}",
    f"patch {REPOSITORY}/pulls/{{index}}",
    f"post {REPOSITORY}/pulls/{{index}}/merge",
    f"delete {REPOSITORY}/pulls/{{index}}/merge",
    f"post {REPOSITORY}/pulls/{{index}}/requested_reviewers",
    f"get {REPOSITORY}/pulls/{{index}}/reviews",
    f"get {REPOSITORY}/statuses/{{sha}}",
    f"post {REPOSITORY}/statuses/{{sha}}",
)
_WORDS = frozenset({"description", "summary", "tags", "operationId", "consumes", "produces", "title", "example"})


def _text(*names: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}}


def _query(*names: str) -> list[dict[str, str]]:
    return [{"in": "query", "name": name, "type": "string"} for name in names]


_REFERENCES = {"type": "array", "items": {"$ref": "#/definitions/Reference"}}
_LABEL = _text("name", "color", "description") | {"required": ["name", "color"]}
NAMES: dict[str, Any] = {
    f"get {REPOSITORY}/git/refs/{{ref}}": {"responses": {"200": {"schema": _REFERENCES}}},
    f"post {REPOSITORY}/labels": {
        "parameters": [{"in": "body", "name": "body", "schema": {"$ref": "#/definitions/CreateLabelOption"}}],
        "responses": {"201": {"schema": {"$ref": "#/definitions/Label"}}},
    },
}
OF_GITEA: dict[str, Any] = {
    f"get {REPOSITORY}/file-contents": {
        "parameters": _query("ref", "body"),
        "responses": {"200": {"$ref": "#/responses/ContentsListResponse"}},
    }
}
DEFINITIONS: dict[str, Any] = {
    "GitObject": _text("sha", "type", "url"),
    "Reference": {
        "type": "object",
        "properties": {"ref": {"type": "string"}, "object": {"$ref": "#/definitions/GitObject"}},
    },
    "CreateLabelOption": _LABEL,
}
"""Operations that the slice lacks: their parameters and the names in their bodies."""


def cut(document: dict[str, Any]) -> dict[str, Any]:
    """Return the operations of a description, and what they refer to."""
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        method, _, path = operation.partition(" ")
        described = document["paths"].get(path, {}).get(method)
        if described is not None:
            paths.setdefault(path, {})[method] = _without_words(described)
    kept: dict[str, Any] = {"paths": paths, "responses": {}, "definitions": {}}
    pending = [*_references(paths)]
    while pending:
        kind, name = pending.pop()
        if name not in kept[kind]:
            kept[kind][name] = _without_words(document[kind].get(name, {}))
            pending += _references(kept[kind][name])
    return kept


def _add(document: dict[str, Any], operations: dict[str, Any]) -> dict[str, Any]:
    """Return a description with more operations, whose names are listed above."""
    paths = {path: dict(methods) for path, methods in document["paths"].items()}
    for operation, described in operations.items():
        method, _, path = operation.partition(" ")
        paths.setdefault(path, {})[method] = described
    return {**document, "paths": paths, "definitions": {**document["definitions"], **DEFINITIONS}}


def _read_forgejo(document: dict[str, Any]) -> dict[str, Any]:
    """Return Forgejo's description: Gitea's with what differs."""
    differing = document["x-forgejo-16"]
    paths = {path: dict(methods) for path, methods in document["paths"].items()}
    del paths[f"{REPOSITORY}/issues/{{index}}/labels/{{id}}"]
    for path, methods in differing["paths"].items():
        paths[path] = {**paths.get(path, {}), **methods}
    definitions = {**document["definitions"], **differing["definitions"]}
    pull = definitions["PullRequest"]
    definitions["PullRequest"] = {**pull, "properties": {**pull["properties"], "flow": {"type": "integer"}}}
    blobs = {"schema": {"type": "array", "items": {"$ref": "#/definitions/GitBlob"}}}
    responses = {**document["responses"], "GitBlobList": blobs}
    return {**document, "paths": paths, "definitions": definitions, "responses": responses}


def _references(node: Any) -> list[tuple[str, str]]:
    if isinstance(node, list):
        return [each for item in node for each in _references(item)]
    if not isinstance(node, dict):
        return []
    found = [each for item in node.values() for each in _references(item)]
    if isinstance(node.get("$ref"), str):
        _, kind, name = node["$ref"].split("/")
        found.append((kind, name))
    return found


def _without_words(node: Any, *, is_schema: bool = True) -> Any:
    """Leave descriptions out; the properties of a definition may be called like them, and stay."""
    if isinstance(node, list):
        return [_without_words(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_words(each, is_schema=key != "properties")
        for key, each in sorted(node.items())
        if not is_schema or (key not in _WORDS and not key.startswith("x-"))
    }


if __name__ == "__main__":
    gitea = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    servers = {"gitea": cut(_add(gitea, NAMES | OF_GITEA)), "forgejo": cut(_add(_read_forgejo(gitea), NAMES))}
    target = Path(__file__).with_name("gitea_openapi.json")
    target.write_text(json.dumps(servers, indent=1, sort_keys=True) + "\n", encoding="utf-8")
