"""Send GraphQL queries, which read many things in one request, within the complexity that the server allows.

https://docs.gitlab.com/api/graphql/#limits
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from gitlab import Gitlab
from gitlab.exceptions import GitlabHttpError

from bot.forges.gitlab.connection import GitLabConnection
from bot.forges.hosted.refusal import NOT_FOUND, UNKNOWN_NAME_MESSAGE, UnsupportedQueryError

_TOO_LARGE_MESSAGE = re.compile(r"which exceeds max complexity|timeout", re.IGNORECASE)
_GATEWAY_TIMEOUT = 504


def run_query(connection: GitLabConnection, action: str, text: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """Send a query once; after a refusal the caller sends a smaller one or uses REST.

    An answer with any error counts as refused: GitLab silently leaves out what it does not show. Raises RefusedError,
    and `UnsupportedQueryError` if the server cannot answer such queries.
    """
    if not connection.has_graphql or text in connection.unsupported_queries:
        raise UnsupportedQueryError
    body = {"query": text, "variables": dict(variables)}

    def post(client: Gitlab) -> Mapping[str, Any]:
        try:
            answer = client.http_post(connection.graphql_url, post_data=body)
        except GitlabHttpError as error:
            if error.response_code == NOT_FOUND:
                connection.has_graphql = False
                raise UnsupportedQueryError from error
            raise
        return _parse_answer(answer)

    try:
        return connection.try_once(action, post)
    except UnsupportedQueryError:
        connection.unsupported_queries.add(text)
        raise


def _parse_answer(answer: Any) -> Mapping[str, Any]:
    """Parse an answer; an answer with errors is raised as python-gitlab would raise it."""
    problems = answer.get("errors") or ()
    messages = "; ".join(str(each["message"]) for each in problems)
    if UNKNOWN_NAME_MESSAGE.search(messages):
        raise UnsupportedQueryError
    if problems:
        status = _GATEWAY_TIMEOUT if _TOO_LARGE_MESSAGE.search(messages) else 200
        raise GitlabHttpError(messages, status, json.dumps({"message": messages}).encode())
    data = answer["data"]
    if not isinstance(data, Mapping):
        raise TypeError("the answer has no data")
    return data
