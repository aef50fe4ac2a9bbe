"""The commits that branches of ours point to: whose they are, and what they hold beyond the base branch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from github.Commit import Commit
from github.Comparison import Comparison
from github.File import File
from github.Repository import Repository

from bot.core.proposal.mark import base_of, intent_of
from bot.forges._our_commits import AMENDED_AFTER, MAX_MERGES, PARENTS_OF_MERGE, below_merges, changed_lines
from bot.forges.github.connection import Account, Remote, login_of

MAX_FILES = 300
"""Files of one comparison, of which GitHub shows no more:
https://docs.github.com/en/rest/commits/commits#compare-two-commits."""

_WEB_FLOW = "web-flow"
"""Who commits what GitHub itself signs, for an App: https://github.com/web-flow."""

_Changes = Mapping[str, tuple[str, tuple[str, ...]] | None]
"""What is added and removed in each file; None where GitHub does not show it."""


@dataclass(frozen=True, slots=True)
class Head:
    """What one branch points to."""

    intent: str | None
    """None where it holds anything beyond the base that is not ours."""
    base: str | None
    """The base branch that its commit says it was made for, None for the default one."""
    committed: datetime | None
    """When the commit was made that carries the intent; without one, the last."""
    behind: bool
    """Whether the base has commits that it does not hold."""


@dataclass(frozen=True, slots=True)
class _Read:
    """One commit as GitHub shows it."""

    oid: str
    parents: tuple[str, ...]
    intent: str | None
    """None when the commit itself is not ours."""
    base: str | None
    committed: datetime | None


@dataclass(frozen=True, slots=True)
class _Compared:
    """What a branch has beyond the base."""

    commits: Mapping[str, _Read]
    behind: bool
    changes: _Changes


@dataclass(frozen=True, slots=True)
class Heads:
    """The commits of one repository, seen from one commit of its base branch. Every method raises RefusedError."""

    remote: Remote
    base: str | None

    def look(self, commit: str) -> Head:
        """Return what a branch points to.

        One request; two more where it is a merge, which may be the base's ("Update branch").
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
        """Return a commit of ours with merges of the base above it, and nothing else; None for all else."""
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
    """Return a comparison, None where it has more than is looked at."""
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
    intent = intent_of(message) if _is_ours(commit, account) else None
    parents = tuple(parent.sha for parent in commit.parents)
    return _Read(commit.sha, parents, intent, base_of(message), commit.commit.committer.date)


def _is_ours(commit: Commit, account: Account) -> bool:
    """Say whether the token's account made this commit itself, and nobody made it anew since.

    An App commits through GitHub, which signs for it. Whoever amends a commit keeps its author, and becomes its
    committer; the account's own person, who is both, is given away by the dates.
    """
    author, committer = login_of(commit.author), login_of(commit.committer)
    if len(commit.parents) != 1 or author is None:
        return False
    is_account = commit.author.type == "Bot" if account.login is None else author.lower() == account.login.lower()
    dates = commit.commit.author.date, commit.commit.committer.date
    return is_account and committer in (author, _WEB_FLOW) and abs(dates[1] - dates[0]) <= AMENDED_AFTER
