"""Read the commits of basebump's branches on GitLab: what they hold beyond the base branch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from gitlab.v4.objects import Project

from bot.forges._git_objects import MAX_MERGES
from bot.forges.gitlab.branches import parse_tip
from bot.forges.gitlab.connection import PER_PAGE, GitLabRemote
from bot.forges.hosted.heads import BranchComparison, FileChanges, extract_changed_lines

MAX_FILES = 300
"""Files of one comparison that are inspected; GitLab leaves out the lines of files after some hundreds."""


@dataclass(frozen=True, slots=True)
class GitLabCommits:
    """The commits of one project; implements `CommitReader`. Methods raise RefusedError."""

    remote: GitLabRemote

    def compare(self, base_commit: str, commit: str) -> BranchComparison | None:
        """Compare a commit with the base; None if there is more than is inspected, or for the token of a job."""
        if self.remote.connection.has_job_token:
            return None
        data = self.remote.read(
            f"compare {commit} with its base branch",
            lambda project: _require_object(project.repository_compare(base_commit, commit)),
        )
        return _parse_comparison(data, self.remote, lambda: self._is_behind(base_commit, commit))

    def read_changes(self, commit: str) -> FileChanges:
        """Return what a commit changes."""
        return self.remote.read(f"read the commit {commit}", lambda project: _fetch_changes(project, commit))

    def _is_behind(self, base_commit: str, commit: str) -> bool:
        merge_base = self.remote.read(
            f"find what {commit} has of its base branch",
            lambda project: _require_object(project.repository_merge_base([base_commit, commit]))["id"],
        )
        return bool(merge_base != base_commit)


def _parse_comparison(
    data: Mapping[str, Any], remote: GitLabRemote, check_is_behind: Callable[[], bool]
) -> BranchComparison | None:
    """Parse a comparison from where the branch left its base; None if it has more than is inspected.

    https://docs.gitlab.com/api/repositories/#compare-branches-tags-or-commits
    """
    if data["compare_timeout"] or len(data["commits"]) > MAX_MERGES + 1 or len(data["diffs"]) >= MAX_FILES:
        return None
    commits = [parse_tip(each, remote) for each in data["commits"]]
    return BranchComparison({each.commit: each for each in commits}, _collect_changes(data["diffs"]), check_is_behind)


def _fetch_changes(project: Project, commit: str) -> FileChanges:
    diffs = project.commits.get(commit, lazy=True).diff(per_page=PER_PAGE, iterator=True)
    return _collect_changes(islice(diffs, MAX_FILES))


def _collect_changes(diffs: Iterable[Mapping[str, Any]]) -> FileChanges:
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
