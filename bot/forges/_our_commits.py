"""Tell basebump's commits, and merges of the base branch above them, from commits of people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol, TypeVar

AMENDED_AFTER = timedelta(seconds=5)
"""Servers date author and committer at once; a commit with a larger difference was amended by somebody."""
MAX_MERGES = 20
"""Merges of the base that are followed down to basebump's commit. A branch updated more often is rebased instead."""
PARENTS_OF_MERGE = 2


class Commit(Protocol):
    """One commit of a server's API."""

    @property
    def parents(self) -> tuple[str, ...]: ...

    @property
    def intent(self) -> str | None:
        """The intent in the commit's trailer; None if basebump did not make the commit."""
        ...


AnyCommit = TypeVar("AnyCommit", bound=Commit)


def below_merges(top: AnyCommit, beyond: Mapping[str, AnyCommit]) -> AnyCommit | None:
    """Find basebump's commit below merges of the base branch; None if the branch holds anything else.

    `tip` is the commit that the branch points to, `commits_beyond_base` are the commits that the base does not have, by
    name. Anything else that somebody merged would be among them.
    """
    at: AnyCommit | None = top
    passed = 0
    while at is not None and at.intent is None and len(at.parents) == PARENTS_OF_MERGE:
        passed += 1
        at = beyond.get(at.parents[0])
    return at if at is not None and at.intent is not None and len(beyond) == passed + 1 else None


def changed_lines(patch: str) -> tuple[str, ...]:
    """Return the added and removed lines of a patch, without positions and context: a merge changes both."""
    return tuple(line for line in patch.split("\n") if line.startswith(("+", "-")))
