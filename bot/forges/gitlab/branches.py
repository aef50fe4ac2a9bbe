"""Branches on GitLab and their commits. Branches are moved only if they point to the expected commit.

https://docs.gitlab.com/api/commits/#create-a-commit-with-multiple-files-and-actions: one request creates a commit and
moves its branch. With `start_sha` the commit stands on the base whatever the branch held, so the branch never equals
its base, not even for a moment.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from gitlab.v4.objects import Project

from bot.core.proposal.markers import parse_base_branch, parse_intent
from bot.forges._git_objects import EXECUTABLE, REGULAR, RegularFile
from bot.forges.gitlab.connection import GitLabAccount, GitLabRemote
from bot.forges.gitlab.tree import list_files
from bot.forges.hosted.files import build_expected_files, decode_text
from bot.forges.hosted.heads import MAX_DATE_DIFFERENCE, BranchTip
from bot.forges.hosted.preconditions import build_branch_moved_error
from bot.forges.hosted.refusal import NOT_FOUND, RefusedError, read_after_refusal
from bot.model.errors import ForgeError
from bot.model.source import FileChange, FilePath

SIGNER_NAME = "noreply"
"""The local part of the committer's address of commits that GitLab signs: GitLab's documentation recommends it.

https://docs.gitlab.com/administration/gitaly/configure_gitaly/#configure-commit-signing-for-gitlab-ui-commits
"""


@dataclass(frozen=True, slots=True)
class GitLabBranches:
    """The branches of one project; every method reads them again. Every method raises ForgeError."""

    remote: GitLabRemote

    def list_tips(self, prefix: str) -> dict[str, BranchTip]:
        """Return all branches that begin with `prefix`, and their commits.

        https://docs.gitlab.com/api/branches/#list-repository-branches
        """
        parameters = {"search": f"^{prefix}"} if prefix else {}
        branches = self.remote.read(
            f"list the branches {prefix}*",
            lambda project: [
                (str(each.name), dict(each.commit)) for each in project.branches.list(iterator=True, **parameters)
            ],
        )
        return {name: parse_tip(commit, self.remote) for name, commit in branches if name.startswith(prefix)}

    def read_tip(self, branch: str) -> BranchTip | None:
        """Return the commit that a branch points to; None if the branch does not exist."""
        try:
            commit = self.remote.read(
                f"read the branch {branch}", lambda project: dict(project.branches.get(branch).commit)
            )
        except RefusedError as refusal:
            if refusal.status == NOT_FOUND:
                return None
            raise
        return parse_tip(commit, self.remote)

    def delete_branch(self, branch: str, expected_commit: str) -> None:
        """Delete a branch that points to the expected commit; nothing happens if it does not exist.

        GitLab cannot compare and delete in one request: a commit that is pushed between the two is lost.
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
            if not refusal.may_have_worked or read_after_refusal(refusal, lambda: self.read_tip(branch)) is not None:
                raise


def parse_tip(commit: Mapping[str, Any], remote: GitLabRemote) -> BranchTip:
    """Parse a commit of GitLab's API: https://docs.gitlab.com/api/commits/. Raises RefusedError.

    The account is compared only if the commit has basebump's trailer.
    """
    message = str(commit["message"])
    stated_intent = parse_intent(message)
    try:
        is_ours = stated_intent is not None and _is_own_commit(commit, remote.connection.get_account())
        return BranchTip(
            commit=str(commit["id"]),
            parents=tuple(str(each) for each in commit["parent_ids"]),
            message=message,
            intent=stated_intent if is_ours else None,
            stated_base=parse_base_branch(message),
            committed_at=datetime.fromisoformat(commit["committed_date"]),
        )
    except ValueError as error:
        error_message = f"{remote.name}: a commit has a date that cannot be parsed; hint: check the URL"
        raise RefusedError(error_message, status=None) from error


def _is_own_commit(commit: Mapping[str, Any], account: GitLabAccount) -> bool:
    """Return True if the token's account made this commit, and nobody amended it.

    If the account is not known, the trailer alone decides: then nothing is written either.

    A GitLab that signs commits is the committer of everything that is committed by its API. Amending a commit keeps its
    author and changes its committer; if the person whose token it is amends it, author and committer are equal, but
    their dates differ.
    """
    author, committer = str(commit["author_email"]).lower(), str(commit["committer_email"]).lower()
    authored_at, committed_at = (datetime.fromisoformat(commit[key]) for key in ("authored_date", "committed_date"))
    return (
        len(commit["parent_ids"]) == 1
        and (
            account.emails is None
            or (
                author in account.emails and (committer in account.emails or committer.partition("@")[0] == SIGNER_NAME)
            )
        )
        and abs(committed_at - authored_at) <= MAX_DATE_DIFFERENCE
    )


def push_commit(
    remote: GitLabRemote, base: str, branch: str, changes: Sequence[FileChange], message: str, expected_head: str | None
) -> str:
    """Create a commit on `base` in which only `changes` differ, point `branch` to it, and return it.

    Raises ForgeError. Without an expected commit the branch must not exist, which GitLab itself enforces. With one, the
    branch is read, and the next request moves it by force: a commit that is pushed in between is lost.
    """
    remote.connection.refuse_job_token(f"push to {branch}")
    branches = GitLabBranches(remote)
    expected = _expect_files(remote, base, changes)
    if expected_head is not None:
        tip = branches.read_tip(branch)
        if tip is None or tip.commit != expected_head:
            raise build_branch_moved_error(branch, branches.remote.name)
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
        commit = _find_commit_after_refusal(branches, branch, base, message, expected_head, refusal)
    _verify_stored_files(branches, branch, commit, expected)
    return commit


def _expect_files(remote: GitLabRemote, base: str, changes: Sequence[FileChange]) -> dict[FilePath, RegularFile]:
    """Return the mode and blob name that each changed file must have. Raises ForgeError if GitLab cannot store one."""
    expected = build_expected_files(
        changes, _list_base_files(remote, base, {_get_folder(change.path) for change in changes}), remote.name
    )
    for change in changes:
        if b"\r\n" in change.content and b"\0" not in change.content:
            raise ForgeError(
                f"{remote.name}: '{change.path}' has CR LF line ends, which GitLab's API would store as LF, but "
                "basebump changes nothing except digests; hint: convert the file to LF, or change it by hand"
            )
    return expected


def _get_folder(path: FilePath) -> str:
    folder = str(PurePosixPath(path).parent)
    return "" if folder == "." else folder


def _list_base_files(remote: GitLabRemote, base: str, folders: set[str]) -> Mapping[FilePath, RegularFile]:
    files: dict[FilePath, RegularFile] = {}
    for folder in sorted(folders):
        if ".." not in folder.split("/"):
            files.update(list_files(remote, base, folder).files)
    return files


def _build_action(change: FileChange) -> dict[str, Any]:
    text = decode_text(change.content)
    if text is not None:
        return {"action": "update", "file_path": change.path, "content": text}
    encoded = base64.b64encode(change.content).decode("ascii")
    return {"action": "update", "file_path": change.path, "content": encoded, "encoding": "base64"}


def _find_commit_after_refusal(
    branches: GitLabBranches, branch: str, base: str, message: str, expected_head: str | None, refusal: RefusedError
) -> str:
    """Return the commit of a push whose answer was lost, if the push worked nevertheless; raise the refusal otherwise.

    A commit of basebump on this base with this message has the same content: the intent is a hash of the changes.
    """
    tip = read_after_refusal(refusal, lambda: branches.read_tip(branch))
    if (tip.commit if tip is not None else None) == expected_head:
        raise refusal
    if tip is not None and tip.intent is not None and refusal.may_have_worked:
        parents_and_message = tip.parents, tip.message.strip()
        if parents_and_message == ((base,), message.strip()):
            return tip.commit
    raise build_branch_moved_error(branch, branches.remote.name) from refusal


def _verify_stored_files(
    branches: GitLabBranches, branch: str, commit: str, expected: Mapping[FilePath, RegularFile]
) -> None:
    """Read back the stored files, and delete the branch if one differs from what was sent. Raises ForgeError.

    This is a second check without a guarantee: a run that ends before it leaves the branch as it is.

    https://docs.gitlab.com/api/repository_files/#get-file-metadata-only
    """
    for path, file in expected.items():
        stored = branches.remote.read(f"check {path}", partial(_read_stored_file, path, commit, file.mode))
        if stored != file:
            branches.delete_branch(branch, commit)
            raise ForgeError(
                f"{branches.remote.name}: GitLab stored '{path}' with other content than it was sent, so branch "
                f"'{branch}' was deleted again; hint: do not convert the file in `.gitattributes`, or change it by hand"
            )


def _read_stored_file(path: str, commit: str, mode: str, project: Project) -> RegularFile:
    """Return the stored file of a commit; `mode` is assumed if the server is too old to report the mode."""
    headers = project.files.head(path, ref=commit)
    executable_header = headers.get("X-Gitlab-Execute-Filemode")
    if executable_header is not None:
        mode = EXECUTABLE if str(executable_header).lower() == "true" else REGULAR
    return RegularFile(mode, str(headers["X-Gitlab-Blob-Id"]))
