"""Lists the paths and field names of GitLab's API that basebump and its tests use, out of GitLab's own description.

    python tests/contracts/list_gitlab_names.py doc/api/openapi/openapi_v2.yaml schema.graphql

writes `gitlab_names.json` beside this file. Names are all that is taken: the description's types are wrong throughout,
and its licence is not ours. What the description leaves out (the current user, notes, issues, milestones, events of
labels, what is newer than it) is listed here by hand from the pages below https://docs.gitlab.com/api/. Cancelling a
merge is, too: the description has it answer with a merge request, and GitLab answers with a status.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from graphql import DocumentNode, ObjectTypeDefinitionNode, parse

PREFIX = "/api/v4"
PROJECT = "/projects/{id}"
REQUEST = f"{PROJECT}/merge_requests/{{merge_request_iid}}"
EVENTS = f"{PROJECT}/merge_requests/{{eventable_id}}"
OPERATIONS = (
    "get /groups/{id}/projects",
    "get /users/{user_id}/projects",
    "get /personal_access_tokens/self",
    f"get {PROJECT}",
    f"get {PROJECT}/members/all/{{user_id}}",
    f"get {PROJECT}/protected_branches",
    f"get {PROJECT}/repository/tree",
    f"get {PROJECT}/repository/blobs/{{sha}}/raw",
    f"head {PROJECT}/repository/files/{{file_path}}",
    f"get {PROJECT}/repository/commits",
    f"post {PROJECT}/repository/commits",
    f"get {PROJECT}/repository/commits/{{sha}}/diff",
    f"get {PROJECT}/repository/commits/{{sha}}/statuses",
    f"post {PROJECT}/statuses/{{sha}}",
    f"get {PROJECT}/repository/compare",
    f"get {PROJECT}/repository/merge_base",
    f"get {PROJECT}/repository/branches",
    f"get {PROJECT}/repository/branches/{{branch}}",
    f"delete {PROJECT}/repository/branches/{{branch}}",
    "get /merge_requests",
    f"get {PROJECT}/merge_requests",
    f"post {PROJECT}/merge_requests",
    f"get {REQUEST}",
    f"put {REQUEST}",
    f"get {REQUEST}/approvals",
    f"get {REQUEST}/approval_state",
    "get /users",
    f"put {REQUEST}/merge",
    f"get {EVENTS}/resource_milestone_events",
)
BY_HAND = {
    "get /user": {
        "parameters": [],
        "answer": [
            *("id", "username", "name", "state", "locked", "avatar_url", "web_url", "created_at", "bio", "location"),
            *("public_email", "bot", "email", "commit_email", "can_create_group", "can_create_project", "external"),
        ],
    },
    f"get {REQUEST}/notes": {
        "parameters": ["order_by", "sort", "activity_filter", "page", "per_page"],
        "answer": [
            *("id", "body", "author", "created_at", "updated_at", "system", "noteable_id", "noteable_type"),
            *("project_id", "noteable_iid", "resolvable", "confidential", "internal", "imported", "imported_from"),
        ],
    },
}
ISSUE = {
    "parameters": ["title", "description", "labels", "state_event"],
    "answer": [
        *("id", "iid", "project_id", "title", "description", "state", "created_at", "updated_at", "closed_at"),
        *("closed_by", "labels", "milestone", "author", "assignees", "assignee", "web_url", "issue_type", "type"),
        *("confidential", "user_notes_count", "references"),
    ],
}
BY_HAND[f"get {PROJECT}/issues"] = ISSUE | {"parameters": ["labels", "state", "scope", "author_username", "page"]}
BY_HAND["get /issues"] = BY_HAND[f"get {PROJECT}/issues"]
BY_HAND[f"post {PROJECT}/issues"] = BY_HAND[f"put {PROJECT}/issues/{{issue_iid}}"] = ISSUE
BY_HAND[f"get {PROJECT}/milestones"] = {
    "parameters": ["iids", "state", "title", "search", "include_ancestors", "updated_before", "updated_after"],
    "answer": [
        *("id", "iid", "project_id", "group_id", "title", "description", "due_date", "start_date", "state"),
        *("created_at", "updated_at", "expired", "web_url"),
    ],
}
BY_HAND[f"get {EVENTS}/resource_label_events"] = {
    "parameters": ["page", "per_page"],
    "answer": ["id", "user", "created_at", "resource_type", "resource_id", "label", "action"],
}
BY_HAND[f"post {REQUEST}/cancel_merge_when_pipeline_succeeds"] = {
    "parameters": [],
    "answer": ["status", "message", "http_status"],
}
NEWER = {f"put {REQUEST}/merge": ["auto_merge"]}
"""Parameters that came after the description."""
BY_HAND[f"post {REQUEST}/notes"] = BY_HAND[f"get {REQUEST}/notes"] | {
    "parameters": ["body", "confidential", "internal", "created_at", "merge_request_diff_head_sha"]
}

FIELDS = {
    "Query": ("group", "namespace", "project", "projects", "queryComplexity"),
    "Group": ("projects",),
    "Namespace": ("projects",),
    "ProjectConnection": ("nodes", "pageInfo"),
    "PageInfo": ("endCursor", "hasNextPage"),
    "Project": ("archived", "fullPath", "id", "mergeRequests", "repository", "topics", "visibility"),
    "MergeRequestConnection": ("nodes",),
    "MergeRequest": ("diffHeadSha", "headPipeline"),
    "Pipeline": ("mergeRequestEventType", "status"),
    "Repository": ("blobs", "empty", "rootRef", "tree"),
    "Tree": ("lastCommit",),
    "Commit": ("sha",),
    "RepositoryBlobConnection": ("nodes",),
    "RepositoryBlob": ("rawTextBlob",),
    "QueryComplexity": ("limit", "score"),
}
"""Of GraphQL, by their types."""
FIELDS_BY_HAND = {"Project": {"isForked": []}}
"""Newer than the schema that is read: https://docs.gitlab.com/api/graphql/reference/#project."""
ARGUMENTS_BY_HAND = {("Query", "projects"): ["fullPaths"]}
"""Newer as well: https://docs.gitlab.com/api/graphql/reference/#queryprojects."""


def names_of(whole: dict[str, Any]) -> dict[str, Any]:
    """Return for each operation the names of its parameters, in query and body alike, and of its answer's fields."""
    found = dict(BY_HAND)
    for operation in OPERATIONS:
        method, _, path = operation.partition(" ")
        described = whole["paths"][PREFIX + path][method]
        asked = described.get("parameters", [])
        body = [each["schema"] for each in asked if each["in"] == "body"]
        answers = [answer["schema"] for answer in described["responses"].values() if "schema" in answer]
        parameters = [each["name"] for each in asked if each["in"] == "query"]
        found[operation] = {
            "parameters": [
                *parameters,
                *(name for schema in body for name in _properties(whole, schema)),
                *NEWER.get(operation, ()),
            ],
            "answer": list(_properties(whole, answers[0])) if answers else [],
        }
        for schema in body:
            actions = _properties(whole, schema).get("actions")
            if actions:
                found[operation]["actions"] = list(_properties(whole, actions))
    # Whoever has a token gets the same as of a group: https://docs.gitlab.com/api/projects/#list-a-users-projects.
    found["get /users/{user_id}/projects"]["answer"] = found["get /groups/{id}/projects"]["answer"]
    return found


def _properties(whole: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an object, or of the objects in a list."""
    if "$ref" in schema:
        return _properties(whole, whole["definitions"][schema["$ref"].rpartition("/")[2]])
    if schema.get("type") == "array":
        return _properties(whole, schema["items"])
    return schema.get("properties", {})


def graphql_names_of(schema: DocumentNode) -> dict[str, dict[str, list[str]]]:
    """Return for each type the names of its fields, and of their arguments."""
    types = {each.name.value: each for each in schema.definitions if isinstance(each, ObjectTypeDefinitionNode)}
    return {
        name: {
            each.name.value: sorted(
                [argument.name.value for argument in each.arguments or ()]
                + ARGUMENTS_BY_HAND.get((name, each.name.value), [])
            )
            for each in types[name].fields
            if each.name.value in kept
        }
        | FIELDS_BY_HAND.get(name, {})
        for name, kept in FIELDS.items()
    }


if __name__ == "__main__":
    description = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))
    names = names_of(description) | {"graphql": graphql_names_of(parse(Path(sys.argv[2]).read_text(encoding="utf-8")))}
    text = json.dumps(names, indent=1, sort_keys=True)
    Path(__file__).with_name("gitlab_names.json").write_text(f"{text}\n", encoding="utf-8")
