"""Read the review state of open pull requests: who approved them, and which attributes were ever set on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from github.NamedUser import NamedUser
from github.PullRequestReview import PullRequestReview
from github.Repository import Repository

from bot.forges.github.connection import GitHubRemote
from bot.forges.github.errors import PULLS_READ
from bot.forges.github.pull_request_query import BATCH, is_query_unavailable, query_pull_requests
from bot.forges.hosted.refusal import RefusedError
from bot.model.request_attributes import TEAM_PREFIX, RequestAttributes

MAX_REVIEWS = 100
"""Reviews of one request that are read, one page; basebump's requests have far fewer."""

_APPROVED, _CHANGES_REQUESTED, _DISMISSED = "APPROVED", "CHANGES_REQUESTED", "DISMISSED"
_OPINIONS = frozenset({_APPROVED, _CHANGES_REQUESTED, _DISMISSED})
"""Reviews that replace an earlier one of the same person; a comment does not."""
_WRITERS = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
"""Authors whose approval counts in REST: https://docs.github.com/en/graphql/reference/enums#commentauthorassociation."""

_FIELDS = """
  latestOpinionatedReviews(first: 100, writersOnly: true) { nodes { state } }
  mergeQueueEntry { __typename }
  timelineItems(
    first: 100
    itemTypes: [
      LABELED_EVENT, REVIEW_REQUESTED_EVENT, ASSIGNED_EVENT, MILESTONED_EVENT
      AUTO_MERGE_ENABLED_EVENT, AUTO_REBASE_ENABLED_EVENT, AUTO_SQUASH_ENABLED_EVENT
    ]
  ) {
    nodes {
      __typename
      ... on LabeledEvent { label { name } }
      ... on ReviewRequestedEvent {
        requestedReviewer { ... on User { login } ... on Bot { login } ... on Team { slug } }
      }
      ... on AssignedEvent { assignee { ... on User { login } ... on Bot { login } } }
      ... on MilestonedEvent { milestoneTitle }
    }
  }
"""
"""https://docs.github.com/en/graphql/reference/objects#pullrequest; the oldest events come first, so ours are early."""


@dataclass(frozen=True, slots=True)
class ReviewState:
    """What people did with one open request."""

    is_accepted: bool
    """True if somebody with write access approved it, or added it to the merge queue."""
    ever_set: RequestAttributes | None
    """All attributes that anybody ever set on it, though they may be removed; None if GitHub does not report them."""


def read_review_states(remote: GitHubRemote, numbers: Sequence[int]) -> Mapping[int, ReviewState]:
    """Return the review states of open requests, by number. Raises RefusedError.

    It takes one GraphQL request for each `BATCH` of them; if the server or the token does not allow that, one REST
    request for each.
    """
    states: dict[int, ReviewState] = {}
    for start in range(0, len(numbers), BATCH):
        states |= _read_batch(remote, numbers[start : start + BATCH])
    return states


def _read_batch(remote: GitHubRemote, numbers: Sequence[int]) -> Mapping[int, ReviewState]:
    if remote.connection.can_query_reviews:
        try:
            pulls = query_pull_requests(remote, "read the reviews", numbers, "Standings", _FIELDS)
        except RefusedError as refusal:
            if not is_query_unavailable(refusal):
                raise
            remote.connection.can_query_reviews = False
        else:
            return {number: _parse_review_state(pull) for number, pull in pulls.items()}
    return {number: ReviewState(_is_approved(remote, number), None) for number in numbers}


def _parse_review_state(pull: Mapping[str, Any]) -> ReviewState:
    reviews = pull["latestOpinionatedReviews"] or {"nodes": []}
    is_approved = any(each["state"] == _APPROVED for each in reviews["nodes"])
    return ReviewState(
        is_approved or pull["mergeQueueEntry"] is not None, _collect_ever_set(pull["timelineItems"]["nodes"])
    )


def _collect_ever_set(events: Sequence[Mapping[str, Any]]) -> RequestAttributes:
    """Return all attributes that events set; values whose name GitHub does not report any more are left out."""

    def select_values(kind: str, key: str) -> Iterator[Mapping[str, Any]]:
        return (each[key] for each in events if each["__typename"] == kind and each[key])

    reviewers = select_values("ReviewRequestedEvent", "requestedReviewer")
    milestones = (each["milestoneTitle"] for each in events if each["__typename"] == "MilestonedEvent")
    return RequestAttributes(
        labels=tuple(each["name"] for each in select_values("LabeledEvent", "label")),
        reviewers=tuple(f"{TEAM_PREFIX}{each['slug']}" if "slug" in each else each["login"] for each in reviewers),
        assignees=tuple(each["login"] for each in select_values("AssignedEvent", "assignee")),
        milestone=next(milestones, None),
        automerge=True if any(each["__typename"].startswith("Auto") for each in events) else None,
    )


def _is_approved(remote: GitHubRemote, number: int) -> bool:
    """Return True if somebody with write access approved: https://docs.github.com/en/rest/pulls/reviews."""

    def fetch(repository: Repository) -> bool:
        return (
            _APPROVED in _keep_latest_opinions(islice(repository.get_pull(number).get_reviews(), MAX_REVIEWS)).values()
        )

    return remote.read(f"read the reviews of pull request #{number}", fetch, PULLS_READ)


def _keep_latest_opinions(reviews: Iterable[PullRequestReview]) -> Mapping[str, str]:
    """Return the last opinion of each person; GitHub lists reviews in chronological order."""
    counted = (each for each in reviews if each.state in _OPINIONS and each.author_association in _WRITERS)
    opinions: Iterable[tuple[NamedUser | None, str]] = ((each.user, each.state) for each in counted)
    return {user.login: state for user, state in opinions if user is not None}
