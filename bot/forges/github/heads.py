"""Read the heads of basebump's branches: who made their commits, and what they hold beyond the base branch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from github.Commit import Commit
from github.Comparison import Comparison
from github.File import File
from github.Repository import Repository

from bot.core.proposal.mark import parse_base_branch, parse_intent
from bot.forges._our_commits import AMENDED_AFTER, MAX_MERGES, PARENTS_OF_MERGE, below_merges, changed_lines
from bot.forges.github.connection import Account, Remote, login_of

MAX_FILES = 300
"""Files of one comparison; GitHub returns no more:
https://docs.github.com/en/rest/commits/commits#compare-two-commits."""

_WEB_FLOW = "web-flow"
"""The committer of commits that GitHub signs for an App: https://github.com/web-flow."""

_Changes = Mapping[str, tuple[str, tuple[str, ...]] | None]
"""Status and changed lines of each file; None if GitHub does not show them."""


@dataclass(frozen=True, slots=True)
class Head:
    """The content of one branch compared with the base branch."""

    intent: str | None
    """The intent of basebump's commit; None if the branch holds anything else beyond the base."""
    base: str | None
    """The base branch that the commit names in its trailer; None for the default branch."""
    committed: datetime | None
    """When basebump's commit was made; without one, the last commit."""
    behind: bool
    """True if the base has commits that the branch does not have."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A commit as GitHub returns it."""

    oid: str
    parents: tuple[str, ...]
    intent: str | None
    """The intent in the commit's trailer; None if basebump did not make the commit."""
    base: str | None
    committed: datetime | None


@dataclass(frozen=True, slots=True)
class _Compared:
    """The commits and changes that a branch has beyond the base."""

    commits: Mapping[str, _Read]
    behind: bool
    changes: _Changes


@dataclass(frozen=True, slots=True)
class Heads:
    """Reads heads in one repository, compared with one commit of its base branch. Methods raise RefusedError."""

    remote: Remote
    base: str | None

    def look(self, commit: str) -> Head:
        """Read the head of a branch that points to `commit`.

        It takes one request, and two more for a merge commit, which may be a merge of the base ("Update branch").
        """
        account = self.remote.connection.account()
        read = self.remote.read(
            f"read the commit {commit}",
            lambda repository: _read(repository.get_commit(commit, commit_files_per_page=1), account),
        )
        if len(read.parents) == PARENTS_OF_MERGE and self.base is not None:
            updated = self._updated(read, self.base, account)
            if updated is not None:
                return updated
        return Head(read.intent, read.base, read.committed, read.parents != (self.base,))

    def _updated(self, merge: _Read, base: str, account: Account) -> Head | None:
        """Return the head if only merges of the base stand on basebump's commit; None otherwise."""
        compared = self.remote.read(
            f"compare {merge.oid} with its base branch",
            lambda repository: _compared(
                repository.compare(base, merge.oid, comparison_commits_per_page=MAX_MERGES + 1), account
            ),
        )
        ours = below_merges(merge, compared.commits) if compared is not None else None
        if compared is None or ours is None:
            return None
        made = self.remote.read(f"read the commit {ours.oid}", lambda repository: _changes_of(repository, ours.oid))
        if made != compared.changes or None in made.values():
            return None
        return Head(ours.intent, ours.base, ours.committed, compared.behind)


def _compared(comparison: Comparison, account: Account) -> _Compared | None:
    """Parse a comparison; None if it has more commits or files than are inspected."""
    if comparison.total_commits > MAX_MERGES + 1 or len(comparison.files) >= MAX_FILES:
        return None
    commits = [_read(each, account) for each in islice(comparison.commits, comparison.total_commits)]
    return _Compared({each.oid: each for each in commits}, comparison.behind_by > 0, _changes(comparison.files))


def _changes_of(repository: Repository, commit: str) -> _Changes:
    return _changes(islice(repository.get_commit(commit).files, MAX_FILES))


def _changes(files: Iterable[File]) -> _Changes:
    return {each.filename: (each.status, changed_lines(each.patch)) if each.patch else None for each in files}


def _read(commit: Commit, account: Account) -> _Read:
    message = commit.commit.message
    intent = parse_intent(message) if _is_ours(commit, account) else None
    parents = tuple(parent.sha for parent in commit.parents)
    return _Read(commit.sha, parents, intent, parse_base_branch(message), commit.commit.committer.date)


def _is_ours(commit: Commit, account: Account) -> bool:
    """Return True if the token's account made this commit, and nobody amended it.

    GitHub is the committer of an App's commits, since it signs them. Amending a commit keeps its author and changes its
    committer; if the person whose token it is amends it, author and committer are equal, but their dates differ.
    """
    author, committer = login_of(commit.author), login_of(commit.committer)
    if len(commit.parents) != 1 or author is None:
        return False
    is_account = commit.author.type == "Bot" if account.login is None else author.lower() == account.login.lower()
    dates = commit.commit.author.date, commit.commit.committer.date
    return is_account and committer in (author, _WEB_FLOW) and abs(dates[1] - dates[0]) <= AMENDED_AFTER
