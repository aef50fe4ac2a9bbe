"""GitLab's GraphQL as far as basebump asks it: executed over a schema of our own with GitLab's names in it.

A name that GitLab does not know fails the test, as does what nothing here resolves.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from graphql import GraphQLObjectType, GraphQLSchema, build_schema, execute_sync, parse, validate
from support.forges.gitlab.calls import GitLabCall
from support.forges.gitlab.contract import graphql_names
from support.forges.gitlab.state import GitLabProject
from support.forges.server import ForgeReply

PATH = "/api/graphql"
MAX_CHARACTERS, MAX_PAGE, MAX_PATHS = 10_000, 100, 50
LIMIT, ANONYMOUS_LIMIT = 250, 200
_POINTS = 60
"""Of a query that asks for a page of a hundred projects."""

_SCHEMA = """
type Query { group(fullPath: ID!): Group namespace(fullPath: ID!): Namespace project(fullPath: ID!): Project
  projects(fullPaths: [String!]): ProjectConnection queryComplexity: QueryComplexity }
type Group { projects(first: Int, after: String, includeSubgroups: Boolean, notAimedForDeletion: Boolean): ProjectConnection }
type Namespace { projects(first: Int, after: String, includeSubgroups: Boolean, notAimedForDeletion: Boolean): ProjectConnection }
type ProjectConnection { nodes: [Project] pageInfo: PageInfo }
type PageInfo { endCursor: String hasNextPage: Boolean }
type Project { id: ID fullPath: ID archived: Boolean isForked: Boolean visibility: String topics: [String] repository: Repository
  mergeRequests(iids: [String!]): MergeRequestConnection }
type MergeRequestConnection { nodes: [MergeRequest] }
type MergeRequest { diffHeadSha: String headPipeline: Pipeline }
type Pipeline { status: String mergeRequestEventType: String }
type Repository { rootRef: String empty: Boolean tree: Tree blobs(paths: [String!]!, ref: String): RepositoryBlobConnection }
type Tree { lastCommit: Commit }
type Commit { sha: String }
type RepositoryBlobConnection { nodes: [RepositoryBlob] }
type RepositoryBlob { rawTextBlob: String }
type QueryComplexity { score: Int limit: Int }
"""  # noqa: E501 - a type a line
_BINARY_WINDOW = 8_000
"""Bytes in which git looks for a zero, to tell binary files."""


class GraphQL(Enum):
    """How much of it a server has."""

    WHOLE = "as gitlab.com"
    OLDER = "a schema from before some of what is asked for"
    NONE = "no GraphQL at all"


class UnknownQueryError(Exception):
    """A query that this GitLab does not do."""


@functools.cache
def _schema() -> GraphQLSchema:
    """Return the schema; every name in it is one of GitLab's."""
    schema = build_schema(_SCHEMA)
    for name, kind in schema.type_map.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            for field, described in kind.fields.items():
                unknown = {*described.args} - {*graphql_names()[name][field]}
                assert not unknown, f"GitLab's {name}.{field} has no {unknown}"
    return schema


def is_question(body: object) -> bool:
    """Return True if a request only reads."""
    return isinstance(body, dict) and str(body.get("query", "")).lstrip().startswith("query")


def execute(call: GitLabCall, graphql: GraphQL, points_per_path: int) -> ForgeReply:
    """Run a query; nearly every failure is an answer 200 with errors in it."""
    text, variables = call.words["query"], call.words.get("variables") or {}
    if graphql is GraphQL.NONE:
        return ForgeReply(404, {"message": "404 Not Found"})
    assert len(text) <= MAX_CHARACTERS, "GitLab takes no longer query"
    document = parse(text)
    wrong = validate(_schema(), document)
    if wrong:
        raise UnknownQueryError("; ".join(each.message for each in wrong))
    if graphql is GraphQL.OLDER and "isForked" in text:
        return _refused("Field 'isForked' doesn't exist on type 'Project'")
    if len(variables.get("names", ())) > MAX_PATHS:
        return _refused(f"You cannot provide more than {MAX_PATHS} full_paths")
    score = 20 + points_per_path * len(variables.get("paths", ())) + (_POINTS if "projects(" in text else 0)
    limit = LIMIT if call.token else ANONYMOUS_LIMIT
    if score > limit:
        return _refused(f"Query has complexity of {score}, which exceeds max complexity of {limit}")
    root = _QueryRoot(call, {"score": score, "limit": limit})
    done = execute_sync(_schema(), document, root, variable_values=variables, field_resolver=_resolve)
    if done.errors:
        raise UnknownQueryError(f"{done.errors[0]!r}") from done.errors[0].original_error
    return ForgeReply(200, {"data": done.data})


def _refused(message: str) -> ForgeReply:
    return ForgeReply(200, {"errors": [{"message": message}]})


def _resolve(source: Any, info: Any, **words: Any) -> Any:
    """Return the value of a mapping's key, or the result of the method with that name."""
    found = source[info.field_name] if isinstance(source, Mapping) else getattr(source, info.field_name)
    return found(**words) if callable(found) else found


class _QueryRoot:
    """The root fields of queries."""

    def __init__(self, call: GitLabCall, complexity: Mapping[str, int]) -> None:
        self._call = call
        self.queryComplexity = complexity

    def group(self, fullPath: str) -> Mapping[str, Any] | None:  # noqa: N803
        """Return a group, which who sees nothing in it does not see either."""
        seen = self._call.seen_in(fullPath) if not self._call.world.is_user(fullPath) else []
        return {"projects": functools.partial(self._projects, seen)} if seen else None

    def namespace(self, fullPath: str) -> Mapping[str, Any] | None:  # noqa: N803
        """Return a person's own namespace; those of others are not shown."""
        token = self._call.token
        if token is None or token.user.username.lower() != fullPath.lower():
            return None
        return {"projects": functools.partial(self._projects, self._call.seen_in(fullPath))}

    def project(self, fullPath: str) -> Mapping[str, Any] | None:  # noqa: N803
        found = self._call.world.find(fullPath)
        if found is None or found[1] or not found[0].seen_by(self._call.token.user if self._call.token else None):
            return None
        return self._shape(found[0])

    def projects(self, fullPaths: Sequence[str]) -> Mapping[str, Any]:  # noqa: N803
        """Return the projects with these paths, in another order; those that are about to go are left out."""
        found = [self._call.world.find(each) for each in reversed(fullPaths)]
        user = self._call.token.user if self._call.token else None
        shown = [each for each, has_moved in filter(None, found) if not has_moved and each.seen_by(user)]
        return {"nodes": [self._shape(each) for each in shown if each.marked_for_deletion is None]}

    def _projects(self, projects: Sequence[GitLabProject], **words: Any) -> Mapping[str, Any]:
        assert words["includeSubgroups"], "without it, subgroups are left out"
        assert words["notAimedForDeletion"], "without it, those that are about to go are in the list"
        found = [each for each in reversed(projects) if each.marked_for_deletion is None]
        start = int(words.get("after") or 0)
        end = start + min(words["first"], MAX_PAGE)
        page = {"endCursor": str(end), "hasNextPage": end < len(found)}
        return {"pageInfo": page, "nodes": [self._shape(each) for each in found[start:end]]}

    def _shape(self, project: GitLabProject) -> Mapping[str, Any]:
        project.settle()
        head = project.branches.get(project.default_branch)
        repository = {
            "rootRef": project.default_branch if head else None,
            "empty": not project.branches,
            "tree": {"lastCommit": {"sha": head} if head else None},
            "blobs": functools.partial(_blobs, project),
        }
        return {
            "id": f"gid://gitlab/Project/{project.id}",
            "fullPath": project.path,
            "archived": project.archived,
            "isForked": project.is_fork,
            "visibility": project.visibility,
            "topics": list(project.topics),
            "repository": repository if project.shows_code else None,
            "mergeRequests": functools.partial(_merge_requests, project),
        }


def _merge_requests(project: GitLabProject, iids: Sequence[str]) -> Mapping[str, Any]:
    """Return merge requests with their newest pipelines. Those of a merge request come before those of a branch."""
    nodes = []
    for request in project.requests:
        if str(request.number) in iids:
            pipeline = request.merged_result or request.pipeline
            of_merge = "MERGE_TRAIN" if request.is_in_train else "MERGED_RESULT"
            kind = of_merge if request.merged_result is not None else None
            shape = {"status": pipeline.status.upper(), "mergeRequestEventType": kind} if pipeline else None
            nodes.append({"diffHeadSha": request.head, "headPipeline": shape})
    return {"nodes": nodes}


def _blobs(project: GitLabProject, paths: Sequence[str], ref: str) -> Mapping[str, Any]:
    assert re.fullmatch("[0-9a-f]{40}", ref), "branches move"
    nodes = []
    for path in paths:
        oid = project.git.find_path(ref, path)
        if oid is None:
            continue
        content = project.git.run("cat-file", "blob", oid)
        text = None if b"\0" in content[:_BINARY_WINDOW] else content.decode(errors="replace")
        nodes.append({"rawTextBlob": text})
    return {"nodes": nodes}
