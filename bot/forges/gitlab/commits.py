"""Reading commits on GitLab, and comparing them with their base branches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from gitlab.v4.objects import Project

from bot.forges._git_objects import MAX_MERGES, RegularFile
from bot.forges.gitlab.connection import PER_PAGE, GitLabRemote
from bot.forges.gitlab.tree import list_files_beside
from bot.forges.hosted.heads import (
    BranchComparison,
    CommitAuthorship,
    CommitFacts,
    FileChanges,
    build_commit_facts,
    extract_changed_lines,
    parse_commit_date,
)
from bot.model.branch_ownership import FileDifference, TreeObject
from bot.model.source import FilePath

SIGNER_NAME = "noreply"
"""The local part of the committer's email address in commits that GitLab signs. GitLab's documentation recommends this
email address.
https://docs.gitlab.com/administration/gitaly/configure_gitaly/#configure-commit-signing-for-gitlab-ui-commits"""
MAX_FILES = 300
"""The largest number of files in a comparison that basebump inspects. In larger comparisons, GitLab omits the lines of
some files."""
MAX_DIFFERENCES = 1_000
"""By default, GitLab lists at most a thousand files in a comparison, and does not report whether more files differ:
https://docs.gitlab.com/administration/diff_limits/"""


@dataclass(frozen=True, slots=True)
class GitLabCommits:
    """The commits of one project; implements `CommitReader`. Methods raise RefusedError if an API call fails."""

    remote: GitLabRemote

    def compare(self, base_commit: str, commit: str) -> BranchComparison | None:
        """Return the commits in `commit` that `base_commit` does not contain, and the files that they change.

        If there are too many commits to inspect (more than `MAX_MERGES` + 1), return None. If the token is that of a CI
        job, return None, because such a token cannot compare commits.
        """
        if self.remote.connection.has_job_token:
            return None
        data = self._fetch_comparison(base_commit, commit)
        return _parse_comparison(data, self.remote, lambda: self._is_behind(base_commit, commit))

    def read_changes(self, commit: str) -> FileChanges:
        return self.remote.read(f"read the commit {commit}", lambda project: _fetch_changes(project, commit))

    def list_differences(self, base_commit: str, commit: str) -> Sequence[FileDifference] | None:
        """Return the paths at which the trees of two commits differ.

        One API call compares the commits, and two API calls list the files of each folder with a difference. Return
        None if there are `MAX_DIFFERENCES` paths or more, if GitLab gave up comparing, or if a path is listed twice. A
        symbolic link or a submodule counts as a missing file.
        """
        data = self._fetch_comparison(base_commit, commit)
        diffs = data["diffs"]
        if data["compare_timeout"] or len(diffs) >= MAX_DIFFERENCES:
            return None
        if len({each["new_path"] for each in diffs}) < len(diffs):  # the tree has two entries with equal names
            return None
        paths = sorted({FilePath(str(each[key])) for each in diffs for key in ("old_path", "new_path")})
        old_files = list_files_beside(self.remote, base_commit, paths)
        new_files = list_files_beside(self.remote, commit, paths)
        return [
            FileDifference(path, _build_object(old_files.get(path)), _build_object(new_files.get(path)))
            for path in paths
        ]

    def list_file_commits(self, commit: str, path: FilePath, max_commits: int) -> Sequence[str]:
        listed = self.remote.read(
            f"list the commits of {path}",
            # python-gitlab would use the keyword argument `path` as the path of the URL
            lambda project: project.commits.list(
                per_page=max_commits, page=1, query_parameters={"ref_name": commit, "path": path}
            ),
        )
        return [str(each.id) for each in listed]

    def _fetch_comparison(self, base_commit: str, commit: str) -> Mapping[str, Any]:
        return self.remote.read(
            f"compare {commit} with its base branch",
            lambda project: _require_object(project.repository_compare(base_commit, commit)),
        )

    def _is_behind(self, base_commit: str, commit: str) -> bool:
        merge_base = self.remote.read(
            f"find what {commit} has of its base branch",
            lambda project: _require_object(project.repository_merge_base([base_commit, commit]))["id"],
        )
        return bool(merge_base != base_commit)


def _parse_comparison(
    data: Mapping[str, Any], remote: GitLabRemote, check_is_behind: Callable[[], bool]
) -> BranchComparison | None:
    """Return the commits and changes of a branch since its merge base, from GitLab's response `data`.

    Return None if there are too many commits (more than `MAX_MERGES` + 1), or if GitLab gave up comparing. If there are
    too many files (`MAX_FILES` or more), the changes in the result are None.

    `check_is_behind` is stored in the result and not called here. It returns True if the base branch has newer commits.

    https://docs.gitlab.com/api/repositories/#compare-branches-tags-or-commits
    """
    if data["compare_timeout"] or len(data["commits"]) > MAX_MERGES + 1:
        return None
    changes = _collect_changes(data["diffs"]) if len(data["diffs"]) < MAX_FILES else None
    commits = [parse_commit(each, remote) for each in data["commits"]]
    return BranchComparison({each.commit: each for each in commits}, changes, check_is_behind)


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


def _build_object(file: RegularFile | None) -> TreeObject | None:
    return TreeObject(file.mode, file.oid, file.size) if file is not None else None


def _require_object(answer: object) -> Mapping[str, Any]:
    """Return the response if it is a JSON object; raise TypeError if it is not.

    python-gitlab does not check this.
    """
    if not isinstance(answer, dict):
        raise TypeError(f"GitLab returned a value of type {type(answer).__name__} instead of a JSON object")
    return answer


def parse_commit(commit: Mapping[str, Any], remote: GitLabRemote) -> CommitFacts:
    """Return a commit in GitLab's response with the facts that show whether basebump created the commit.

    If the commit message has basebump's trailer, the token's account is fetched and compared with the author. Raises
    RefusedError if an API call fails. https://docs.gitlab.com/api/commits/
    """
    committed_at = parse_commit_date(commit["committed_date"])

    def read_authorship() -> CommitAuthorship:
        return CommitAuthorship(
            _is_by_account(commit, remote), parse_commit_date(commit["authored_date"]), committed_at
        )

    return build_commit_facts(
        str(commit["id"]),
        tuple(str(each) for each in commit["parent_ids"]),
        str(commit["message"]),
        committed_at,
        read_authorship,
    )


def _is_by_account(commit: Mapping[str, Any], remote: GitLabRemote) -> bool:
    """Return True if author and committer of a commit show that the token's account created the commit.

    The author must be the account. The committer must be the account or GitLab. GitLab is the committer if an
    administrator configured GitLab to sign commits that the API creates.

    If the token belongs to a job, its account is not known, and the result is always True. A job's token cannot write,
    so nothing depends on the result.
    """
    emails = remote.connection.get_account().emails
    author, committer = str(commit["author_email"]).lower(), str(commit["committer_email"]).lower()
    is_own_committer = emails is not None and (committer in emails or committer.partition("@")[0] == SIGNER_NAME)
    return emails is None or (author in emails and is_own_committer)
