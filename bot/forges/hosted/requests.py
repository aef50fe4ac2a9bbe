"""Open requests of a base branch, the branches to read to find them, and requests closed by a deleted branch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot.core.proposal.base_branches import BaseBranch
from bot.forges.hosted.heads import BranchHead
from bot.model.proposal import RemoteRequest, RequestState

MAX_BEFORE_DELETION = timedelta(seconds=1)
"""A person who closes a request and then deletes its branch takes longer than this."""
MAX_AFTER_DELETION = timedelta(minutes=1)
"""The time within which a forge closes a request after its branch was deleted."""
MERGE_CHECK_SECONDS = 2.0
"""Seconds in which a server computes the merge state of a request, which it does only when the state is requested."""


@dataclass(frozen=True, slots=True)
class MergeState:
    """The merge state of one request."""

    is_known: bool
    has_conflicts: bool
    is_outdated: bool
    """True if the server reports that the branch must be up to date before it is merged, and is not."""


class ListedRequest(Protocol):
    """An open request to merge a branch into a base branch."""

    @property
    def branch(self) -> str: ...

    @property
    def target_branch(self) -> str: ...


def select_branches_to_read(
    branches: Iterable[str], requests: Collection[ListedRequest], base: BaseBranch, desired: Collection[str]
) -> Iterator[str]:
    """Yield the branches whose head must be read, by name.

    These are the `desired` branches, those with a request to this base branch, and those without any open request.
    """
    with_request = {each.branch for each in requests}
    with_request_here = {each.branch for each in requests if each.target_branch == base.name}
    for branch in sorted(branches):
        if branch in desired or branch in with_request_here or branch not in with_request:
            yield branch


def is_request_of_base(
    base: BaseBranch, request: ListedRequest, heads: Mapping[str, BranchHead], desired: Collection[str]
) -> bool:
    """Return True if a request belongs to a base branch; False if the head of its branch was not read."""
    head = heads.get(request.branch)
    return head is not None and base.is_base_of_request(
        request.target_branch,
        is_desired=request.branch in desired,
        is_ours=head.intent is not None,
        stated_base=head.stated_base,
    )


def can_conflict(head: BranchHead) -> bool:
    """Return True if a conflict matters: branches with commits of people are left alone anyway."""
    return head.intent is not None and head.is_behind


def is_closed_by_deletion(closed_at: datetime, deletions: Iterable[datetime]) -> bool:
    """Return True if a request was closed just after its branch was deleted, at any of the times in `deletions`."""
    return any(-MAX_BEFORE_DELETION <= closed_at - when <= MAX_AFTER_DELETION for when in deletions)


def read_merge_states(
    numbers: Sequence[int], read_merge_state: Callable[[int], MergeState], pause: Callable[[float], None]
) -> Mapping[int, MergeState]:
    """Return the merge state of each request.

    The first request makes a server compute the state, so unknown ones are requested again. Raises RefusedError.
    """
    states = {number: read_merge_state(number) for number in numbers}
    unknown = [number for number, state in states.items() if not state.is_known]
    if unknown:
        pause(MERGE_CHECK_SECONDS)
        states |= {number: read_merge_state(number) for number in unknown}
    return states


def build_branch_requests(
    heads: Mapping[str, BranchHead], with_request: Collection[str], base: BaseBranch, desired: Collection[str]
) -> Iterator[RemoteRequest]:
    """Yield the branches of a base branch that have no request; `with_request` are the branches that have one."""
    for branch, head in heads.items():
        if branch not in with_request and base.is_base_of_branch(
            is_desired=branch in desired, is_ours=head.intent is not None, stated_base=head.stated_base
        ):
            yield RemoteRequest(
                branch,
                RequestState.BRANCH,
                head.commit,
                head.intent,
                committed_at=head.committed_at,
                is_behind=head.is_behind,
            )
