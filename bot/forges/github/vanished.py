"""Find closed pull requests that GitHub closed because somebody deleted their branch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.forges._ended import ended_with_branch
from bot.forges._refusal import RefusedError
from bot.forges.github.connection import Remote
from bot.forges.github.many import BATCH, ask_of_many, is_beyond

_FIELDS = """
  timelineItems(last: 20, itemTypes: [HEAD_REF_DELETED_EVENT]) { nodes { ... on HeadRefDeletedEvent { createdAt } } }
"""
"""https://docs.github.com/en/graphql/reference/objects#headrefdeletedevent"""


def vanished(remote: Remote, closed: Mapping[int, datetime]) -> frozenset[int]:
    """Return the numbers of the requests that were closed because their branch was deleted. Raises RefusedError.

    `closed` has the time at which each was closed. It takes one GraphQL request for each `BATCH` of them; if GitHub
    does not answer such queries, none is returned, so that all count as closed by people.
    """
    numbers, found = sorted(closed), set[int]()
    for start in range(0, len(numbers), BATCH):
        part = numbers[start : start + BATCH]
        try:
            pulls = ask_of_many(remote, "read who closed", part, "Vanished", _FIELDS)
        except RefusedError as refusal:
            if not is_beyond(refusal):
                raise
            return frozenset()
        found |= {number for number in part if _ended_with_branch(pulls[number], closed[number])}
    return frozenset(found)


def _ended_with_branch(pull: Mapping[str, Any], closed: datetime) -> bool:
    """Return True if its branch was deleted just before it was closed."""
    return ended_with_branch(
        closed, (datetime.fromisoformat(each["createdAt"]) for each in pull["timelineItems"]["nodes"])
    )
