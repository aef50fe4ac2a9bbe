"""Cuts the types and fields that basebump, and `gh` in our tests, ask for out of GitHub's whole GraphQL schema.

    npm pack @octokit/graphql-schema@15.26.1 && tar xzf octokit-graphql-schema-15.26.1.tgz
    python tests/contracts/slice_github_graphql.py package/schema.graphql

writes `github_graphql.graphql` beside this file: those fields with their arguments, and every enumeration, scalar and
input that they refer to, without descriptions.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from graphql import (
    EnumTypeDefinitionNode,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    TypeDefinitionNode,
    TypeNode,
    UnionTypeDefinitionNode,
    parse,
    print_ast,
)

FIELDS = {
    "Query": ("nodes", "repository", "repositoryOwner", "search", "viewer"),
    "Mutation": ("updateRefs", "enablePullRequestAutoMerge", "disablePullRequestAutoMerge"),
    "UpdateRefsPayload": ("clientMutationId",),
    "EnablePullRequestAutoMergePayload": ("clientMutationId",),
    "DisablePullRequestAutoMergePayload": ("clientMutationId",),
    "Node": ("id",),
    "RepositoryOwner": ("id", "login", "repositories"),
    "Organization": ("id", "login", "repositories"),
    "RepositoryConnection": ("nodes", "pageInfo"),
    "PageInfo": ("endCursor", "hasNextPage"),
    "Repository": (
        *("defaultBranchRef", "hasIssuesEnabled", "id", "isArchived", "isDisabled", "isFork", "isPrivate"),
        *("issues", "nameWithOwner", "object", "pullRequest", "pullRequests", "refs", "repositoryTopics"),
        "viewerDefaultMergeMethod",
    ),
    "RepositoryTopicConnection": ("nodes",),
    "RepositoryTopic": ("id", "topic"),
    "Topic": ("id", "name"),
    "Ref": ("id", "name", "target"),
    "RefConnection": ("nodes", "pageInfo"),
    "GitObject": ("id", "oid"),
    "CheckRun": ("conclusion", "detailsUrl", "name", "status"),
    "Commit": ("id", "oid", "statusCheckRollup", "tree"),
    "StatusCheckRollup": ("contexts",),
    "StatusCheckRollupContextConnection": ("nodes", "pageInfo"),
    "StatusContext": ("context", "state", "targetUrl"),
    "Tree": ("id", "oid"),
    "Blob": ("id", "oid", "text"),
    "PullRequest": (
        *("author", "baseRefName", "body", "files", "headRefName", "headRefOid", "id", "isCrossRepository", "isDraft"),
        *("labels", "lastEditedAt", "latestOpinionatedReviews", "mergeQueueEntry", "number", "state", "timelineItems"),
        *("title", "updatedAt", "url"),
    ),
    "PullRequestConnection": ("nodes", "pageInfo", "totalCount"),
    "PullRequestChangedFileConnection": ("nodes",),
    "PullRequestChangedFile": ("additions", "deletions", "path"),
    "Issue": ("author", "body", "id", "labels", "number", "state", "title", "updatedAt", "url"),
    "IssueConnection": ("nodes", "pageInfo"),
    "SearchResultItemConnection": ("issueCount", "nodes", "pageInfo"),
    "Actor": ("login",),
    "MergeQueueEntry": ("enqueuedAt",),
    "PullRequestReviewConnection": ("nodes",),
    "PullRequestReview": ("state",),
    "PullRequestTimelineItemsConnection": ("nodes",),
    "LabeledEvent": ("label",),
    "ReviewRequestedEvent": ("requestedReviewer",),
    "AssignedEvent": ("assignee",),
    "MilestonedEvent": ("milestoneTitle",),
    "AutoMergeEnabledEvent": ("createdAt",),
    "AutoRebaseEnabledEvent": ("createdAt",),
    "AutoSquashEnabledEvent": ("createdAt",),
    "HeadRefDeletedEvent": ("createdAt",),
    "Label": ("color", "description", "id", "name"),
    "LabelConnection": ("nodes", "totalCount"),
    "Bot": ("login",),
    "Team": ("slug",),
    "User": ("id", "login", "name", "repositories"),
}
"""By their types; what the unions between them have besides is left out."""
UNIONS = ("Assignee", "PullRequestTimelineItems", "RequestedReviewer", "SearchResultItem", "StatusCheckRollupContext")
BUILT_IN = frozenset({"Boolean", "ID", "Int", "String"})


def cut(text: str) -> str:
    """Return the schema with only FIELDS, UNIONS and what they refer to."""
    known = {each.name.value: each for each in parse(text, no_location=True).definitions if hasattr(each, "name")}
    part: dict[str, str] = {}
    pending = [*FIELDS, *UNIONS]
    while pending:
        name = pending.pop()
        if name not in part and name not in BUILT_IN:
            lines = list(_written(known[name], pending))
            part[name] = "\n".join(lines)
    return "\n\n".join(part[name] for name in sorted(part)) + "\n"


def _written(definition: TypeDefinitionNode, refers: list[str]) -> Iterator[str]:
    """Yield the lines of a definition, and add what it refers to."""
    name = definition.name.value
    match definition:
        case ScalarTypeDefinitionNode():
            yield f"scalar {name}"
        case EnumTypeDefinitionNode(values=values):
            yield f"enum {name} {{"
            yield from (f"  {each.name.value}" for each in values)
            yield "}"
        case UnionTypeDefinitionNode(types=types):
            yield f"union {name} = {' | '.join(each.name.value for each in types if each.name.value in FIELDS)}"
        case InputObjectTypeDefinitionNode(fields=fields):
            yield f"input {name} {{"
            yield from (f"  {each}" for each in _values(fields, refers))
            yield "}"
        case ObjectTypeDefinitionNode() | InterfaceTypeDefinitionNode():
            kinds = (each.name.value for each in definition.interfaces or ())
            kept = " & ".join(each for each in kinds if each in FIELDS and {*FIELDS[each]} <= {*FIELDS[name]})
            kind = "type" if isinstance(definition, ObjectTypeDefinitionNode) else "interface"
            yield f"{kind} {name}{f' implements {kept}' if kept else ''} {{"
            fields = {each.name.value: each for each in definition.fields}
            for each in sorted(FIELDS[name]):
                arguments = ", ".join(_values(fields[each].arguments or (), refers))
                refers.append(_innermost(fields[each].type))
                yield f"  {each}{f'({arguments})' if arguments else ''}: {print_ast(fields[each].type)}"
            yield "}"


def _values(nodes: Iterable[InputValueDefinitionNode], refers: list[str]) -> Iterator[str]:
    for each in nodes:
        refers.append(_innermost(each.type))
        default = f" = {print_ast(each.default_value)}" if each.default_value else ""
        yield f"{each.name.value}: {print_ast(each.type)}{default}"


def _innermost(node: TypeNode) -> str:
    while hasattr(node, "type"):
        node = node.type
    return node.name.value


if __name__ == "__main__":
    part = cut(Path(sys.argv[1]).read_text(encoding="utf-8"))
    Path(__file__).with_name("github_graphql.graphql").write_text(part, encoding="utf-8")
