"""Read the heads of basebump's branches: what they hold beyond the base branch, and whether people changed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot.forges._git_objects import PARENTS_OF_MERGE

MAX_DATE_DIFFERENCE = timedelta(seconds=5)
"""Servers date author and committer at once; a commit with a larger difference was amended by somebody."""

FileChanges = Mapping[str, tuple[object, tuple[str, ...]] | None]
"""Kind of change and changed lines of each file; None if the server does not show them."""


@dataclass(frozen=True, slots=True)
class BranchTip:
    """The commit that a branch points to, or one below it."""

    commit: str
    parents: tuple[str, ...]
    message: str
    intent: str | None
    """The intent in the commit's trailer; None if basebump did not make the commit."""
    stated_base: str | None
    """The base branch that the commit names in its trailer; None for the default branch."""
    committed_at: datetime | None


@dataclass(frozen=True, slots=True)
class BranchHead:
    """The content of one branch compared with the base branch."""

    commit: str
    intent: str | None
    """The intent of basebump's commit; None if the branch holds anything else beyond the base."""
    stated_base: str | None
    """The base branch that the commit names in its trailer; None for the default branch."""
    committed_at: datetime | None
    """When basebump's commit was made; without one, the last commit."""
    is_behind: bool
    """True if the base has commits that the branch does not have."""


@dataclass(frozen=True, slots=True)
class BranchComparison:
    """The commits and changes that a branch has beyond the base."""

    commits: Mapping[str, BranchTip]
    changes: FileChanges
    check_is_behind: Callable[[], bool]
    """Returns True if the base has commits that the branch does not have; may send a request."""


class CommitReader(Protocol):
    """Reads commits of one repository. Methods raise RefusedError."""

    def compare(self, base_commit: str, commit: str) -> BranchComparison | None:
        """Compare a commit with the base; None if there is more than is inspected, or the token cannot compare."""
        ...

    def read_changes(self, commit: str) -> FileChanges:
        """Return what a commit changes."""
        ...


@dataclass(frozen=True, slots=True)
class HeadReader:
    """Reads heads in one repository, compared with one commit of its base branch. Methods raise RefusedError."""

    commits: CommitReader
    base_commit: str | None

    def read_head(self, tip: BranchTip) -> BranchHead:
        """Read the head of a branch that points to `tip`.

        It takes no request, except for a merge commit, which may be a merge of the base ("Update branch").
        """
        if len(tip.parents) == PARENTS_OF_MERGE and self.base_commit is not None:
            head = self._read_below_merges(tip, self.base_commit)
            if head is not None:
                return head
        return BranchHead(tip.commit, tip.intent, tip.stated_base, tip.committed_at, tip.parents != (self.base_commit,))

    def _read_below_merges(self, merge: BranchTip, base_commit: str) -> BranchHead | None:
        """Return the head if only merges of the base stand on basebump's commit; None otherwise."""
        comparison = self.commits.compare(base_commit, merge.commit)
        own_commit = _find_own_commit_below_merges(merge, comparison.commits) if comparison is not None else None
        if comparison is None or own_commit is None:
            return None
        own_changes = self.commits.read_changes(own_commit.commit)
        if own_changes != comparison.changes or None in own_changes.values():
            return None
        is_behind = comparison.check_is_behind()
        return BranchHead(merge.commit, own_commit.intent, own_commit.stated_base, own_commit.committed_at, is_behind)


def _find_own_commit_below_merges(tip: BranchTip, commits_beyond_base: Mapping[str, BranchTip]) -> BranchTip | None:
    """Find basebump's commit below merges of the base branch; None if the branch holds anything else.

    `tip` is the commit that the branch points to, `commits_beyond_base` are the commits that the base does not have, by
    name. Anything else that somebody merged would be among them.
    """
    commit: BranchTip | None = tip
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
