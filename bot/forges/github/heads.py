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

from bot.core.proposal.markers import parse_base_branch, parse_intent
from bot.forges._git_objects import MAX_MERGES, PARENTS_OF_MERGE
from bot.forges.github.connection import GitHubAccount, GitHubRemote, get_login
from bot.forges.hosted.heads import (
    MAX_DATE_DIFFERENCE,
    extract_changed_lines,
    find_own_commit_below_merges,
)

MAX_FILES = 300
"""Files of one comparison; GitHub returns no more:
https://docs.github.com/en/rest/commits/commits#compare-two-commits."""

_WEB_FLOW = "web-flow"
"""The committer of commits that GitHub signs for an App: https://github.com/web-flow."""

_GitHubFileChanges = Mapping[str, tuple[str, tuple[str, ...]] | None]
"""Status and changed lines of each file; None if GitHub does not show them."""


@dataclass(frozen=True, slots=True)
class GitHubHead:
    """The content of one branch compared with the base branch."""

    intent: str | None
    """The intent of basebump's commit; None if the branch holds anything else beyond the base."""
    stated_base: str | None
    """The base branch that the commit names in its trailer; None for the default branch."""
    committed_at: datetime | None
    """When basebump's commit was made; without one, the last commit."""
    is_behind: bool
    """True if the base has commits that the branch does not have."""


@dataclass(frozen=True, slots=True)
class _GitHubCommit:
    """A commit as GitHub returns it."""

    oid: str
    parents: tuple[str, ...]
    intent: str | None
    """The intent in the commit's trailer; None if basebump did not make the commit."""
    stated_base: str | None
    committed_at: datetime | None


@dataclass(frozen=True, slots=True)
class _GitHubComparison:
    """The commits and changes that a branch has beyond the base."""

    commits: Mapping[str, _GitHubCommit]
    is_behind: bool
    changes: _GitHubFileChanges


@dataclass(frozen=True, slots=True)
class GitHubHeadReader:
    """Reads heads in one repository, compared with one commit of its base branch. Methods raise RefusedError."""

    remote: GitHubRemote
    base_commit: str | None

    def read_head(self, commit: str) -> GitHubHead:
        """Read the head of a branch that points to `commit`.

        It takes one request, and two more for a merge commit, which may be a merge of the base ("Update branch").
        """
        account = self.remote.connection.get_account()
        tip = self.remote.read(
            f"read the commit {commit}",
            lambda repository: _parse_commit(repository.get_commit(commit, commit_files_per_page=1), account),
        )
        if len(tip.parents) == PARENTS_OF_MERGE and self.base_commit is not None:
            head = self._read_below_merges(tip, self.base_commit, account)
            if head is not None:
                return head
        return GitHubHead(tip.intent, tip.stated_base, tip.committed_at, tip.parents != (self.base_commit,))

    def _read_below_merges(self, merge: _GitHubCommit, base_commit: str, account: GitHubAccount) -> GitHubHead | None:
        """Return the head if only merges of the base stand on basebump's commit; None otherwise."""
        comparison = self.remote.read(
            f"compare {merge.oid} with its base branch",
            lambda repository: _parse_comparison(
                repository.compare(base_commit, merge.oid, comparison_commits_per_page=MAX_MERGES + 1), account
            ),
        )
        own_commit = find_own_commit_below_merges(merge, comparison.commits) if comparison is not None else None
        if comparison is None or own_commit is None:
            return None
        own_changes = self.remote.read(
            f"read the commit {own_commit.oid}", lambda repository: _fetch_changes(repository, own_commit.oid)
        )
        if own_changes != comparison.changes or None in own_changes.values():
            return None
        return GitHubHead(own_commit.intent, own_commit.stated_base, own_commit.committed_at, comparison.is_behind)


def _parse_comparison(comparison: Comparison, account: GitHubAccount) -> _GitHubComparison | None:
    """Parse a comparison; None if it has more commits or files than are inspected."""
    if comparison.total_commits > MAX_MERGES + 1 or len(comparison.files) >= MAX_FILES:
        return None
    commits = [_parse_commit(each, account) for each in islice(comparison.commits, comparison.total_commits)]
    return _GitHubComparison(
        {each.oid: each for each in commits}, comparison.behind_by > 0, _collect_changes(comparison.files)
    )


def _fetch_changes(repository: Repository, commit: str) -> _GitHubFileChanges:
    return _collect_changes(islice(repository.get_commit(commit).files, MAX_FILES))


def _collect_changes(files: Iterable[File]) -> _GitHubFileChanges:
    return {each.filename: (each.status, extract_changed_lines(each.patch)) if each.patch else None for each in files}


def _parse_commit(commit: Commit, account: GitHubAccount) -> _GitHubCommit:
    message = commit.commit.message
    intent = parse_intent(message) if _is_own_commit(commit, account) else None
    parents = tuple(parent.sha for parent in commit.parents)
    return _GitHubCommit(commit.sha, parents, intent, parse_base_branch(message), commit.commit.committer.date)


def _is_own_commit(commit: Commit, account: GitHubAccount) -> bool:
    """Return True if the token's account made this commit, and nobody amended it.

    GitHub is the committer of an App's commits, since it signs them. Amending a commit keeps its author and changes its
    committer; if the person whose token it is amends it, author and committer are equal, but their dates differ.
    """
    author, committer = get_login(commit.author), get_login(commit.committer)
    if len(commit.parents) != 1 or author is None:
        return False
    is_account = commit.author.type == "Bot" if account.login is None else author.lower() == account.login.lower()
    dates = commit.commit.author.date, commit.commit.committer.date
    return is_account and committer in (author, _WEB_FLOW) and abs(dates[1] - dates[0]) <= MAX_DATE_DIFFERENCE
