"""Reading commits on Gitea and Forgejo, and comparing them with their base branches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.forges.gitea.connection import GiteaRemote
from bot.forges.gitea.tree import list_nodes, open_tree
from bot.forges.hosted.commits import ComparedCommits, parse_facts
from bot.forges.hosted.files import ListedTree
from bot.forges.hosted.folders import compare_nodes
from bot.forges.hosted.heads import CommitFacts
from bot.model.branch_ownership import FileDifference
from bot.model.source import FilePath

_ONLY_FACTS = {"stat": "false", "verification": "false", "files": "false"}
"""Parameters that omit the parts of the response that the server computes slowly."""


@dataclass(frozen=True, slots=True)
class GiteaCommits(ComparedCommits):
    """The commits of one repository; implements `CommitReader`.

    Methods raise RefusedError if a commit cannot be read.
    """

    remote: GiteaRemote

    def read_commit(self, commit: str) -> CommitFacts:
        data = self.remote.read_json(f"read the commit {commit}", f"/git/commits/{commit}", query=_ONLY_FACTS)
        return self._parse_commit(data)

    def list_new_commits(self, base_commit: str, commit: str, max_commits: int) -> Sequence[CommitFacts] | None:
        query = {"sha": commit, "not": base_commit, **_ONLY_FACTS}
        action = f"compare {commit} with its base branch"
        listed = self.remote.list_pages(action, "/commits", query=query, max_items=max_commits + 1)
        return [self._parse_commit(each) for each in listed] if len(listed) <= max_commits else None

    def list_file_commits(self, commit: str, path: FilePath, max_commits: int) -> Sequence[str]:
        query = {"sha": commit, "path": path, **_ONLY_FACTS}
        listed = self.remote.list_pages(f"list the commits of {path}", "/commits", query=query, max_items=max_commits)
        return [str(each["sha"]) for each in listed]

    def list_differences(self, base_commit: str, commit: str) -> Sequence[FileDifference] | None:
        """Return the paths at which the trees of two commits differ; None if a tree has too many entries.

        If a tree has two entries with equal names, return None, because programs disagree on which entry counts.
        """
        old, new = (list_nodes(self.remote, each) for each in (base_commit, commit))
        return compare_nodes(old.nodes, new.nodes) if old.is_complete and new.is_complete else None

    def open_tree(self, commit: str) -> ListedTree:
        return open_tree(self.remote, commit)

    def _parse_commit(self, data: Mapping[str, Any]) -> CommitFacts:
        """Return a commit with the facts that show whether the token's account created it.

        Author and committer must both have the account's email address, because basebump's commits contain this address
        twice.
        """
        parents, people = [str(each["sha"]) for each in data["parents"] or ()], data["commit"]

        def is_own() -> bool:
            emails = (str(people[role]["email"]) for role in ("author", "committer"))
            return self.remote.connection.get_account().has_emails(emails)

        return parse_facts(str(data["sha"]), parents, str(people["message"]), people, is_own)
