"""Which requests of a server belong to a base branch, and which of its branches have to be read to decide that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Protocol

from bot.core.proposal.base_branches import BaseBranch


class Head(Protocol):
    """The content of a branch compared with the base branch."""

    @property
    def intent(self) -> str | None:
        """The intent of basebump's commit; None if the branch holds anything else beyond the base."""
        ...

    @property
    def base(self) -> str | None:
        """The base branch that the commit names in its trailer; None for the default branch."""
        ...

    @property
    def behind(self) -> bool:
        """True if the base has commits that the branch does not have."""
        ...


class Request(Protocol):
    """An open request to merge a branch into a base branch."""

    @property
    def branch(self) -> str: ...

    @property
    def target(self) -> str: ...


def worth_a_look(
    branches: Iterable[str], requests: Collection[Request], base: BaseBranch, wanted: Collection[str]
) -> Iterator[str]:
    """Yield the branches whose head must be read, by name.

    These are the `desired` branches, those with a request to this base branch, and those without any open request.
    """
    spoken_for = {each.branch for each in requests}
    near = {each.branch for each in requests if each.target == base.name}
    for branch in sorted(branches):
        if branch in wanted or branch in near or branch not in spoken_for:
            yield branch


def owns(base: BaseBranch, request: Request, heads: Mapping[str, Head], wanted: Collection[str]) -> bool:
    """Return True if a request belongs to a base branch; False if the head of its branch was not read."""
    head = heads.get(request.branch)
    return head is not None and base.is_base_of_request(
        request.target, is_desired=request.branch in wanted, is_ours=head.intent is not None, stated_base=head.base
    )


def may_conflict(head: Head) -> bool:
    """Return True if a conflict matters: branches with commits of people are left alone anyway."""
    return head.intent is not None and head.behind
