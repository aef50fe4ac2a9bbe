"""Which closed pull requests nobody closed: GitHub did, as somebody deleted their branch."""

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
    """Return which of the requests that were closed at some time were closed by the end of their branch.

    One question by GraphQL; where nobody can say, people closed them. Raises RefusedError.
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
    """Say whether its branch was deleted just before it was closed."""
    return ended_with_branch(
        closed, (datetime.fromisoformat(each["createdAt"]) for each in pull["timelineItems"]["nodes"])
    )
