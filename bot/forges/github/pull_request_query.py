"""Query many pull requests with one GraphQL request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from github.Repository import Repository

from bot.forges.github.connection import GitHubRemote
from bot.forges.github.errors import PULLS_READ
from bot.forges.hosted.refusal import FORBIDDEN, NOT_FOUND, UNKNOWN_NAME_MESSAGE, RefusedError

BATCH = 20
"""Pull requests in one query; each is about a hundred nodes of the 500,000 that GitHub allows:
https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api."""


def query_pull_requests(
    remote: GitHubRemote, action: str, numbers: Sequence[int], name: str, fields: str
) -> Mapping[int, Mapping[str, Any]]:
    """Return fields of up to `BATCH` pull requests, by number; `name` names the query. Raises RefusedError."""
    selections = "\n".join(f"    r{number}: pullRequest(number: {number}) {{ ...{name} }}" for number in numbers)
    query = (
        f"query {name}($owner: String!, $name: String!) {{\n"
        f"  repository(owner: $owner, name: $name) {{\n{selections}\n  }}\n}}\n"
        f"fragment {name} on PullRequest {{{fields}}}\n"
    )

    def fetch(repository: Repository) -> Mapping[int, Mapping[str, Any]]:
        _, answer = repository.requester.graphql_query(query, {"owner": remote.owner, "name": remote.short_name})
        return {number: answer["data"]["repository"][f"r{number}"] for number in numbers}

    return remote.read(action, fetch, PULLS_READ)


def is_query_unavailable(refusal: RefusedError) -> bool:
    """Return True if the server does not support the query, or the token may not send it."""
    is_refused = refusal.retry_after is None and refusal.status in (FORBIDDEN, NOT_FOUND)
    return is_refused or UNKNOWN_NAME_MESSAGE.search(refusal.server_message) is not None
