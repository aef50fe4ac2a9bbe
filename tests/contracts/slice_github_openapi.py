"""Cuts the operations that basebump and its tests use out of GitHub's whole API description.

    npm pack @octokit/openapi@23.0.2 && tar xzf octokit-openapi-23.0.2.tgz
    python tests/contracts/slice_github_openapi.py package/generated/api.github.com.json

writes `github_openapi.json` beside this file: those operations with everything they refer to, without examples.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

REPOSITORY = "/repos/{owner}/{repo}"
OPERATIONS = (
    "get /app",
    "get /app/installations",
    "post /app/installations/{installation_id}/access_tokens",
    "get /user",
    "get /users/{username}",
    "get /users/{username}/repos",
    "get /orgs/{org}/repos",
    "get /user/repos",
    "get /installation/repositories",
    "get /rate_limit",
    f"get {REPOSITORY}",
    f"get {REPOSITORY}/actions/runs",
    f"post {REPOSITORY}/actions/workflows/{{workflow_id}}/dispatches",
    f"get {REPOSITORY}/actions/permissions/workflow",
    f"get {REPOSITORY}/branches/{{branch}}",
    f"get {REPOSITORY}/branches/{{branch}}/protection/required_status_checks",
    f"get {REPOSITORY}/commits",
    f"get {REPOSITORY}/commits/{{ref}}",
    f"get {REPOSITORY}/commits/{{ref}}/statuses",
    f"get {REPOSITORY}/compare/{{basehead}}",
    f"get {REPOSITORY}/git/blobs/{{file_sha}}",
    f"post {REPOSITORY}/git/blobs",
    f"get {REPOSITORY}/git/commits/{{commit_sha}}",
    f"post {REPOSITORY}/git/commits",
    f"get {REPOSITORY}/git/matching-refs/{{ref}}",
    f"get {REPOSITORY}/git/ref/{{ref}}",
    f"post {REPOSITORY}/git/refs",
    f"patch {REPOSITORY}/git/refs/{{ref}}",
    f"delete {REPOSITORY}/git/refs/{{ref}}",
    f"get {REPOSITORY}/git/trees/{{tree_sha}}",
    f"post {REPOSITORY}/git/trees",
    f"patch {REPOSITORY}/issues/{{issue_number}}",
    f"post {REPOSITORY}/issues/{{issue_number}}/assignees",
    f"get {REPOSITORY}/issues/{{issue_number}}/comments",
    f"post {REPOSITORY}/issues/{{issue_number}}/comments",
    f"post {REPOSITORY}/issues/{{issue_number}}/labels",
    f"delete {REPOSITORY}/issues/{{issue_number}}/labels/{{name}}",
    f"get {REPOSITORY}/issues",
    f"post {REPOSITORY}/issues",
    f"get {REPOSITORY}/issues/{{issue_number}}",
    f"patch {REPOSITORY}/issues/{{issue_number}}",
    f"post {REPOSITORY}/labels",
    f"get {REPOSITORY}/labels/{{name}}",
    f"get {REPOSITORY}/milestones",
    f"get {REPOSITORY}/pulls",
    f"post {REPOSITORY}/pulls",
    f"get {REPOSITORY}/pulls/{{pull_number}}",
    f"patch {REPOSITORY}/pulls/{{pull_number}}",
    f"post {REPOSITORY}/pulls/{{pull_number}}/requested_reviewers",
    f"get {REPOSITORY}/pulls/{{pull_number}}/reviews",
    f"get {REPOSITORY}/rules/branches/{{branch}}",
    f"post {REPOSITORY}/statuses/{{sha}}",
)
_DROPPED = ("example", "examples", "externalDocs", "x-github", "x-octokit")


def cut(whole: dict[str, Any]) -> dict[str, Any]:
    """Return the description with only OPERATIONS in it."""
    part: dict[str, Any] = {key: whole[key] for key in ("openapi", "info", "servers")} | {"paths": {}, "components": {}}
    pending: list[object] = []
    for operation in OPERATIONS:
        method, _, path = operation.partition(" ")
        described = _without_examples(whole["paths"][path][method])
        part["paths"].setdefault(path, {})[method] = described
        pending.append(described)
    while pending:
        for reference in _references(pending.pop()):
            kind, name = reference.removeprefix("#/components/").split("/")
            components = part["components"].setdefault(kind, {})
            if name not in components:
                components[name] = _without_examples(whole["components"][kind][name])
                pending.append(components[name])
    return part


def _without_examples(node: Any) -> Any:
    """Return a copy; a property of a schema may be called `example`, and stays."""
    if isinstance(node, list):
        return [_without_examples(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: {name: _without_examples(schema) for name, schema in value.items()}
        if key == "properties" and isinstance(value, dict)
        else _without_examples(value)
        for key, value in node.items()
        if key not in _DROPPED
    }


def _references(node: object) -> list[str]:
    if isinstance(node, list):
        return [found for each in node for found in _references(each)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [found for each in node.values() for found in _references(each)]


if __name__ == "__main__":
    description = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    text = json.dumps(cut(description), indent=1, sort_keys=True, ensure_ascii=False)
    Path(__file__).with_name("github_openapi.json").write_text(f"{text}\n", encoding="utf-8")
