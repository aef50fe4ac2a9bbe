"""Reading commits on Azure DevOps, and comparing them with their base branches.

The API for comparing commits reports neither the modes nor the changed lines of files. basebump therefore compares the
trees of two commits folder by folder, and computes the changed lines from the contents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.forges.azure.connection import AzureRemote
from bot.forges.azure.tree import create_folder_reader, open_tree
from bot.forges.hosted.commits import ComparedCommits, parse_facts
from bot.forges.hosted.files import ListedTree
from bot.forges.hosted.heads import CommitFacts
from bot.model.branch_ownership import FileDifference
from bot.model.source import FilePath

MAX_KEPT_COMMITS = 200
"""The largest number of commits of one repository that are kept during a run."""


class AzureCommits(ComparedCommits):
    """The commits of one repository; implements `CommitReader`.

    Commits are cached, because they never change. Methods raise RefusedError if a commit cannot be read.
    """

    def __init__(self, remote: AzureRemote) -> None:
        self._remote = remote
        self.folders = create_folder_reader(remote)
        self._commits: dict[str, Mapping[str, Any]] = {}

    def read_commit(self, commit: str) -> CommitFacts:
        data = self._read(commit)
        parents = [str(each) for each in data["parents"]]
        return parse_facts(str(data["commitId"]), parents, str(data["comment"]), data, lambda: self._is_own(data))

    def read_tree_id(self, commit: str) -> str:
        """Return the id of the tree of a commit."""
        return str(self._read(commit)["treeId"])

    def open_tree(self, commit: str) -> ListedTree:
        return open_tree(self._remote, commit, lambda: self.read_tree_id(commit))

    def list_new_commits(self, base_commit: str, commit: str, max_commits: int) -> Sequence[CommitFacts] | None:
        """Return the newest commits on the first-parent chain of `commit`, as many as Azure DevOps counts as new.

        If a user merged another branch, the result contains older commits of the first-parent chain in place of the
        merged commits. The number of commits is still right, so the result cannot look as if it had only merges on top
        of basebump's commit. Return None if there are more than `max_commits`.
        """
        query = {
            "baseVersion": base_commit,
            "baseVersionType": "commit",
            "targetVersion": commit,
            "targetVersionType": "commit",
            "diffCommonCommit": "true",
            "$top": 1,  # the list of changes is not used, because it lacks the modes of files
        }
        relation = self._remote.read_json(f"compare {commit} with its base branch", "/diffs/commits", query=query)
        number = int(relation["aheadCount"])
        if number > max_commits:
            return None
        commits: list[CommitFacts] = []
        while len(commits) < number and (not commits or commits[-1].parents):
            commits.append(self.read_commit(commits[-1].parents[0] if commits else commit))
        return commits

    def list_file_commits(self, commit: str, path: FilePath, max_commits: int) -> Sequence[str]:
        query = {
            "searchCriteria.itemPath": f"/{path}",
            "searchCriteria.itemVersion.version": commit,
            "searchCriteria.itemVersion.versionType": "commit",
            "searchCriteria.$top": max_commits,
        }
        listed = self._remote.read_json(f"list the commits of {path}", "/commits", query=query)
        return [str(each["commitId"]) for each in self._remote.connection.get_items(listed)]

    def list_differences(self, base_commit: str, commit: str) -> Sequence[FileDifference] | None:
        return self.folders.list_differences(self.read_tree_id(base_commit), self.read_tree_id(commit))

    def _read(self, commit: str) -> Mapping[str, Any]:
        if commit not in self._commits:
            if len(self._commits) >= MAX_KEPT_COMMITS:
                self._commits.clear()
            self._commits[commit] = self._remote.read_json(f"read the commit {commit}", f"/commits/{commit}")
        return self._commits[commit]

    def _is_own(self, data: Mapping[str, Any]) -> bool:
        """Return True if the token's account pushed a commit, and is the commit's author and committer.

        Azure DevOps itself records the account that pushed a commit, so a user cannot forge this account. If the
        response does not contain the pusher, the email addresses of author and committer must be those of the account.
        """
        account = self._remote.connection.get_account()
        emails = {str(data[role]["email"]).lower() for role in ("author", "committer")}
        pusher = (data.get("push") or {}).get("pushedBy")
        if pusher is not None:
            return len(emails) == 1 and account.has_id(str(pusher["id"]))
        return account.has_emails(emails)
