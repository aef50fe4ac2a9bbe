"""Facts about pull requests that GitHub's list of pull requests does not contain.

These facts are the reviews, the attributes that were ever set, the merge state, and why a pull request was closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import quote

from github.NamedUser import NamedUser
from github.PullRequestReview import PullRequestReview
from github.Repository import Repository

from bot.forges.github.connection import GitHubRemote
from bot.forges.github.github_errors import ADMINISTRATION_READ, METADATA_READ, PULLS_READ
from bot.forges.hosted.refusal import FORBIDDEN, NOT_FOUND, UNKNOWN_NAME_MESSAGE, RefusedError
from bot.forges.hosted.request_reader import MergeState, ReviewState, is_closed_by_deletion
from bot.model.request_attributes import TEAM_PREFIX, RequestAttributes

MAX_REVIEWS = 100
"""The largest number of reviews of one pull request to read, which is one page."""

_APPROVED, _CHANGES_REQUESTED, _DISMISSED = "APPROVED", "CHANGES_REQUESTED", "DISMISSED"
_OPINIONS = frozenset({_APPROVED, _CHANGES_REQUESTED, _DISMISSED})
"""The states of reviews that replace an earlier review of the same user. A review with the state "commented" does not
replace an earlier review."""
_WRITERS = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
"""The kinds of authors whose approvals count if reviews are read with REST:
https://docs.github.com/en/graphql/reference/enums#commentauthorassociation."""

_REVIEW_FIELDS = """
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
"""https://docs.github.com/en/graphql/reference/objects#pullrequest. The oldest events come first, and basebump's events
are among the oldest."""


def read_review_states(remote: GitHubRemote, numbers: Sequence[int]) -> Mapping[int, ReviewState]:
    """Return the approvals of each open pull request, and the attributes ever set on it, by number.

    One GraphQL query reads up to `BATCH` pull requests. If the server or the token does not support this query, one
    REST call reads the reviews of each pull request. REST does not show which attributes were ever set. Raises
    RefusedError if an API call fails.
    """
    states: dict[int, ReviewState] = {}
    for start in range(0, len(numbers), BATCH):
        states |= _read_batch(remote, numbers[start : start + BATCH])
    return states


def _read_batch(remote: GitHubRemote, numbers: Sequence[int]) -> Mapping[int, ReviewState]:
    if remote.connection.can_query_reviews:
        try:
            pulls = query_pull_requests(remote, "read the reviews", numbers, "Standings", _REVIEW_FIELDS)
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
    """Return all attributes, such as labels and reviewers, that the events of a pull request's timeline set.

    Names that GitHub no longer reports, such as the names of deleted users, are left out.
    """

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
    """Return True if the last review of any user with write access is an approval.

    https://docs.github.com/en/rest/pulls/reviews
    """

    def fetch(repository: Repository) -> bool:
        return (
            _APPROVED in _keep_latest_opinions(islice(repository.get_pull(number).get_reviews(), MAX_REVIEWS)).values()
        )

    return remote.read(f"read the reviews of pull request #{number}", fetch, PULLS_READ)


def _keep_latest_opinions(reviews: Iterable[PullRequestReview]) -> Mapping[str, str]:
    """Return the state of each user's last review, such as `APPROVED`, by login.

    Comments, and reviews of users without write access, are ignored. `reviews` must be in chronological order, which is
    the order in GitHub's responses.
    """
    counted = (each for each in reviews if each.state in _OPINIONS and each.author_association in _WRITERS)
    opinions: Iterable[tuple[NamedUser | None, str]] = ((each.user, each.state) for each in counted)
    return {user.login: state for user, state in opinions if user is not None}


BATCH = 20
"""The largest number of pull requests in one query. Each pull request needs about a hundred nodes, and GitHub allows
500,000 nodes per query:
https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api."""


def query_pull_requests(
    remote: GitHubRemote, action: str, numbers: Sequence[int], name: str, fields: str
) -> Mapping[int, Mapping[str, Any]]:
    """Return the given GraphQL fields of up to `BATCH` pull requests, by number.

    Raises RefusedError if an API call fails.

    Args:
        remote: The repository.
        action: What the query does, for error messages, such as `read the reviews`.
        numbers: The numbers of the pull requests.
        name: Any name for the GraphQL query and its fragment. It has no effect on the response.
        fields: The fields of `PullRequest` to return, written in GraphQL as in the body of a fragment.
    """
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
    """Return True if the server does not support the query, or if the token lacks a permission for it."""
    is_refused = refusal.retry_after is None and refusal.status in (FORBIDDEN, NOT_FOUND)
    return is_refused or UNKNOWN_NAME_MESSAGE.search(refusal.server_message) is not None


_DELETION_FIELDS = """
  timelineItems(last: 20, itemTypes: [HEAD_REF_DELETED_EVENT]) { nodes { ... on HeadRefDeletedEvent { createdAt } } }
"""
"""https://docs.github.com/en/graphql/reference/objects#headrefdeletedevent"""


def find_closed_by_branch_deletion(remote: GitHubRemote, closing_times: Mapping[int, datetime]) -> frozenset[int]:
    """Return the numbers of the pull requests that GitHub closed because their branch was deleted.

    `closing_times` contains the time at which each pull request was closed, by number. One GraphQL query reads up to
    `BATCH` pull requests.

    If GitHub does not support the query, the result is empty, so all these pull requests count as closed by users.
    Raises RefusedError if the query fails for another reason.
    """
    numbers, closed_by_deletion = sorted(closing_times), set[int]()
    for start in range(0, len(numbers), BATCH):
        batch = numbers[start : start + BATCH]
        try:
            pulls = query_pull_requests(remote, "read who closed", batch, "Vanished", _DELETION_FIELDS)
        except RefusedError as refusal:
            if not is_query_unavailable(refusal):
                raise
            return frozenset()
        closed_by_deletion |= {
            number for number in batch if _is_closed_by_branch_deletion(pulls[number], closing_times[number])
        }
    return frozenset(closed_by_deletion)


def _is_closed_by_branch_deletion(pull: Mapping[str, Any], closed_at: datetime) -> bool:
    """Return True if the branch of a pull request was deleted just before the pull request was closed."""
    return is_closed_by_deletion(
        closed_at, (datetime.fromisoformat(each["createdAt"]) for each in pull["timelineItems"]["nodes"])
    )


_CONFLICTED, _BEHIND = "dirty", "behind"
"""Merge states: https://docs.github.com/en/graphql/reference/enums#mergestatestatus. GitHub reports a conflict even if
there are further reasons that prevent the merge."""

_STATUS_CHECKS = "required_status_checks"


def read_merge_state(remote: GitHubRemote, number: int) -> MergeState:
    """Return whether a pull request has conflicts or is behind its base branch.

    Raises RefusedError if an API call fails.

    If GitHub is still computing the merge state, `is_known` of the result is False.
    """

    def fetch(repository: Repository) -> MergeState:
        pull = repository.get_pull(number)
        mergeable: bool | None = pull.mergeable
        if mergeable is None:
            return MergeState(is_known=False, has_conflicts=False, is_outdated=False)
        state = pull.mergeable_state
        return MergeState(is_known=True, has_conflicts=state == _CONFLICTED, is_outdated=state == _BEHIND)

    return remote.read(f"read pull request #{number}", fetch, PULLS_READ)


def is_current_branch_required(remote: GitHubRemote, branch: str) -> bool:
    """Return True if a ruleset or branch protection of `branch` requires pull requests to be up to date before merging.

    If the token is not allowed to read the rules, the result is False. The rules are read because a pull request's
    merge state does not always show the requirement: GitHub reports `behind` only if nothing else prevents the merge.
    Raises RefusedError if an API call fails.
    """
    return _check_if_visible(lambda: _has_strict_ruleset(remote, branch)) or _check_if_visible(
        lambda: _has_strict_protection(remote, branch)
    )


def _check_if_visible(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except RefusedError as refusal:
        if refusal.retry_after is None and refusal.status in (FORBIDDEN, NOT_FOUND):
            return False
        raise


def _has_strict_ruleset(remote: GitHubRemote, branch: str) -> bool:
    """Return True if a ruleset of `branch` requires pull requests to be up to date.

    Raises RefusedError if an API call fails.

    https://docs.github.com/en/rest/repos/rules#get-rules-for-a-branch
    """
    path = f"/rules/branches/{quote(branch, safe='')}"
    rules = remote.read_json(f"read the rules for {branch}", path, METADATA_READ)
    checks = (each["parameters"] for each in rules if each["type"] == _STATUS_CHECKS)
    return any(each["strict_required_status_checks_policy"] for each in checks)


def _has_strict_protection(remote: GitHubRemote, branch: str) -> bool:
    """Return True if the protection of `branch` requires pull requests to be up to date.

    Raises RefusedError if an API call fails.

    https://docs.github.com/en/rest/branches/branch-protection
    """
    path = f"/branches/{quote(branch, safe='')}/protection/required_status_checks"
    return bool(remote.read_json(f"read the protection of {branch}", path, ADMINISTRATION_READ)["strict"])
