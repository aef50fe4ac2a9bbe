"""GitHub's GraphQL as far as basebump asks it: executed over a slice of GitHub's own schema.

What the slice does not have, and what nothing here resolves, fails the test.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from graphql import GraphQLError, GraphQLSchema, build_schema, execute_sync, parse, validate
from support.github.calls import Call, Reply
from support.github.git_data import move_ref
from support.github.merging import arm, disarm
from support.github.state import Event, Pull, Repository
from support.parts import ROOT

_NO_COMMIT = "0" * 40
_UNKNOWN_FIELD = re.compile(r"Cannot query field '(\w+)' on type '(\w+)'")
_NEWER = ("updateRefs", "mergeQueueEntry")
"""Fields that an older Enterprise Server does not have."""
_EVENTS = {
    "LABELED_EVENT": "LabeledEvent",
    "REVIEW_REQUESTED_EVENT": "ReviewRequestedEvent",
    "ASSIGNED_EVENT": "AssignedEvent",
    "MILESTONED_EVENT": "MilestonedEvent",
    "AUTO_MERGE_ENABLED_EVENT": "AutoMergeEnabledEvent",
    "AUTO_REBASE_ENABLED_EVENT": "AutoRebaseEnabledEvent",
    "AUTO_SQUASH_ENABLED_EVENT": "AutoSquashEnabledEvent",
}


class GraphQL(Enum):
    """How much of it a server has."""

    WHOLE = "as github.com"
    OLDER = "a schema from before some of what is asked for"
    NONE = "no GraphQL at all"


class UnknownQueryError(Exception):
    """A query that this GitHub does not do."""


class RefusedError(GraphQLError):
    """The answer is no, in GraphQL's way: an answer 200 with errors in it."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@functools.cache
def _schema(graphql: GraphQL) -> GraphQLSchema:
    text = (ROOT / "tests" / "contracts" / "github_graphql.graphql").read_text(encoding="utf-8")
    if graphql is GraphQL.OLDER:
        text = "".join(line for line in text.splitlines(keepends=True) if not line.strip().startswith(_NEWER))
    return build_schema(text)


def is_write(target: str, body: object) -> bool:
    """Say whether a POST changes something: to GraphQL it may be a question."""
    is_question = isinstance(body, dict) and str(body.get("query", "")).lstrip().startswith("query")
    return not (target.endswith("/graphql") and is_question)


def execute(call: Call, graphql: GraphQL) -> Reply:
    """Run a query or a mutation; every failure is an answer 200 with errors in it."""
    if graphql is GraphQL.NONE:
        return Reply(404, {"message": "Not Found"})
    schema, document = _schema(graphql), parse(call.body["query"])
    wrong = validate(schema, document)
    unknown = [found for each in wrong if (found := _UNKNOWN_FIELD.search(each.message))]
    if graphql is GraphQL.OLDER and unknown and len(unknown) == len(wrong):
        words = [f"Field '{each[1]}' doesn't exist on type '{each[2]}'" for each in unknown]
        return Reply(200, {"errors": [{"message": each, "extensions": {"code": "undefinedField"}} for each in words]})
    if wrong:
        raise UnknownQueryError("; ".join(each.message for each in wrong))
    done = execute_sync(
        schema, document, _Root(call), variable_values=call.body.get("variables"), field_resolver=_resolve
    )
    odd = [each for each in done.errors or () if not isinstance(each.original_error, RefusedError)]
    if odd:
        raise UnknownQueryError(f"{odd[0]!r}") from odd[0].original_error
    errors = [
        {"type": each.original_error.kind, "path": each.path, "message": each.message} for each in done.errors or ()
    ]
    return Reply(200, {"data": done.data} | ({"errors": errors} if errors else {}))


def _resolve(source: Any, info: Any, **words: Any) -> Any:
    """Return a key of a mapping, or call the method of that name."""
    if isinstance(source, Mapping):
        return source[info.field_name]
    resolver: Callable[..., Any] = getattr(source, info.field_name)
    return resolver(**words)


class _Root:
    """What a query or a mutation begins with."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def repository(self, owner: str, name: str, *, followRenames: bool = True) -> _Repository:  # noqa: N803
        found = self._call.world.repositories.get(f"{owner}/{name}".lower())
        account = self._call.token.account if self._call.token else None
        if found is None or not (found.seen_by(account) or (self._call.token and self._call.token.is_app)):
            raise RefusedError("NOT_FOUND", f"Could not resolve to a Repository with the name '{owner}/{name}'.")
        if self._call.token is not None and not self._call.token.can_ask_graphql:
            raise RefusedError("FORBIDDEN", "Resource not accessible by personal access token")
        found.settle()
        return _Repository(found)

    def updateRefs(self, input: Mapping[str, Any]) -> Mapping[str, None]:  # noqa: A002, N802
        repository = next(
            (each for each in self._call.world.repositories.values() if each.node == input["repositoryId"]), None
        )
        if repository is None:
            raise RefusedError(
                "NOT_FOUND", f"Could not resolve to a node with the global id of '{input['repositoryId']}'"
            )
        self._refuse_reader()
        repository.settle()
        for update in input["refUpdates"]:
            refusal = _refusal(repository, update)
            if refusal:
                raise RefusedError("UNPROCESSABLE", refusal)
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

    def _pull(self, node: str) -> tuple[Repository, Pull]:
        self._refuse_reader()
        for repository in self._call.world.repositories.values():
            repository.settle()
            for pull in repository.pulls:
                if pull.node(repository) == node:
                    return repository, pull
        raise RefusedError("NOT_FOUND", f"Could not resolve to a node with the global id of '{node}'")

    def _refuse_reader(self) -> None:
        if not self._call.writer.can_write:
            raise RefusedError("FORBIDDEN", "Resource not accessible by personal access token")


class _Repository:
    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def viewerDefaultMergeMethod(self) -> str:  # noqa: N802
        return self._repository.merge_methods[0]

    def pullRequest(self, number: int) -> _PullRequest:  # noqa: N802
        for pull in self._repository.pulls:
            if pull.number == number:
                return _PullRequest(self._repository, pull)
        raise RefusedError("NOT_FOUND", f"Could not resolve to a PullRequest with the number of {number}.")


class _PullRequest:
    def __init__(self, repository: Repository, pull: Pull) -> None:
        self._repository = repository
        self._pull = pull

    def id(self) -> str:
        return self._pull.node(self._repository)

    def headRefOid(self) -> str:  # noqa: N802
        return self._pull.head

    def latestOpinionatedReviews(self, *, first: int, writersOnly: bool) -> Mapping[str, Any]:  # noqa: N802, N803
        counted = [each for each in self._pull.reviews if each.is_writers or not writersOnly]
        latest = {each.account.login: each for each in counted if each.state != "COMMENTED"}
        return {"nodes": [{"state": each.state} for each in list(latest.values())[:first]]}

    def mergeQueueEntry(self) -> Mapping[str, Any] | None:  # noqa: N802
        return {} if self._pull.queued else None

    def timelineItems(self, *, first: int, itemTypes: list[str]) -> Mapping[str, Any]:  # noqa: N802, N803
        kinds = {_EVENTS[each] for each in itemTypes}
        return {"nodes": [_event(each) for each in self._pull.events if each.kind in kinds][:first]}


def _event(event: Event) -> Mapping[str, Any]:
    team = event.subject.removeprefix("team:") if event.subject.startswith("team:") else None
    somebody = {"__typename": "Team", "slug": team} if team else {"__typename": "User", "login": event.subject}
    about: Mapping[str, Mapping[str, Any]] = {
        "LabeledEvent": {"label": {"name": event.subject}},
        "ReviewRequestedEvent": {"requestedReviewer": somebody},
        "AssignedEvent": {"assignee": somebody},
        "MilestonedEvent": {"milestoneTitle": event.subject},
    }
    return {"__typename": event.kind, **about.get(event.kind, {})}


def _refusal(repository: Repository, update: Mapping[str, Any]) -> str | None:
    """Return why one update cannot be made; then none is."""
    now = repository.git.refs().get(update["name"], _NO_COMMIT)
    if update.get("beforeOid", now) != now:
        return f"Reference {update['name']} is at {now} but expected {update['beforeOid']}"
    if not update.get("force") and now != _NO_COMMIT and not repository.has(update["afterOid"], now):
        return f"Reference {update['name']} cannot be updated: not a fast forward"
    return None
