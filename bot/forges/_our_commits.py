"""What tells our commits on a server, and merges of the base above them, from what people commit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol, TypeVar

AMENDED_AFTER = timedelta(seconds=5)
"""Servers date author and committer at once; a commit whose committer is later than that was made anew by somebody."""
MAX_MERGES = 20
"""Merges of the base that are looked through for the commit below them; who updates a branch more often rebases it."""
PARENTS_OF_MERGE = 2


class Commit(Protocol):
    """One commit as a server shows it."""

    @property
    def parents(self) -> tuple[str, ...]: ...

    @property
    def intent(self) -> str | None:
        """None when the commit itself is not ours."""
        ...


AnyCommit = TypeVar("AnyCommit", bound=Commit)


def below_merges(top: AnyCommit, beyond: Mapping[str, AnyCommit]) -> AnyCommit | None:
    """Return the commit of ours on which only merges stand, where `beyond` (what the base does not have) is just that.

    What else somebody merged would be among `beyond`.
    """
    at: AnyCommit | None = top
    passed = 0
    while at is not None and at.intent is None and len(at.parents) == PARENTS_OF_MERGE:
        passed += 1
        at = beyond.get(at.parents[0])
    return at if at is not None and at.intent is not None and len(beyond) == passed + 1 else None


def changed_lines(patch: str) -> tuple[str, ...]:
    """Return the lines that were added and removed, without where: a merge moves them, and changes what is around."""
    return tuple(line for line in patch.split("\n") if line.startswith(("+", "-")))
