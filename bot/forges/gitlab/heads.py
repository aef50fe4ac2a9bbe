"""Read the heads of basebump's branches: what they hold beyond the base branch, and whether people changed it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from gitlab.v4.objects import Project

from bot.forges._git_objects import MAX_MERGES, PARENTS_OF_MERGE
from bot.forges.gitlab.branches import BranchTip, parse_tip
from bot.forges.gitlab.connection import PER_PAGE, GitLabRemote
from bot.forges.hosted.heads import extract_changed_lines, find_own_commit_below_merges

MAX_FILES = 300
"""Files of one comparison that are inspected; GitLab leaves out the lines of files after some hundreds."""

_GitLabFileChanges = Mapping[str, tuple[tuple[object, ...], tuple[str, ...]] | None]
"""Kind of change and changed lines of each file; None if GitLab does not show them."""


@dataclass(frozen=True, slots=True)
class GitLabHead:
    """The content of one branch compared with the base branch."""

    commit: str
    intent: str | None
    """The intent of basebump's commit; None if the branch holds anything else beyond the base."""
    stated_base: str | None
    """The base branch that the commit names in its trailer; None for the default branch."""
    committed_at: datetime
    """When basebump's commit was made; without one, the last commit."""
    is_behind: bool
    """True if the base has commits that the branch does not have."""


@dataclass(frozen=True, slots=True)
class _GitLabComparison:
    """The commits and changes that a branch has beyond the base."""

    commits: Mapping[str, BranchTip]
    changes: _GitLabFileChanges


@dataclass(frozen=True, slots=True)
class GitLabHeadReader:
    """Reads heads in one project, compared with one commit of its base branch. Methods raise RefusedError."""

    remote: GitLabRemote
    base_commit: str | None

    def read_head(self, tip: BranchTip) -> GitLabHead:
        """Read the head of a branch that points to `tip`.

        It takes no request, and three for a merge commit, which may be a merge of the base ("Update branch").
        """
        can_compare = not self.remote.connection.has_job_token
        if len(tip.parents) == PARENTS_OF_MERGE and self.base_commit is not None and can_compare:
            head = self._read_below_merges(tip, self.base_commit)
            if head is not None:
                return head
        return GitLabHead(tip.commit, tip.intent, tip.stated_base, tip.committed_at, tip.parents != (self.base_commit,))

    def _read_below_merges(self, merge: BranchTip, base_commit: str) -> GitLabHead | None:
        """Return the head if only merges of the base stand on basebump's commit; None otherwise."""
        data = self.remote.read(
            f"compare {merge.commit} with its base branch",
            lambda project: _require_object(project.repository_compare(base_commit, merge.commit)),
        )
        comparison = _parse_comparison(data, self.remote)
        own_commit = find_own_commit_below_merges(merge, comparison.commits) if comparison is not None else None
        if comparison is None or own_commit is None:
            return None
        own_changes = self.remote.read(
            f"read the commit {own_commit.commit}", lambda project: _fetch_changes(project, own_commit.commit)
        )
        if own_changes != comparison.changes or None in own_changes.values():
            return None
        merge_base = self.remote.read(
            f"find what {merge.commit} has of its base branch",
            lambda project: _require_object(project.repository_merge_base([base_commit, merge.commit]))["id"],
        )
        return GitLabHead(
            merge.commit, own_commit.intent, own_commit.stated_base, own_commit.committed_at, merge_base != base_commit
        )


def _parse_comparison(data: Mapping[str, Any], remote: GitLabRemote) -> _GitLabComparison | None:
    """Parse a comparison from where the branch left its base; None if it has more than is inspected.

    https://docs.gitlab.com/api/repositories/#compare-branches-tags-or-commits
    """
    if data["compare_timeout"] or len(data["commits"]) > MAX_MERGES + 1 or len(data["diffs"]) >= MAX_FILES:
        return None
    commits = [parse_tip(each, remote) for each in data["commits"]]
    return _GitLabComparison({each.commit: each for each in commits}, _collect_changes(data["diffs"]))


def _fetch_changes(project: Project, commit: str) -> _GitLabFileChanges:
    diffs = project.commits.get(commit, lazy=True).diff(per_page=PER_PAGE, iterator=True)
    return _collect_changes(islice(diffs, MAX_FILES))


def _collect_changes(diffs: Iterable[Mapping[str, Any]]) -> _GitLabFileChanges:
    return {str(each["new_path"]): _parse_change(each) for each in diffs}


def _parse_change(diff: Mapping[str, Any]) -> tuple[tuple[object, ...], tuple[str, ...]] | None:
    _, separator, hunks = str(diff["diff"]).partition("@@")
    if not separator:
        return None
    kind = tuple(diff[key] for key in ("old_path", "new_file", "deleted_file", "a_mode", "b_mode"))
    return kind, extract_changed_lines(hunks)


def _require_object(answer: object) -> Mapping[str, Any]:
    """Return an answer that must be a JSON object; python-gitlab returns any JSON. Raises TypeError."""
    if not isinstance(answer, dict):
        raise TypeError(f"the answer is not an object but a {type(answer).__name__}")
    return answer
