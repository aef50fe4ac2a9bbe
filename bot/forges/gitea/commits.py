"""Reading commits on Gitea and Forgejo, and comparing them with their base branches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bot.forges._git_objects import MAX_MERGES, PARENTS_OF_MERGE
from bot.forges.gitea.connection import GiteaRemote
from bot.forges.gitea.tree import TreeObjects, list_objects, open_tree
from bot.forges.hosted.branch_contents import HostedBranchContents, read_file_changes
from bot.forges.hosted.heads import (
    BranchComparison,
    CommitAuthorship,
    CommitFacts,
    FileChanges,
    build_commit_facts,
    parse_commit_date,
)
from bot.model.branch_ownership import FileDifference, TreeObject
from bot.model.source import FilePath

_ONLY_FACTS = {"stat": "false", "verification": "false", "files": "false"}
"""Parameters that leave out of an answer what is slow to compute."""


@dataclass(frozen=True, slots=True)
class GiteaCommits:
    """The commits of one repository; implements `CommitReader`. Methods raise RefusedError."""

    remote: GiteaRemote

    def read_commit(self, commit: str) -> CommitFacts:
        data = self.remote.read(f"read the commit {commit}", f"/git/commits/{commit}", query=_ONLY_FACTS)
        return self._parse_commit(data)

    def compare(self, base_commit: str, commit: str) -> BranchComparison | None:
        """Return the commits that `commit` contains and `base_commit` does not, and the changes that they make.

        If there are too many commits to inspect (more than `MAX_MERGES` + 1), return None. The changes are read only if
        `commit` is a merge of the base branch, because they are not needed for other commits.
        """
        query = {"sha": commit, "not": base_commit, **_ONLY_FACTS}
        action = f"compare {commit} with its base branch"
        listed = self.remote.list_pages(action, "/commits", query=query, max_items=MAX_MERGES + 2)
        commits = {facts.commit: facts for facts in map(self._parse_commit, listed)}
        if len(commits) > MAX_MERGES + 1:
            return None
        parents = commits[commit].parents if commit in commits else ()
        if len(parents) != PARENTS_OF_MERGE or parents[1] in commits:
            return BranchComparison(commits, None, lambda: True)
        merge_base = parents[1]
        return BranchComparison(commits, self._read_changes(merge_base, commit), lambda: merge_base != base_commit)

    def read_changes(self, commit: str) -> FileChanges:
        return self._read_changes(self.read_commit(commit).parents[0], commit) or {commit: None}

    def list_differences(self, base_commit: str, commit: str) -> Sequence[FileDifference] | None:
        """Return the paths at which the trees of two commits differ; None if a tree has too many entries.

        If a tree has two entries of the same name, return None, because programs disagree on which of them counts.
        """
        trees = [list_objects(self.remote, each) for each in (base_commit, commit)]
        old, new = map(_index_objects, trees)
        if any(
            not tree.is_complete or len(tree.entries) > len(found)
            for tree, found in zip(trees, (old, new), strict=True)
        ):
            return None
        return [
            FileDifference(path, old.get(path), new.get(path))
            for path in sorted(old.keys() | new.keys())
            if old.get(path) != new.get(path)
        ]

    def _read_changes(self, old_commit: str, new_commit: str) -> FileChanges | None:
        return read_file_changes(HostedBranchContents(self, partial(open_tree, self.remote), old_commit, new_commit))

    def _parse_commit(self, data: Mapping[str, Any]) -> CommitFacts:
        git_commit = data["commit"]
        committed_at = parse_commit_date(git_commit["committer"]["date"])

        def read_authorship() -> CommitAuthorship:
            """Compare both addresses with the account's, because basebump's commits contain this address."""
            own = self.remote.connection.get_account().email.lower()
            addresses = {str(git_commit[role]["email"]).lower() for role in ("author", "committer")}
            authored_at = parse_commit_date(git_commit["author"]["date"])
            return CommitAuthorship(bool(own) and addresses == {own}, authored_at, committed_at)

        parents = tuple(str(each["sha"]) for each in data["parents"] or ())
        return build_commit_facts(str(data["sha"]), parents, str(git_commit["message"]), committed_at, read_authorship)


def _index_objects(tree: TreeObjects) -> dict[FilePath, TreeObject]:
    return {
        FilePath(str(each["path"])): TreeObject(str(each["mode"]), str(each["sha"]), int(each["size"]))
        for each in tree.entries
    }
