"""Reads the last commits of basebump's branches, and checks whether the commits claim to be basebump's.

The intent of a commit is a hash of the changes that basebump planned. basebump writes it into a trailer of the commit
message. A commit claims to be basebump's if three things are true: it has this trailer, its author is basebump's
account, and nobody amended it. Anybody who can push can forge all three. Therefore `bot.branch_ports.BranchJudge` also
compares the content of the branch with the edits that basebump makes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from bot.core.proposal.marks import parse_base_branch, parse_intent
from bot.forges._git_objects import PARENTS_OF_MERGE
from bot.model.branch_ownership import BranchVerdict, FileDifference
from bot.model.source import FilePath

MAX_DATE_DIFFERENCE = timedelta(seconds=5)
"""The largest difference between the dates of author and committer in a commit that nobody amended. A server sets
both dates when it creates a commit."""

FileChanges = Mapping[str, tuple[object, tuple[str, ...]] | None]
"""For each changed file, the kind of change and the changed lines; None if the server does not show them."""


@dataclass(frozen=True, slots=True)
class CommitFacts:
    """A commit of a branch, and the facts that show whether basebump created it."""

    commit: str
    parents: tuple[str, ...]
    message: str
    intent: str | None
    """The intent in the commit's trailer, which is a hash of the planned changes; None if basebump did not create the
    commit."""
    stated_base: str | None
    """The base branch that the commit names in its trailer; None for the default branch."""
    committed_at: datetime | None


@dataclass(frozen=True, slots=True)
class BranchTip:
    """The commit that a branch points to."""

    commit: str
    read_facts: Callable[[], CommitFacts]
    """Returns the facts about the commit, and raises RefusedError. It sends an API request if the list of branches does
    not contain the facts."""


@dataclass(frozen=True, slots=True)
class CommitAuthorship:
    """Author, committer and dates of a commit."""

    is_by_account: bool
    """True if the token's account is the author, and the committer is the account or the server itself."""
    authored_at: datetime | None
    """None if the date is outside the range of Python's dates. git accepts such dates."""
    committed_at: datetime | None


def build_commit_facts(
    commit: str,
    parents: tuple[str, ...],
    message: str,
    committed_at: datetime | None,
    read_authorship: Callable[[], CommitAuthorship],
) -> CommitFacts:
    """Return a commit with the facts that show whether basebump created it.

    `read_authorship` returns author and committer of the commit. Because it may send an API request, it is called only
    if the message has basebump's trailer.
    """
    stated_intent = parse_intent(message)
    is_own = stated_intent is not None and is_own_commit(parents, read_authorship())
    return CommitFacts(
        commit, parents, message, stated_intent if is_own else None, parse_base_branch(message), committed_at
    )


def is_own_commit(parents: Sequence[str], authorship: CommitAuthorship) -> bool:
    """Return True if the token's account created a commit, and nobody amended it.

    If a user amends the commit, the user becomes its committer, so that `authorship.is_by_account` is False. If the
    user has the same account as the token, the dates show the change: `git commit --amend` keeps the author's date and
    sets a new committer date.
    """
    return (
        len(parents) == 1
        and authorship.is_by_account
        and authorship.authored_at is not None
        and authorship.committed_at is not None
        and abs(authorship.committed_at - authorship.authored_at) <= MAX_DATE_DIFFERENCE
    )


def parse_commit_date(text: str) -> datetime | None:
    """Return the date of a commit; None if the date is too late for Python. git accepts such dates."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class BranchHead:
    """The last commit of a branch, and the result of the comparison with the base branch."""

    commit: str
    intent: str | None
    """The intent of basebump's commit; None if the branch contains changes that neither this commit nor the base branch
    contains."""
    stated_base: str | None
    """The base branch that the commit names in its trailer; None for the default branch."""
    committed_at: datetime | None
    """The date of basebump's commit; if the branch has no such commit, the date of the last commit."""
    is_behind: bool
    """True if the base branch has commits that the branch does not have."""
    own_commit: str | None = None
    """basebump's commit; None if the branch contains changes that neither this commit nor the base branch contains."""
    base_parent: str | None = None
    """The parent of the last commit that is a commit of the base branch. None if the branch contains changes that
    neither basebump's commit nor the base branch contains. `HeadReader.find_merge_base` checks that the base branch
    contains this parent."""
    is_base_checked: bool = False
    """True if two facts have been checked: the base branch contains `base_parent`, and the branch contains no other
    commits than basebump's commit and merges of the base branch."""
    is_confirmed: bool = False
    """True if this run or the state knows all digests on the branch. False until the content has been judged."""
    is_as_marked: bool = True
    """False if the branch contains digests that the mark of its pull request does not name."""

    def apply(self, verdict: BranchVerdict) -> BranchHead:
        """Return the head with the intent from a verdict on the content of the branch."""
        return replace(
            self, intent=verdict.intent, is_confirmed=verdict.is_confirmed, is_as_marked=verdict.is_as_marked
        )


@dataclass(frozen=True, slots=True)
class BranchComparison:
    """The commits of a branch that its base branch does not have, and the changes that these commits make together."""

    commits: Mapping[str, CommitFacts]
    changes: FileChanges | None
    """None if too many files changed: the server might then have left out files or lines."""
    check_is_behind: Callable[[], bool]
    """Returns True if the base branch has commits that the branch does not have. It may send an API request."""


class CommitReader(Protocol):
    """Reads commits of one repository. Methods raise RefusedError if an API call fails."""

    def compare(self, base_commit: str, commit: str) -> BranchComparison | None:
        """Return the commits that `commit` contains and `base_commit` does not, and the changes of these commits.

        If there are too many commits to inspect, or if the token cannot compare commits, return None.
        """
        ...

    def read_changes(self, commit: str) -> FileChanges:
        """Return the changes that a commit makes to its parent."""
        ...

    def list_differences(self, base_commit: str, commit: str) -> Sequence[FileDifference] | None:
        """Return the paths at which the trees of two commits differ.

        `commit` contains `base_commit`. If there are too many differences to list, return None.
        """
        ...

    def list_file_commits(self, commit: str, path: FilePath, max_commits: int) -> Sequence[str]:
        """Return the ids of the newest commits up to `commit` that changed a file, newest first."""
        ...


@dataclass(frozen=True, slots=True)
class HeadReader:
    """Compares branches of one repository with the base branch's commit.

    Methods raise RefusedError if an API call fails.
    """

    commits: CommitReader
    base_commit: str | None

    def read_head(self, branch_tip: BranchTip) -> BranchHead:
        """Return the last commit of a branch, compared with the base branch. `branch_tip` is the last commit.

        If the last commit is a merge, a user may have merged the base branch into the branch ("Update branch"). More
        API requests are sent for such a merge, to find basebump's commit below it.
        """
        tip = branch_tip.read_facts()
        if len(tip.parents) == PARENTS_OF_MERGE and self.base_commit is not None:
            head = self._read_below_merges(tip, self.base_commit)
            if head is not None:
                return head
        is_on_base = tip.parents == (self.base_commit,)
        is_own = tip.intent is not None
        return BranchHead(
            tip.commit,
            tip.intent,
            tip.stated_base,
            tip.committed_at,
            is_behind=not is_on_base,
            own_commit=tip.commit if is_own else None,
            base_parent=tip.parents[0] if is_own else None,
            is_base_checked=is_on_base,
        )

    def find_merge_base(self, head: BranchHead) -> str | None:
        """Return the commit of the base branch on which a branch is based.

        Return None if the branch contains other commits than basebump's commit and merges of the base branch. If the
        branch is not based on the newest commit of the base branch, this method sends an API request.
        """
        if head.is_base_checked or head.base_parent is None or self.base_commit is None:
            return head.base_parent
        comparison = self.commits.compare(self.base_commit, head.commit)
        if comparison is None:
            return None
        if not comparison.commits:  # the base branch contains all commits of the branch
            return head.commit
        return head.base_parent if set(comparison.commits) == {head.commit} else None

    def _read_below_merges(self, merge: CommitFacts, base_commit: str) -> BranchHead | None:
        """Find basebump's commit in a branch whose last commit is `merge`, a merge of the base branch.

        If the branch contains a commit that is neither basebump's commit nor a merge of the base branch, return None.
        If the branch now makes other changes than basebump's commit, because a user edited files while merging, return
        None.
        """
        comparison = self.commits.compare(base_commit, merge.commit)
        own_commit = _find_own_commit_below_merges(merge, comparison.commits) if comparison is not None else None
        if comparison is None or comparison.changes is None or own_commit is None:
            return None
        own_changes = self.commits.read_changes(own_commit.commit)
        if own_changes != comparison.changes or None in own_changes.values():
            return None
        return BranchHead(
            merge.commit,
            own_commit.intent,
            own_commit.stated_base,
            own_commit.committed_at,
            is_behind=comparison.check_is_behind(),
            own_commit=own_commit.commit,
            base_parent=merge.parents[1],
            is_base_checked=True,
        )


def _find_own_commit_below_merges(
    tip: CommitFacts, commits_beyond_base: Mapping[str, CommitFacts]
) -> CommitFacts | None:
    """Return basebump's commit if the branch consists of this commit and merges of the base branch on top of it.

    If the branch contains any other commit, return None.

    Args:
        tip: The commit that the branch points to.
        commits_beyond_base: The commits of the branch that the base branch does not have, by id.
    """
    if len(tip.parents) == PARENTS_OF_MERGE and tip.parents[1] in commits_beyond_base:
        return None
    commit: CommitFacts | None = tip
    merges = 0
    while commit is not None and commit.intent is None and len(commit.parents) == PARENTS_OF_MERGE:
        merges += 1
        commit = commits_beyond_base.get(commit.parents[0])
    return (
        commit if commit is not None and commit.intent is not None and len(commits_beyond_base) == merges + 1 else None
    )


def extract_changed_lines(patch: str) -> tuple[str, ...]:
    """Return the added and removed lines of a patch.

    Line numbers and context lines are left out, because they can change when the base branch is merged into the branch.
    """
    return tuple(line for line in patch.split("\n") if line.startswith(("+", "-")))
