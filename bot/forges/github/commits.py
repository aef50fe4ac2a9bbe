"""Reading commits on GitHub, and comparing them with their base branches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from github.Commit import Commit
from github.Comparison import Comparison
from github.File import File
from github.Repository import Repository

from bot.forges._git_objects import MAX_MERGES
from bot.forges.github.connection import GitHubAccount, GitHubRemote, get_login
from bot.forges.github.github_errors import CONTENTS_READ
from bot.forges.github.tree import list_differences
from bot.forges.hosted.heads import (
    BranchComparison,
    CommitAuthorship,
    CommitFacts,
    FileChanges,
    build_commit_facts,
    extract_changed_lines,
)
from bot.forges.hosted.refusal import NOT_FOUND, RefusedError
from bot.model.branch_ownership import FileDifference
from bot.model.source import FilePath

MAX_FILES = 300
"""The largest number of files that GitHub returns for one comparison:
https://docs.github.com/en/rest/commits/commits#compare-two-commits."""

_UNRELATED_MESSAGE = "No common ancestor"
"""The beginning of GitHub's error message if two commits to compare have no common ancestor. Everyone who can push can
create such a commit."""

_WEB_FLOW = "web-flow"
"""The login of GitHub's own account, which is the committer of commits that GitHub signs:
https://github.com/web-flow."""


@dataclass(frozen=True, slots=True)
class GitHubCommits:
    """The commits of one repository; implements `CommitReader`. Methods raise RefusedError if an API call fails."""

    remote: GitHubRemote

    def read_commit(self, commit: str) -> CommitFacts:
        """Return one commit with the facts that show whether basebump created it."""
        account = self.remote.connection.get_account()
        return self.remote.read(
            f"read the commit {commit}",
            lambda repository: _parse_commit(repository.get_commit(commit, commit_files_per_page=1), account),
        )

    def compare(self, base_commit: str, commit: str) -> BranchComparison | None:
        """Return the commits in `commit` that `base_commit` does not contain, and the files that they change.

        If there are too many commits to inspect (more than `MAX_MERGES` + 1), or if the commits have no common
        ancestor, return None.
        """
        account = self.remote.connection.get_account()
        try:
            return self.remote.read(
                f"compare {commit} with its base branch",
                lambda repository: _parse_comparison(
                    repository.compare(base_commit, commit, comparison_commits_per_page=MAX_MERGES + 1), account
                ),
            )
        except RefusedError as refusal:
            if refusal.status == NOT_FOUND and _UNRELATED_MESSAGE in refusal.server_message:
                return None
            raise

    def read_changes(self, commit: str) -> FileChanges:
        return self.remote.read(f"read the commit {commit}", lambda repository: _fetch_changes(repository, commit))

    def list_differences(self, base_commit: str, commit: str) -> Sequence[FileDifference] | None:
        """Return the paths at which the trees of two commits differ; None if too many trees must be read."""
        return list_differences(self.remote, base_commit, commit)

    def list_file_commits(self, commit: str, path: FilePath, max_commits: int) -> Sequence[str]:
        """Return the ids of the newest commits up to `commit` that changed a file, newest first.

        https://docs.github.com/en/rest/commits/commits#list-commits
        """
        query = {"sha": commit, "path": path, "per_page": max_commits}
        listed = self.remote.read_json(f"list the commits of {path}", "/commits", CONTENTS_READ, query)
        return [str(each["sha"]) for each in listed]


def _parse_comparison(comparison: Comparison, account: GitHubAccount) -> BranchComparison | None:
    """Return the commits and changes of a comparison in GitHub's response.

    If there are too many commits to inspect (more than `MAX_MERGES` + 1), return None. If there are too many files (at
    least `MAX_FILES`), the changes in the result are None.
    """
    if comparison.total_commits > MAX_MERGES + 1:
        return None
    commits = [_parse_commit(each, account) for each in islice(comparison.commits, comparison.total_commits)]
    is_behind = comparison.behind_by > 0
    changes = _collect_changes(comparison.files) if len(comparison.files) < MAX_FILES else None
    return BranchComparison({each.commit: each for each in commits}, changes, lambda: is_behind)


def _fetch_changes(repository: Repository, commit: str) -> FileChanges:
    return _collect_changes(islice(repository.get_commit(commit).files, MAX_FILES))


def _collect_changes(files: Iterable[File]) -> FileChanges:
    return {each.filename: (each.status, extract_changed_lines(each.patch)) if each.patch else None for each in files}


def _parse_commit(commit: Commit, account: GitHubAccount) -> CommitFacts:
    git_commit = commit.commit
    authorship = CommitAuthorship(_is_by_account(commit, account), git_commit.author.date, git_commit.committer.date)
    return build_commit_facts(
        commit.sha,
        tuple(parent.sha for parent in commit.parents),
        git_commit.message,
        git_commit.committer.date,
        lambda: authorship,
    )


def _is_by_account(commit: Commit, account: GitHubAccount) -> bool:
    """Return True if author and committer of a commit show that the token's account created the commit.

    The author must be the account. The committer must be the account or GitHub, because GitHub is the committer of
    commits that it signs for an App. If GitHub signs the commits of the account, or if GitHub is the committer, the
    signature must be valid: everybody can write any name and email address into a commit, but only GitHub has GitHub's
    key.
    """
    author, committer = get_login(commit.author), get_login(commit.committer)
    must_be_signed = account.has_signed_commits or committer == _WEB_FLOW
    is_committer = author is not None and committer in (author, _WEB_FLOW)
    is_by_account = account.is_account(commit.author) and is_committer
    return is_by_account and (not must_be_signed or commit.commit.verification.verified is True)
