"""Branches on GitLab, and creating their commits. A branch is changed only if it points to the expected commit.

One API request creates a commit and moves its branch
(https://docs.gitlab.com/api/commits/#create-a-commit-with-multiple-files-and-actions). The parameter `start_sha` makes
the base branch's commit the parent, whatever the branch contained. Therefore the branch never temporarily points to the
commit of the base branch.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from gitlab.v4.objects import Project

from bot.forges._git_objects import EXECUTABLE, REGULAR, RegularFile
from bot.forges.gitlab.commits import GitLabCommits, parse_commit
from bot.forges.gitlab.connection import GitLabRemote
from bot.forges.gitlab.tree import list_files_beside
from bot.forges.hosted.branches import (
    build_branch_moved_error,
    build_expected_files,
    decode_text,
    find_altered_file,
    find_pushed_commit,
    settle_branch,
)
from bot.forges.hosted.heads import BranchTip
from bot.forges.hosted.refusal import NOT_FOUND, RefusedError
from bot.model.errors import ForgeError
from bot.model.source import FileChange, FilePath


@dataclass(frozen=True, slots=True)
class GitLabBranches:
    """The branches of one project; implements `BranchApi`.

    Nothing is cached. Methods raise ForgeError if a change fails.
    """

    remote: GitLabRemote

    def list_tips(self, prefix: str) -> dict[str, BranchTip]:
        """Return the branches whose names begin with `prefix`, each with the commit that it points to, by branch name.

        https://docs.gitlab.com/api/branches/#list-repository-branches
        """
        parameters = {"search": f"^{prefix}"} if prefix else {}
        branches = self.remote.read(
            f"list the branches {prefix}*",
            lambda project: [
                (str(each.name), dict(each.commit)) for each in project.branches.list(iterator=True, **parameters)
            ],
        )
        return {name: _build_tip(commit, self.remote) for name, commit in branches if name.startswith(prefix)}

    def read_tip(self, branch: str) -> BranchTip | None:
        try:
            commit = self.remote.read(
                f"read the branch {branch}", lambda project: dict(project.branches.get(branch).commit)
            )
        except RefusedError as refusal:
            if refusal.status == NOT_FOUND:
                return None
            raise
        return _build_tip(commit, self.remote)

    def push_commit(
        self, base: str, branch: str, changes: Sequence[FileChange], message: str, expected_head: str | None
    ) -> str:
        """Create a commit with the parent `base` and these changed files, point `branch` to it, and return its id.

        If `expected_head` is None, the branch must not exist. GitLab itself checks this.

        If `expected_head` is given, the branch must point to this commit. One API call reads the branch, and the next
        one moves the branch by force. A commit that a user pushes between these two API calls is lost.
        """
        remote = self.remote
        remote.connection.refuse_job_token(f"push to {branch}")
        expected = _expect_files(remote, base, changes)
        if expected_head is not None:
            tip = self.read_tip(branch)
            if tip is None or tip.commit != expected_head:
                raise build_branch_moved_error(branch, remote.name)
        body = {
            "branch": branch,
            "start_sha": base,
            "commit_message": message,
            "force": expected_head is not None,
            "stats": False,
            "actions": [_build_action(change) for change in changes],
        }
        try:
            commit = remote.write(f"push to {branch}", lambda project: str(project.commits.create(body).id))
        except RefusedError as refusal:
            commit = find_pushed_commit(branch, self.remote.name, base, message, expected_head, refusal, self.read_tip)
            self._refuse_other_changes(branch, base, commit, expected.keys())
        self._verify_stored_files(branch, commit, expected)
        return commit

    def delete_branch(self, branch: str, expected_commit: str) -> None:
        """Delete a branch if it points to the expected commit; do nothing if the branch does not exist.

        GitLab cannot compare and delete in one API call. Therefore basebump first reads the branch and then deletes it.
        A commit that a user pushes between the two API calls is lost.
        """
        self.remote.connection.refuse_job_token(f"delete the branch {branch}")
        tip = self.read_tip(branch)
        if tip is None:
            return
        if tip.commit != expected_commit:
            raise build_branch_moved_error(branch, self.remote.name)
        try:
            self.remote.write(f"delete the branch {branch}", lambda project: project.branches.delete(branch))
        except RefusedError as refusal:
            if refusal.status == NOT_FOUND:
                return
            if not refusal.may_have_worked:
                raise
            settle_branch(branch, self.remote.name, expected_commit, refusal, self.read_tip, lambda tip: tip is None)

    def _refuse_other_changes(self, branch: str, base: str, commit: str, paths: Collection[FilePath]) -> None:
        """Raise ForgeError if a commit changes other files than `paths`.

        After a failed push, basebump searches for the commit by its message, and another user can have pushed a commit
        with the same message.
        """
        differences = GitLabCommits(self.remote).list_differences(base, commit)
        if differences is None or any(each.path not in paths for each in differences):
            raise build_branch_moved_error(branch, self.remote.name)

    def _verify_stored_files(self, branch: str, commit: str, expected: Mapping[FilePath, RegularFile]) -> None:
        """Compare the files that GitLab stored with the pushed files.

        If the files differ, delete the branch and raise ForgeError. If the run ends between the push and this check,
        the branch remains.
        """
        altered = find_altered_file(
            expected,
            lambda path: self.remote.read(
                f"check {path}", partial(_read_stored_file, path, commit, expected[path].mode)
            ),
        )
        if altered is not None:
            self.delete_branch(branch, commit)
            raise ForgeError(
                f"{self.remote.name}: GitLab stored '{altered}' with content that differs from what was sent, so the "
                f"branch '{branch}' was deleted again; hint: turn off the conversion of this file in "
                "`.gitattributes`, or update the file by hand"
            )


def _build_tip(commit: Mapping[str, Any], remote: GitLabRemote) -> BranchTip:
    facts = parse_commit(commit, remote)
    return BranchTip(facts.commit, lambda: facts)


def _expect_files(remote: GitLabRemote, base: str, changes: Sequence[FileChange]) -> dict[FilePath, RegularFile]:
    """Return the mode and the object id that each changed file must have after the push, by path.

    Raises ForgeError if GitLab's API would change the line ends of a file.
    """
    paths = [change.path for change in changes]
    expected = build_expected_files(changes, list_files_beside(remote, base, paths), remote.name)
    for change in changes:
        if b"\r\n" in change.content and b"\0" not in change.content:
            raise ForgeError(
                f"{remote.name}: '{change.path}' has CR LF line ends, which GitLab's API would change to LF, but "
                "basebump changes only digests; hint: convert the file to LF, or update the file by hand"
            )
    return expected


def _build_action(change: FileChange) -> dict[str, Any]:
    text = decode_text(change.content)
    if text is not None:
        return {"action": "update", "file_path": change.path, "content": text}
    encoded = base64.b64encode(change.content).decode("ascii")
    return {"action": "update", "file_path": change.path, "content": encoded, "encoding": "base64"}


def _read_stored_file(path: str, commit: str, mode: str, project: Project) -> RegularFile:
    """Return the mode and the object id of a file in a commit.

    `mode` is used as the mode if the server is too old to report modes.

    https://docs.gitlab.com/api/repository_files/#get-file-metadata-only
    """
    headers = project.files.head(path, ref=commit)
    executable_header = headers.get("X-Gitlab-Execute-Filemode")
    if executable_header is not None:
        mode = EXECUTABLE if str(executable_header).lower() == "true" else REGULAR
    return RegularFile(mode, str(headers["X-Gitlab-Blob-Id"]))
