"""Reading commits on Azure DevOps, and comparing them with their base branches.

The API reports neither the modes nor the changed lines of files. basebump therefore compares the trees of two commits
folder by folder, and computes the changed lines from the contents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bot.forges._git_objects import MAX_MERGES, PARENTS_OF_MERGE
from bot.forges.azure.connection import AzureRemote
from bot.forges.azure.tree import open_tree, read_tree_id
from bot.forges.hosted.branch_contents import HostedBranchContents, read_file_changes
from bot.forges.hosted.folders import FolderReader
from bot.forges.hosted.heads import (
    BranchComparison,
    CommitAuthorship,
    CommitFacts,
    FileChanges,
    build_commit_facts,
    parse_commit_date,
)
from bot.model.branch_ownership import FileDifference


@dataclass(frozen=True, slots=True)
class AzureCommits:
    """The commits of one repository; implements `CommitReader`. Methods raise RefusedError."""

    remote: AzureRemote
    folders: FolderReader

    def compare(self, base_commit: str, commit: str) -> BranchComparison | None:
        """Return the commits that `commit` contains and `base_commit` does not, and the changes that they make.

        If there are too many commits to inspect (more than `MAX_MERGES` + 1), return None. The changes are read only
        if `commit` is a merge.

        The commits are those to which the first parents of `commit` lead, as many as Azure DevOps counts. If a merge
        brought other commits into the branch, the commits in the result are therefore not exactly those of the branch,
        but there are as many of them, so that they cannot all be merges on top of basebump's commit.
        """
        relation = self._read_relation(base_commit, commit)
        if relation.ahead > MAX_MERGES + 1:
            return None
        commits = {each.commit: each for each in self._walk(commit, relation.ahead)}
        is_merge = bool(commits) and len(commits[commit].parents) == PARENTS_OF_MERGE
        changes = self._read_changes(relation.common_commit, commit) if is_merge else None
        return BranchComparison(commits, changes, lambda: relation.behind > 0)

    def read_changes(self, commit: str) -> FileChanges:
        parents = read_commit(self.remote, commit).parents
        return (self._read_changes(parents[0], commit) if parents else None) or {"": None}

    def list_differences(self, base_commit: str, commit: str) -> Sequence[FileDifference] | None:
        """Return the paths at which the trees of two commits differ; None if there are too many of them."""
        old, new = (read_tree_id(self.remote, each) for each in (base_commit, commit))
        return self.folders.list_differences(old, new)

    def _read_relation(self, base_commit: str, commit: str) -> _Relation:
        query = {
            "baseVersion": base_commit,
            "baseVersionType": "commit",
            "targetVersion": commit,
            "targetVersionType": "commit",
            "diffCommonCommit": "true",
            "$top": "1",  # the changes lack the modes of files, so they are not used
        }

        def parse(answer: Mapping[str, Any]) -> _Relation:
            return _Relation(int(answer["aheadCount"]), int(answer["behindCount"]), str(answer["commonCommit"]))

        return self.remote.read(
            f"compare {commit} with its base branch",
            lambda client: parse(client.get(f"{self.remote.path}/diffs/commits", query)),
        )

    def _walk(self, commit: str, number: int) -> Iterator[CommitFacts]:
        """Yield a commit and the commits to which its first parents lead, `number` commits in total."""
        for _ in range(number):
            facts = read_commit(self.remote, commit)
            yield facts
            if not facts.parents:
                return
            commit = facts.parents[0]

    def _read_changes(self, base_commit: str, commit: str) -> FileChanges | None:
        """Return the changes between two commits; None if too many files differ."""
        return read_file_changes(HostedBranchContents(self, partial(open_tree, self.remote), base_commit, commit))


@dataclass(frozen=True, slots=True)
class _Relation:
    """How a commit is related to the commit of its base branch."""

    ahead: int
    """The number of commits that the base branch does not have."""
    behind: int
    """The number of commits that only the base branch has."""
    common_commit: str


def read_commit(remote: AzureRemote, commit: str) -> CommitFacts:
    """Return the facts about a commit. Raises RefusedError."""
    return remote.read(
        f"read the commit {commit}",
        lambda client: parse_commit(client.get(f"{remote.path}/commits/{commit}"), remote),
    )


def parse_commit(commit: Mapping[str, Any], remote: AzureRemote) -> CommitFacts:
    """Return a commit in an answer with the facts that show whether basebump created it.

    If the commit message has basebump's trailer, the token's account is requested to compare it with the account that
    pushed the commit. Raises RefusedError.
    """
    committed_at = parse_commit_date(commit["committer"]["date"])

    def read_authorship() -> CommitAuthorship:
        authored_at = parse_commit_date(commit["author"]["date"])
        return CommitAuthorship(_is_by_account(commit, remote), authored_at, committed_at)

    parents = tuple(str(each) for each in commit["parents"])
    return build_commit_facts(str(commit["commitId"]), parents, str(commit["comment"]), committed_at, read_authorship)


def _is_by_account(commit: Mapping[str, Any], remote: AzureRemote) -> bool:
    """Return True if the token's account pushed a commit, and is its author and its committer.

    Azure DevOps records the account that pushed a commit, which nobody can forge. If the answer does not contain it,
    the email addresses of author and committer must be the account's.
    """
    account = remote.connection.get_account()
    people = {str(commit[key]["email"]).lower() for key in ("author", "committer")}
    pusher = (commit.get("push") or {}).get("pushedBy")
    if pusher is not None:
        return len(people) == 1 and pusher["id"] == account.id
    return people <= account.emails
