"""Read the commits of basebump's branches on GitHub: who made them, and what they hold beyond the base branch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from github.Commit import Commit
from github.Comparison import Comparison
from github.File import File
from github.Repository import Repository

from bot.core.proposal.markers import parse_base_branch, parse_intent
from bot.forges._git_objects import MAX_MERGES
from bot.forges.github.connection import GitHubAccount, GitHubRemote, get_login
from bot.forges.hosted.heads import (
    MAX_DATE_DIFFERENCE,
    BranchComparison,
    BranchTip,
    FileChanges,
    extract_changed_lines,
)

MAX_FILES = 300
"""Files of one comparison; GitHub returns no more:
https://docs.github.com/en/rest/commits/commits#compare-two-commits."""

_WEB_FLOW = "web-flow"
"""The committer of commits that GitHub signs for an App: https://github.com/web-flow."""


@dataclass(frozen=True, slots=True)
class GitHubCommits:
    """The commits of one repository; implements `CommitReader`. Methods raise RefusedError."""

    remote: GitHubRemote

    def read_commit(self, commit: str) -> BranchTip:
        """Read one commit."""
        account = self.remote.connection.get_account()
        return self.remote.read(
            f"read the commit {commit}",
            lambda repository: _parse_commit(repository.get_commit(commit, commit_files_per_page=1), account),
        )

    def compare(self, base_commit: str, commit: str) -> BranchComparison | None:
        """Compare a commit with the base; None if there is more than is inspected."""
        account = self.remote.connection.get_account()
        return self.remote.read(
            f"compare {commit} with its base branch",
            lambda repository: _parse_comparison(
                repository.compare(base_commit, commit, comparison_commits_per_page=MAX_MERGES + 1), account
            ),
        )

    def read_changes(self, commit: str) -> FileChanges:
        """Return what a commit changes."""
        return self.remote.read(f"read the commit {commit}", lambda repository: _fetch_changes(repository, commit))


def _parse_comparison(comparison: Comparison, account: GitHubAccount) -> BranchComparison | None:
    """Parse a comparison; None if it has more commits or files than are inspected."""
    if comparison.total_commits > MAX_MERGES + 1 or len(comparison.files) >= MAX_FILES:
        return None
    commits = [_parse_commit(each, account) for each in islice(comparison.commits, comparison.total_commits)]
    is_behind = comparison.behind_by > 0
    return BranchComparison(
        {each.commit: each for each in commits}, _collect_changes(comparison.files), lambda: is_behind
    )


def _fetch_changes(repository: Repository, commit: str) -> FileChanges:
    return _collect_changes(islice(repository.get_commit(commit).files, MAX_FILES))


def _collect_changes(files: Iterable[File]) -> FileChanges:
    return {each.filename: (each.status, extract_changed_lines(each.patch)) if each.patch else None for each in files}


def _parse_commit(commit: Commit, account: GitHubAccount) -> BranchTip:
    message = commit.commit.message
    intent = parse_intent(message) if _is_own_commit(commit, account) else None
    parents = tuple(parent.sha for parent in commit.parents)
    return BranchTip(commit.sha, parents, message, intent, parse_base_branch(message), commit.commit.committer.date)


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
