"""Which requests of a server are ours to tell of, and what has to be known of their branches for that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Protocol

from bot.core.proposal.base_branches import Base


class Head(Protocol):
    """What one branch points to."""

    @property
    def intent(self) -> str | None:
        """None where it holds anything beyond the base that is not ours."""
        ...

    @property
    def base(self) -> str | None:
        """The base branch that its commit says it was made for, None for the default one."""
        ...

    @property
    def behind(self) -> bool:
        """Whether the base has commits that it does not hold."""
        ...


class Request(Protocol):
    """One open request, from a branch to a base branch."""

    @property
    def branch(self) -> str: ...

    @property
    def target(self) -> str: ...


def worth_a_look(
    branches: Iterable[str], requests: Collection[Request], base: Base, wanted: Collection[str]
) -> Iterator[str]:
    """Yield the branches whose head is to be read, by name: not those that only a request to another base is from."""
    spoken_for = {each.branch for each in requests}
    near = {each.branch for each in requests if each.target == base.name}
    for branch in sorted(branches):
        if branch in wanted or branch in near or branch not in spoken_for:
            yield branch


def owns(base: Base, request: Request, heads: Mapping[str, Head], wanted: Collection[str]) -> bool:
    """Say whether a request belongs to a base branch; one whose head was not read does not."""
    head = heads.get(request.branch)
    return head is not None and base.owns_request(
        request.target, is_wanted=request.branch in wanted, is_ours=head.intent is not None, stated=head.base
    )


def may_conflict(head: Head) -> bool:
    """Say whether it is worth asking: what a person committed is left alone anyway."""
    return head.intent is not None and head.behind
