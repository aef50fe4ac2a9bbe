"""The history of a pull request on Gitea or Forgejo: a list of comments and events (the timeline).

https://docs.gitea.com/api/next/#tag/issue/operation/issueGetCommentsAndTimeline
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.forges.gitea.connection import GiteaRemote
from bot.forges.gitea.gitea_errors import READ_ISSUE
from bot.forges.hosted.request_reader import is_closed_by_deletion, parse_request_time
from bot.model.request_attributes import TEAM_PREFIX, RequestAttributes

MAX_EVENTS = 1_000
"""The largest number of comments and events of one pull request to read, oldest first."""
_SCHEDULED, _CANCELLED = "pull_scheduled_merge", "pull_cancel_scheduled_merge"


@dataclass(frozen=True, slots=True)
class RequestHistory:
    """The facts about a pull request that only its history shows."""

    ever_set: RequestAttributes
    """All attributes that anybody ever set, including those that were removed later."""
    automerge_by: str | None
    """The login of the account that enabled auto-merge; None if auto-merge is not enabled."""
    has_reviews: bool
    deletions: Sequence[datetime]
    """The times at which the branch was deleted."""

    def is_closed_by_deletion(self, closed_at: datetime) -> bool:
        """Return True if the pull request was closed because its branch was deleted."""
        return is_closed_by_deletion(closed_at, self.deletions)


def read_history(remote: GiteaRemote, number: int) -> RequestHistory:
    """Return the history of a pull request. Raises RefusedError if it cannot be read."""
    action = f"read the history of pull request #{number}"
    return parse_history(remote.list_pages(action, f"/issues/{number}/timeline", READ_ISSUE, max_items=MAX_EVENTS))


def parse_history(events: Sequence[Mapping[str, Any]]) -> RequestHistory:
    """Return the facts in the comments and events of a pull request, which are in chronological order."""

    def select_values(kind: str, key: str) -> Iterator[Mapping[str, Any]]:
        return (each[key] for each in events if each["type"] == kind and each.get(key))

    switches = [each for each in events if each["type"] in (_SCHEDULED, _CANCELLED)]
    is_enabled = bool(switches) and switches[-1]["type"] == _SCHEDULED
    people = tuple(str(each["login"]) for each in select_values("review_request", "assignee"))
    teams = tuple(f"{TEAM_PREFIX}{each['name']}" for each in select_values("review_request", "assignee_team"))
    return RequestHistory(
        ever_set=RequestAttributes(
            labels=tuple(str(each["name"]) for each in select_values("label", "label")),
            reviewers=(*people, *teams),
            assignees=tuple(str(each["login"]) for each in select_values("assignees", "assignee")),
            milestone=next((str(each["title"]) for each in select_values("milestone", "milestone")), None),
            automerge=True if switches else None,
        ),
        automerge_by=str(switches[-1]["user"]["login"]) if is_enabled else None,
        has_reviews=any(each["type"] == "review" for each in events),
        deletions=[parse_request_time(each["created_at"]) for each in events if each["type"] == "delete_branch"],
    )
