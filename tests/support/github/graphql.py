"""The one thing of GitHub's GraphQL that there is here: the mutation `updateRefs`.

https://docs.github.com/en/graphql/reference/mutations#updaterefs
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Any

from support.github.calls import Call, Reply
from support.github.git_data import move_ref
from support.github.state import Repository

_NO_COMMIT = "0" * 40
_MUTATION = re.compile(
    r"mutation \w+\(\$input: UpdateRefsInput!\) \{ updateRefs\(input: \$input\) \{ clientMutationId \} \}"
)
_UPDATE_KEYS = {"name", "beforeOid", "afterOid", "force"}
"""Of RefUpdate, in GitHub's schema."""


class GraphQL(Enum):
    """How much of it a server has."""

    WHOLE = "as github.com"
    WITHOUT_MUTATION = "a schema from before the mutation"
    NONE = "no GraphQL at all"


class UnknownQueryError(Exception):
    """A query that this GitHub does not do."""


def execute(call: Call, graphql: GraphQL) -> Reply:
    """Run the mutation; every failure is an answer 200 with errors in it."""
    if graphql is GraphQL.NONE:
        return Reply(404, {"message": "Not Found"})
    if not _MUTATION.fullmatch(call.body["query"]):
        raise UnknownQueryError(call.body["query"])
    if graphql is GraphQL.WITHOUT_MUTATION:
        words = "Field 'updateRefs' doesn't exist on type 'Mutation'"
        return Reply(200, {"errors": [{"message": words, "extensions": {"code": "undefinedField"}}]})
    change = call.body["variables"]["input"]
    repository = next((each for each in call.world.repositories.values() if each.node == change["repositoryId"]), None)
    if repository is None:
        return _failure("NOT_FOUND", f"Could not resolve to a node with the global id of '{change['repositoryId']}'")
    if not call.writer.can_write:
        return _failure("FORBIDDEN", "Resource not accessible by personal access token")
    repository.settle()
    for update in change["refUpdates"]:
        if update.keys() - _UPDATE_KEYS:
            raise UnknownQueryError(str(update))
        refusal = _refusal(repository, update)
        if refusal:
            return _failure("UNPROCESSABLE", refusal)
    for update in change["refUpdates"]:
        move_ref(repository, update["name"], None if update["afterOid"] == _NO_COMMIT else update["afterOid"])
    return Reply(200, {"data": {"updateRefs": {"clientMutationId": None}}})


def _refusal(repository: Repository, update: dict[str, Any]) -> str | None:
    """Return why one update cannot be made; then none is."""
    now = repository.git.refs().get(update["name"], _NO_COMMIT)
    if update.get("beforeOid", now) != now:
        return f"Reference {update['name']} is at {now} but expected {update['beforeOid']}"
    if not update.get("force") and now != _NO_COMMIT and not repository.has(update["afterOid"], now):
        return f"Reference {update['name']} cannot be updated: not a fast forward"
    return None


def _failure(kind: str, message: str) -> Reply:
    errors = [{"type": kind, "path": ["updateRefs"], "message": message}]
    return Reply(200, {"data": {"updateRefs": None}, "errors": errors})
