"""GitHub's GraphQL as far as basebump and `gh` ask it: executed over a slice of GitHub's own schema.

What the slice does not have, and what nothing here resolves, fails the test.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    build_schema,
    execute_sync,
    parse,
    validate,
)
from support.forges.github.calls import ForgeReply, GitHubCall, ProblemError
from support.forges.github.git_data import move_ref, refuse_workflows
from support.forges.github.graphql_requests import checks_of, issues, pull_requests, pull_shape, refs, search
from support.forges.github.merging import arm, disarm
from support.forges.github.permissions import permits
from support.forges.github.state import GitHubActor, GitHubPull, GitHubRepository
from support.parts import ROOT

_NO_COMMIT = "0" * 40
_UNKNOWN_FIELD = re.compile(r"Cannot query field '(\w+)' on type '(\w+)'")
_NEWER = ("updateRefs", "mergeQueueEntry", "repositoryTopics")
"""Fields that an older Enterprise Server does not have."""
_MAX_TEXT = 512_000
"""Bytes of a blob that GitHub gives as text."""
_BINARY_WINDOW = 8_000
"""Bytes in which git looks for a zero, to tell binary files."""


class GraphQL(Enum):
    """How much of it a server has."""

    WHOLE = "as github.com"
    OLDER = "a schema from before some of what is asked for"
    NONE = "no GraphQL at all"


class UnknownQueryError(Exception):
    """A query that this GitHub does not do."""


class RefusedError(GraphQLError):
    """GraphQL refuses a query: a response with status 200 and errors."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@functools.cache
def _schema(graphql: GraphQL) -> GraphQLSchema:
    text = (ROOT / "tests" / "contracts" / "github_graphql.graphql").read_text(encoding="utf-8")
    if graphql is GraphQL.OLDER:
        text = "".join(line for line in text.splitlines(keepends=True) if not line.strip().startswith(_NEWER))
    return build_schema(text)


@functools.lru_cache(maxsize=256)
def _read(graphql: GraphQL, query: str) -> tuple[DocumentNode, list[GraphQLError]]:
    """Return a query, and in which way it does not fit the schema."""
    document = parse(query)
    return document, validate(_schema(graphql), document)


def is_write(target: str, body: object) -> bool:
    """Return True if a POST changes data; a query of GraphQL does not."""
    return not target.endswith("/graphql") or _is_mutation(str(body.get("query")) if isinstance(body, dict) else "")


@functools.lru_cache(maxsize=256)
def _is_mutation(text: str) -> bool:
    """Return True if a document has a mutation, or cannot be parsed."""
    try:
        document = parse(text)
    except GraphQLError:
        return True
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    return any(each.operation is not OperationType.QUERY for each in operations)


def execute(call: GitHubCall, graphql: GraphQL) -> ForgeReply:
    """Run a query or a mutation; every failure is an answer 200 with errors in it."""
    if graphql is GraphQL.NONE:
        return ForgeReply(404, {"message": "Not Found"})
    schema, (document, wrong) = _schema(graphql), _read(graphql, call.body["query"])
    unknown = [found for each in wrong if (found := _UNKNOWN_FIELD.search(each.message))]
    if graphql is GraphQL.OLDER and unknown and len(unknown) == len(wrong):
        words = [f"Field '{each[1]}' doesn't exist on type '{each[2]}'" for each in unknown]
        return ForgeReply(
            200, {"errors": [{"message": each, "extensions": {"code": "undefinedField"}} for each in words]}
        )
    if wrong:
        raise UnknownQueryError("; ".join(each.message for each in wrong))
    done = execute_sync(
        schema, document, _QueryRoot(call), variable_values=call.body.get("variables"), field_resolver=_resolve
    )
    odd = [each for each in done.errors or () if not isinstance(each.original_error, RefusedError)]
    if odd:
        raise UnknownQueryError(f"{odd[0]!r}") from odd[0].original_error
    errors = [
        {"type": each.original_error.kind, "path": each.path, "message": each.message} for each in done.errors or ()
    ]
    return ForgeReply(200, {"data": done.data} | ({"errors": errors} if errors else {}))


def _resolve(source: Any, info: Any, **words: Any) -> Any:
    """Return the value of a mapping's key, or the result of the method with that name."""
    found = source[info.field_name] if isinstance(source, Mapping) else getattr(source, info.field_name)
    return found(**words) if callable(found) else found


class _QueryRoot:
    """The root fields of queries and mutations."""

    def __init__(self, call: GitHubCall) -> None:
        self._call = call

    def repository(self, owner: str, name: str, *, followRenames: bool = True) -> Mapping[str, Any]:  # noqa: N803
        found = self._call.world.repository(f"{owner}/{name}")
        if found is None or not self._sees(found):
            raise RefusedError("NOT_FOUND", f"Could not resolve to a Repository with the name '{owner}/{name}'.")
        return self._shape(found)

    def repositoryOwner(self, login: str) -> Mapping[str, Any] | None:  # noqa: N802
        accounts = {each.login.lower(): each for each in self._call.world.accounts.values()}
        account = accounts.get(login.lower())
        if account is None:
            return None
        kind = {"User": "User", "Organization": "Organization"}[account.kind]
        return {"__typename": kind, "login": account.login, "repositories": functools.partial(self._owned, account)}

    def viewer(self) -> Mapping[str, Any]:
        assert self._call.token is not None
        return {"__typename": "User", "login": self._call.token.account.login}

    def nodes(self, ids: list[str]) -> list[Mapping[str, Any] | None]:
        assert len(ids) <= 100, "GitHub takes a hundred ids"
        known = {each.node: each for each in self._call.world.repositories.values() if self._sees(each)}
        return [self._shape(known[each]) if each in known else None for each in ids]

    def _sees(self, repository: GitHubRepository) -> bool:
        token = self._call.token
        return not repository.private or (token is not None and token.reaches(repository))

    def _owned(self, account: GitHubActor, **words: Any) -> Mapping[str, Any]:
        assert words["ownerAffiliations"] == ["OWNER"], "without it, repositories of others are in the list"
        found = [each for each in self._call.world.repositories.values() if each.owner is account and self._sees(each)]
        found = [each for each in found if (each.archived, each.fork) == (words["isArchived"], words["isFork"])]
        found.sort(key=lambda each: each.short_name)
        start = int(words.get("after") or 0)
        end = start + words["first"]
        page = {"endCursor": str(end), "hasNextPage": end < len(found)}
        return {"pageInfo": page, "nodes": [self._shape(each) for each in found[start:end]]}

    def _shape(self, repository: GitHubRepository) -> Mapping[str, Any]:
        repository.settle()
        head = repository.branches.get(repository.default_branch)
        target = {"__typename": "Commit", "oid": head, "tree": lambda: {"oid": repository.git.show_commit(head).tree}}
        return {
            "__typename": "Repository",
            "id": repository.node,
            "nameWithOwner": repository.name,
            "isArchived": repository.archived,
            "isDisabled": repository.disabled,
            "isFork": repository.fork,
            "isPrivate": repository.private,
            "defaultBranchRef": {"name": repository.default_branch, "target": target} if head else None,
            "repositoryTopics": lambda **_: {"nodes": [{"topic": {"name": each}} for each in repository.topics]},
            "object": functools.partial(self._object, repository),
            "viewerDefaultMergeMethod": repository.merge_methods[0],
            "hasIssuesEnabled": repository.has_issues,
            "pullRequest": functools.partial(self._pull_request, repository),
            "pullRequests": self._may_list("pull_requests", pull_requests, repository),
            "issues": self._may_list("issues", issues, repository),
            "refs": functools.partial(refs, repository),
        }

    def _may_list(
        self, kind: str, shape: Callable[..., Mapping[str, Any]], repository: GitHubRepository
    ) -> Callable[..., Mapping[str, Any]]:
        """Return a resolver that lists requests or issues, if the token's permissions allow this."""
        token = self._call.token
        granted = token.permissions if token is not None else None

        def listed(**words: Any) -> Mapping[str, Any]:
            if repository.private and granted is not None and not permits(granted, kind, "read"):
                raise RefusedError("FORBIDDEN", "Resource not accessible by integration")
            return shape(self._call.shapes, repository, **words)

        return listed

    def _may_read_checks(self, repository: GitHubRepository, shape: Callable[[], Any]) -> Callable[[], Any]:
        """Return a resolver that lists the checks of a commit, if the token's permissions allow this."""
        granted = self._call.token.permissions if self._call.token is not None else None
        may_read = granted is None or all(permits(granted, each, "read") for each in ("checks", "statuses"))
        if repository.private and not may_read:
            return self._refuse_checks
        return shape

    @staticmethod
    def _refuse_checks() -> Any:
        raise RefusedError("FORBIDDEN", "Resource not accessible by integration")

    def _object(self, repository: GitHubRepository, oid: str) -> Mapping[str, Any] | None:
        token = self._call.token
        granted: Mapping[str, str] | None = token.permissions if token is not None else None
        if repository.private and granted is not None and not permits(granted, "contents", "read"):
            raise RefusedError("FORBIDDEN", "Resource not accessible by integration")
        if repository.git.exists(f"{oid}^{{commit}}"):
            rollup = self._may_read_checks(repository, functools.partial(checks_of, repository, oid))
            return {"__typename": "Commit", "oid": oid, "statusCheckRollup": rollup}
        if not repository.git.exists(f"{oid}^{{blob}}"):
            return None
        content = repository.git.run("cat-file", "blob", oid)
        text = None if b"\0" in content[:_BINARY_WINDOW] else content[:_MAX_TEXT].decode(errors="replace")
        return {"__typename": "Blob", "oid": oid, "text": text}

    def search(self, query: str, type: str, first: int | None = None, last: int | None = None) -> Mapping[str, Any]:  # noqa: A002
        seen = {name: each for name, each in self._call.world.repositories.items() if self._sees(each)}
        for repository in seen.values():
            repository.settle()
        return search(self._call.shapes, seen, query, type, first or last or 0)

    def _pull_request(self, repository: GitHubRepository, number: int) -> Mapping[str, Any]:
        if self._call.token is not None and not self._call.token.can_ask_graphql:
            raise RefusedError("FORBIDDEN", "Resource not accessible by personal access token")
        for pull in repository.pulls:
            if pull.number == number:
                return pull_shape(self._call.shapes, repository, pull)
        raise RefusedError("NOT_FOUND", f"Could not resolve to a PullRequest with the number of {number}.")

    def updateRefs(self, input: Mapping[str, Any]) -> Mapping[str, None]:  # noqa: A002, N802
        repository = next(
            (each for each in self._call.world.repositories.values() if each.node == input["repositoryId"]), None
        )
        if repository is None:
            raise RefusedError(
                "NOT_FOUND", f"Could not resolve to a node with the global id of '{input['repositoryId']}'"
            )
        self._refuse_reader(repository, "contents")
        repository.settle()
        self._call.found = repository
        for update in input["refUpdates"]:
            refusal = _refusal(repository, update)
            if refusal:
                raise RefusedError("UNPROCESSABLE", refusal)
            if update["afterOid"] != _NO_COMMIT:
                self._refuse_workflows(update["afterOid"])
        for update in input["refUpdates"]:
            move_ref(repository, update["name"], None if update["afterOid"] == _NO_COMMIT else update["afterOid"])
        return {"clientMutationId": None}

    def enablePullRequestAutoMerge(self, input: Mapping[str, Any]) -> Mapping[str, None]:  # noqa: A002, N802
        repository, pull = self._pull(input["pullRequestId"])
        refusal = arm(repository, pull, self._call.writer.account, input["mergeMethod"], input.get("expectedHeadOid"))
        if refusal:
            raise RefusedError("UNPROCESSABLE", refusal)
        return {"clientMutationId": None}

    def disablePullRequestAutoMerge(self, input: Mapping[str, Any]) -> Mapping[str, None]:  # noqa: A002, N802
        _, pull = self._pull(input["pullRequestId"])
        refusal = disarm(pull)
        if refusal:
            raise RefusedError("UNPROCESSABLE", refusal)
        return {"clientMutationId": None}

    def _pull(self, node: str) -> tuple[GitHubRepository, GitHubPull]:
        for repository in self._call.world.repositories.values():
            repository.settle()
            for pull in repository.pulls:
                if pull.node(repository) == node:
                    self._refuse_reader(repository, "contents", "pull_requests")
                    return repository, pull
        raise RefusedError("NOT_FOUND", f"Could not resolve to a node with the global id of '{node}'")

    def _refuse_reader(self, repository: GitHubRepository, *kinds: str) -> None:
        token = self._call.writer
        granted = token.permissions
        may_write = token.can_write and (granted is None or all(permits(granted, each, "write") for each in kinds))
        if not may_write or not token.reaches(repository):
            raise RefusedError("FORBIDDEN", "Resource not accessible by personal access token")

    def _refuse_workflows(self, commit: str) -> None:
        try:
            refuse_workflows(self._call, commit)
        except ProblemError as problem:
            raise RefusedError("FORBIDDEN", str(problem)) from None


def _refusal(repository: GitHubRepository, update: Mapping[str, Any]) -> str | None:
    """Return why one update cannot be made; then none is."""
    now = repository.git.refs().get(update["name"], _NO_COMMIT)
    if update.get("beforeOid", now) != now:
        return f"Reference {update['name']} is at {now} but expected {update['beforeOid']}"
    if not update.get("force") and now != _NO_COMMIT and not repository.git.has(update["afterOid"], now):
        return f"Reference {update['name']} cannot be updated: not a fast forward"
    return None
