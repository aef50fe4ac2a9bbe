"""Cuts the operations that basebump uses out of the API descriptions of a Gitea and of a Forgejo server.

    python tests/contracts/slice_gitea_openapi.py GITEA.json FORGEJO.json

writes `gitea_openapi.json` beside this file: those operations of both servers with everything they refer to, without
descriptions. A server answers with its description at `/swagger.v1.json`.
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


def cut(document: dict[str, Any]) -> dict[str, Any]:
    """Return the operations of a description, and what they refer to."""
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        method, _, path = operation.partition(" ")
        described = document["paths"].get(path, {}).get(method)
        if described is not None:
            paths.setdefault(path, {})[method] = _without_words(described)
    kept: dict[str, Any] = {"version": document["info"]["version"], "paths": paths, "responses": {}, "definitions": {}}
    pending = [*_references(paths)]
    while pending:
        kind, name = pending.pop()
        if name not in kept[kind]:
            kept[kind][name] = _without_words(document[kind][name])
            pending += _references(kept[kind][name])
    return kept


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
    gitea, forgejo = (json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:])
    servers = {"gitea": cut(gitea), "forgejo": cut(forgejo)}
    target = Path(__file__).with_name("gitea_openapi.json")
    target.write_text(json.dumps(servers, indent=1, sort_keys=True) + "\n", encoding="utf-8")
