"""Create one commit with the Commits API, which moves the branch in the same request.

https://docs.gitlab.com/api/commits/#create-a-commit-with-multiple-files-and-actions: with `start_sha` the commit stands
on the base whatever the branch held, so the branch never equals its base, not even for a moment.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from gitlab.v4.objects import Project

from bot.forges._git_objects import EXECUTABLE, REGULAR, RegularFile
from bot.forges.gitlab.branches import GitLabBranches
from bot.forges.gitlab.connection import GitLabRemote
from bot.forges.gitlab.tree import list_files
from bot.forges.hosted.files import build_expected_files, decode_text
from bot.forges.hosted.preconditions import build_branch_moved_error
from bot.forges.hosted.refusal import RefusedError, read_after_refusal
from bot.model.errors import ForgeError
from bot.model.source import FileChange, FilePath


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
