"""Send GraphQL queries, which read many things in one request, and interpret their answers.

https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from github import Github, GithubException

from bot.forges.github.connection import GitHubConnection
from bot.forges.github.errors import CONTENTS_READ
from bot.forges.hosted.refusal import NOT_FOUND, UNKNOWN_NAME_MESSAGE, UnsupportedQueryError

_TIMEOUT_MESSAGE = re.compile(r"timeout|something went wrong|resource limits", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class GitHubQueryAnswer:
    """The answer to a query. GitHub answers the rest of a query if a part of it fails."""

    data: Mapping[str, Any]
    problems: Sequence[Mapping[str, Any]] = ()

    @property
    def is_truncated(self) -> bool:
        """True if the server left out parts because the query was too large."""
        return any(_is_resource_limit(each) for each in self.problems)


def run_query(
    connection: GitHubConnection, action: str, text: str, variables: Mapping[str, Any], about: str
) -> GitHubQueryAnswer:
    """Send a query once; after a refusal the caller sends a smaller one or uses REST.

    Raises RefusedError, and `UnsupportedQueryError` if the server cannot answer such queries.
    """
    if not connection.has_graphql:
        raise UnsupportedQueryError
    body = {"query": text, "variables": dict(variables)}

    def post(client: Github) -> GitHubQueryAnswer:
        try:
            headers, answer = client.requester.requestJsonAndCheck("POST", client.requester.graphql_url, input=body)
        except GithubException as error:
            if is_unsupported_query(error):
                raise UnsupportedQueryError from error
            raise
        return _parse_answer(headers, answer)

    try:
        return connection.try_once(action, post, CONTENTS_READ, about=about)
    except UnsupportedQueryError:
        connection.has_graphql = False
        raise


def is_unsupported_query(error: GithubException) -> bool:
    """Return True if the server has no GraphQL at this address, or its schema lacks something in the query."""
    problems = error.data.get("errors") if isinstance(error.data, Mapping) else None
    if not isinstance(problems, list):
        return error.status == NOT_FOUND
    messages = " ".join(str(each.get("message", "")) for each in problems if isinstance(each, Mapping))
    return UNKNOWN_NAME_MESSAGE.search(messages) is not None


def _parse_answer(headers: Mapping[str, str], answer: Any) -> GitHubQueryAnswer:
    """Parse an answer; an answer without data is raised as PyGithub would raise it."""
    problems = [each for each in answer.get("errors") or () if isinstance(each, Mapping)]
    data = answer.get("data")
    if isinstance(data, Mapping) and not any(each.get("type") == "RATE_LIMITED" for each in problems):
        return GitHubQueryAnswer(data, problems)
    failure = GithubException(502 if any(map(_is_resource_limit, problems)) else 200, answer, dict(headers))
    if is_unsupported_query(failure):
        raise UnsupportedQueryError
    raise failure


def _is_resource_limit(problem: Mapping[str, Any]) -> bool:
    is_limit = problem.get("type") == "RESOURCE_LIMITS_EXCEEDED"
    return is_limit or _TIMEOUT_MESSAGE.search(str(problem.get("message", ""))) is not None
