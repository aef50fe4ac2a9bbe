"""Send GraphQL queries, which read many things in one request, and interpret their answers.

https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from github import Github, GithubException

from bot.forges._graphql import UNKNOWN, TooOldError
from bot.forges._refusal import NOT_FOUND
from bot.forges.github.connection import Connection
from bot.forges.github.errors import CONTENTS_READ

_TIMED_OUT = re.compile(r"timeout|something went wrong|resource limits", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a query. GitHub answers the rest of a query if a part of it fails."""

    data: Mapping[str, Any]
    problems: Sequence[Mapping[str, Any]] = ()

    @property
    def is_cut(self) -> bool:
        """True if the server left out parts because the query was too large."""
        return any(_is_too_much(each) for each in self.problems)


def query(connection: Connection, action: str, text: str, variables: Mapping[str, Any], about: str) -> Answered:
    """Send a query once; after a refusal the caller sends a smaller one or uses REST.

    Raises RefusedError, and `UnsupportedQueryError` if the server cannot answer such queries.
    """
    if not connection.has_graphql:
        raise TooOldError
    sent = {"query": text, "variables": dict(variables)}

    def ask(client: Github) -> Answered:
        try:
            headers, answer = client.requester.requestJsonAndCheck("POST", client.requester.graphql_url, input=sent)
        except GithubException as error:
            if is_too_old(error):
                raise TooOldError from error
            raise
        return _read(headers, answer)

    try:
        return connection.try_once(action, ask, CONTENTS_READ, about=about)
    except TooOldError:
        connection.has_graphql = False
        raise


def is_too_old(error: GithubException) -> bool:
    """Return True if the server has no GraphQL at this address, or its schema lacks something in the query."""
    problems = error.data.get("errors") if isinstance(error.data, Mapping) else None
    if not isinstance(problems, list):
        return error.status == NOT_FOUND
    words = " ".join(str(each.get("message", "")) for each in problems if isinstance(each, Mapping))
    return UNKNOWN.search(words) is not None


def _read(headers: Mapping[str, str], answer: Any) -> Answered:
    """Parse an answer; an answer without data is raised as PyGithub would raise it."""
    problems = [each for each in answer.get("errors") or () if isinstance(each, Mapping)]
    data = answer.get("data")
    if isinstance(data, Mapping) and not any(each.get("type") == "RATE_LIMITED" for each in problems):
        return Answered(data, problems)
    failure = GithubException(502 if any(map(_is_too_much, problems)) else 200, answer, dict(headers))
    if is_too_old(failure):
        raise TooOldError
    raise failure


def _is_too_much(problem: Mapping[str, Any]) -> bool:
    is_limit = problem.get("type") == "RESOURCE_LIMITS_EXCEEDED"
    return is_limit or _TIMED_OUT.search(str(problem.get("message", ""))) is not None
