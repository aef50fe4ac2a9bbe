"""Tell basebump's commits, and merges of the base branch above them, from commits of people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol, TypeVar

from bot.forges._git_objects import PARENTS_OF_MERGE

MAX_DATE_DIFFERENCE = timedelta(seconds=5)
"""Servers date author and committer at once; a commit with a larger difference was amended by somebody."""


class CommitWithIntent(Protocol):
    """One commit of a server's API."""

    @property
    def parents(self) -> tuple[str, ...]: ...

    @property
    def intent(self) -> str | None:
        """The intent in the commit's trailer; None if basebump did not make the commit."""
        ...


AnyCommit = TypeVar("AnyCommit", bound=CommitWithIntent)


def find_own_commit_below_merges(tip: AnyCommit, commits_beyond_base: Mapping[str, AnyCommit]) -> AnyCommit | None:
    """Find basebump's commit below merges of the base branch; None if the branch holds anything else.

    `tip` is the commit that the branch points to, `commits_beyond_base` are the commits that the base does not have, by
    name. Anything else that somebody merged would be among them.
    """
    commit: AnyCommit | None = tip
    merges = 0
    while commit is not None and commit.intent is None and len(commit.parents) == PARENTS_OF_MERGE:
        merges += 1
        commit = commits_beyond_base.get(commit.parents[0])
    return (
        commit if commit is not None and commit.intent is not None and len(commits_beyond_base) == merges + 1 else None
    )


def extract_changed_lines(patch: str) -> tuple[str, ...]:
    """Return the added and removed lines of a patch, without positions and context: a merge changes both."""
    return tuple(line for line in patch.split("\n") if line.startswith(("+", "-")))
