"""Open requests of a base branch, the branches to read to find them, and requests closed by a deleted branch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from bot.core.proposal.base_branches import BaseBranch


class BranchHead(Protocol):
    """The content of a branch compared with the base branch."""

    @property
    def intent(self) -> str | None:
        """The intent of basebump's commit; None if the branch holds anything else beyond the base."""
        ...

    @property
    def stated_base(self) -> str | None:
        """The base branch that the commit names in its trailer; None for the default branch."""
        ...

    @property
    def is_behind(self) -> bool:
        """True if the base has commits that the branch does not have."""
        ...


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


MAX_BEFORE_DELETION = timedelta(seconds=1)
"""A person who closes a request and then deletes its branch takes longer than this."""
MAX_AFTER_DELETION = timedelta(minutes=1)
"""The time within which a forge closes a request after its branch was deleted."""


def is_closed_by_deletion(closed_at: datetime, deletions: Iterable[datetime]) -> bool:
    """Return True if a request was closed just after its branch was deleted, at any of the times in `deletions`."""
    return any(-MAX_BEFORE_DELETION <= closed_at - when <= MAX_AFTER_DELETION for when in deletions)
