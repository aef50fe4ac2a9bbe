"""Failures that GraphQL servers have in common: a schema that is too old for a query, and timeouts."""

from __future__ import annotations

import re

from bot.forges._refusal import RefusedError

TIMEOUT_STATUSES = frozenset({502, 503, 504})
"""Statuses with which a server reports that a query took too long."""
UNKNOWN_NAME_MESSAGE = re.compile(r"doesn't exist on type|isn't a defined input type|doesn't accept argument")
"""Messages of the GraphQL library of both GitHub and GitLab about names that the schema does not have."""


class UnsupportedQueryError(Exception):
    """The server has no GraphQL API, or its schema lacks something that the query uses."""


def is_query_too_large(refusal: RefusedError) -> bool:
    """Return True if the server may answer a smaller query."""
    return refusal.status in TIMEOUT_STATUSES
