"""Reads commits from servers whose API returns no changed lines; the lines are computed from the files' contents."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bot.forges._git_objects import MAX_MERGES, PARENTS_OF_MERGE
from bot.forges.hosted.branch_contents import HostedBranchContents, read_file_changes
from bot.forges.hosted.files import ListedTree
from bot.forges.hosted.heads import (
    BranchComparison,
    CommitAuthorship,
    CommitFacts,
    FileChanges,
    build_commit_facts,
    parse_commit_date,
)
from bot.model.branch_ownership import FileDifference
from bot.model.source import FilePath


class ComparedCommits(ABC):
    """The commits of one repository; implements `CommitReader`. Methods raise RefusedError if an API call fails."""

    @abstractmethod
    def read_commit(self, commit: str) -> CommitFacts:
        """Return the facts about a commit."""

    @abstractmethod
    def list_new_commits(self, base_commit: str, commit: str, max_commits: int) -> Sequence[CommitFacts] | None:
        """Return the commits that `commit` contains and `base_commit` does not.

        If there are more than `max_commits`, return None.
        """

    @abstractmethod
    def list_differences(self, base_commit: str, commit: str) -> Sequence[FileDifference] | None:
        """Return the paths at which the trees of two commits differ; None if there are too many of them."""

    @abstractmethod
    def list_file_commits(self, commit: str, path: FilePath, max_commits: int) -> Sequence[str]:
        """Return the ids of the newest commits up to `commit` that changed a file, newest first."""

    @abstractmethod
    def open_tree(self, commit: str) -> ListedTree:
        """Return the files of a commit."""

    def compare(self, base_commit: str, commit: str) -> BranchComparison | None:
        """Return the commits that `commit` contains and `base_commit` does not, and the changes that they make.

        If there are too many commits to inspect (more than `MAX_MERGES` + 1), return None. The changes are read only if
        `commit` is a merge of the base branch, because callers do not need the changes of other commits.
        """
        listed = self.list_new_commits(base_commit, commit, MAX_MERGES + 1)
        if listed is None:
            return None
        commits = {each.commit: each for each in listed}
        parents = commits[commit].parents if commit in commits else ()
        if len(parents) != PARENTS_OF_MERGE or parents[1] in commits:
            return BranchComparison(commits, None, lambda: True)
        merge_base = parents[1]
        return BranchComparison(commits, self._read_changes(merge_base, commit), lambda: merge_base != base_commit)

    def read_changes(self, commit: str) -> FileChanges:
        parents = self.read_commit(commit).parents
        return (self._read_changes(parents[0], commit) if parents else None) or {commit: None}

    def _read_changes(self, old_commit: str, new_commit: str) -> FileChanges | None:
        return read_file_changes(HostedBranchContents(self, self.open_tree, old_commit, new_commit))


def parse_facts(
    commit: str,
    parents: Sequence[str],
    message: str,
    people: Mapping[str, Any],
    check_is_by_account: Callable[[], bool],
) -> CommitFacts:
    """Parse a commit in a response, and return the facts that show whether basebump created the commit.

    Args:
        commit: The id of the commit.
        parents: The ids of its parents.
        message: The whole message.
        people: The part of the response that contains the author and the committer, each with a date.
        check_is_by_account: Returns True if the token's account is the author and the committer. It is called only if
            the message has basebump's trailer.
    """
    authored_at, committed_at = (parse_commit_date(people[role]["date"]) for role in ("author", "committer"))

    def read_authorship() -> CommitAuthorship:
        return CommitAuthorship(check_is_by_account(), authored_at, committed_at)

    return build_commit_facts(commit, tuple(parents), message, committed_at, read_authorship)
