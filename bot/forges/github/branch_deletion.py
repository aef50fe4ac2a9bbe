"""Find closed pull requests that GitHub closed because somebody deleted their branch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.forges.github.connection import GitHubRemote
from bot.forges.github.pull_request_query import BATCH, is_query_unavailable, query_pull_requests
from bot.forges.hosted.refusal import RefusedError
from bot.forges.hosted.requests import is_closed_by_deletion

_FIELDS = """
  timelineItems(last: 20, itemTypes: [HEAD_REF_DELETED_EVENT]) { nodes { ... on HeadRefDeletedEvent { createdAt } } }
"""
"""https://docs.github.com/en/graphql/reference/objects#headrefdeletedevent"""


def find_closed_by_branch_deletion(remote: GitHubRemote, closing_times: Mapping[int, datetime]) -> frozenset[int]:
    """Return the numbers of the requests that were closed because their branch was deleted. Raises RefusedError.

    `closing_times` has the time at which each was closed. It takes one GraphQL request for each `BATCH` of them. If
    GitHub does not answer such queries, the result is empty, so that all requests count as closed by people.
    """
    numbers, closed_by_deletion = sorted(closing_times), set[int]()
    for start in range(0, len(numbers), BATCH):
        batch = numbers[start : start + BATCH]
        try:
            pulls = query_pull_requests(remote, "read who closed", batch, "Vanished", _FIELDS)
        except RefusedError as refusal:
            if not is_query_unavailable(refusal):
                raise
            return frozenset()
        closed_by_deletion |= {
            number for number in batch if _is_closed_by_branch_deletion(pulls[number], closing_times[number])
        }
    return frozenset(closed_by_deletion)


def _is_closed_by_branch_deletion(pull: Mapping[str, Any], closed_at: datetime) -> bool:
    """Return True if its branch was deleted just before it was closed."""
    return is_closed_by_deletion(
        closed_at, (datetime.fromisoformat(each["createdAt"]) for each in pull["timelineItems"]["nodes"])
    )
