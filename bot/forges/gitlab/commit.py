"""One commit by GitLab's Commits API, which makes it and moves the branch in the same request.

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

from bot.forges._changed_files import as_stored, as_text
from bot.forges._git_objects import EXECUTABLE, REGULAR, RegularFile
from bot.forges._preconditions import branch_moved
from bot.forges._refusal import RefusedError, after
from bot.forges.gitlab.branches import Branches
from bot.forges.gitlab.connection import Remote
from bot.forges.gitlab.tree import list_files
from bot.model.errors import ForgeError
from bot.model.source import Change, FilePath


def push_commit(
    remote: Remote, base: str, branch: str, changes: Sequence[Change], message: str, over: str | None
) -> str:
    """Make a commit on `base` in which only `changes` differ, point `branch` to it, and return it. Raises ForgeError.

    Where `over` is None, GitLab itself refuses a branch that exists. Else it must point to `over`: it is read, and
    forced by the next request, whatever comes between the two.
    """
    remote.connection.refuse_job(f"push to {branch}")
    branches = Branches(remote)
    expected = _expected(remote, base, changes)
    if over is not None:
        head = branches.head(branch)
        if head is None or head.commit != over:
            raise branch_moved(branch, branches.remote.name)
    body = {
        "branch": branch,
        "start_sha": base,
        "commit_message": message,
        "force": over is not None,
        "stats": False,
        "actions": [_action(change) for change in changes],
    }
    try:
        commit = remote.write(f"push to {branch}", lambda project: str(project.commits.create(body).id))
    except RefusedError as refusal:
        commit = _after(branches, branch, base, message, over, refusal)
    _check(branches, branch, commit, expected)
    return commit


def _expected(remote: Remote, base: str, changes: Sequence[Change]) -> dict[FilePath, RegularFile]:
    """Return each changed file as it will be, if GitLab can store it so."""
    expected = as_stored(changes, _files(remote, base, {_folder(change.path) for change in changes}), remote.name)
    for change in changes:
        if b"\r\n" in change.content and b"\0" not in change.content:
            raise ForgeError(
                f"{change.path} of {remote.name} ends its lines with CR LF, and GitLab's API would store all of them "
                "with LF; basebump changes nothing but the digest, so let the file have LF, or change it by hand"
            )
    return expected


def _folder(path: FilePath) -> str:
    folder = str(PurePosixPath(path).parent)
    return "" if folder == "." else folder


def _files(remote: Remote, base: str, folders: set[str]) -> Mapping[FilePath, RegularFile]:
    files: dict[FilePath, RegularFile] = {}
    for folder in sorted(folders):
        if ".." not in folder.split("/"):
            files.update(list_files(remote, base, folder).files)
    return files


def _action(change: Change) -> dict[str, Any]:
    text = as_text(change.content)
    if text is not None:
        return {"action": "update", "file_path": change.path, "content": text}
    encoded = base64.b64encode(change.content).decode("ascii")
    return {"action": "update", "file_path": change.path, "content": encoded, "encoding": "base64"}


def _after(branches: Branches, branch: str, base: str, message: str, over: str | None, refusal: RefusedError) -> str:
    """Return the commit of a push whose answer was lost, if it worked all the same.

    A commit of ours on this base with this message holds what was sent: its intent is a hash over just that.
    """
    head = after(refusal, lambda: branches.head(branch))
    if (head.commit if head is not None else None) == over:
        raise refusal
    if head is not None and head.intent is not None and refusal.may_have_worked:
        made = head.parents, head.message.strip()
        if made == ((base,), message.strip()):
            return head.commit
    raise branch_moved(branch, branches.remote.name) from refusal


def _check(branches: Branches, branch: str, commit: str, expected: Mapping[FilePath, RegularFile]) -> None:
    """Read back what GitLab stored, and take the branch away if it is not what was sent.

    This is a second look, not a promise: a run that ends before it leaves the branch as it is.

    https://docs.gitlab.com/api/repository_files/#get-file-metadata-only
    """
    for path, file in expected.items():
        stored = branches.remote.read(f"check {path}", partial(_stored, path, commit, file.mode))
        if stored != file:
            branches.delete(branch, commit)
            raise ForgeError(
                f"GitLab stored {path} of {branches.remote.name} other than it was sent, so the branch {branch} is "
                "deleted again; let no `.gitattributes` convert the file, or change it by hand"
            )


def _stored(path: str, commit: str, mode: str, project: Project) -> RegularFile:
    """Return a file of a commit; `mode` is believed where a GitLab is too old to tell it."""
    headers = project.files.head(path, ref=commit)
    told = headers.get("X-Gitlab-Execute-Filemode")
    if told is not None:
        mode = EXECUTABLE if str(told).lower() == "true" else REGULAR
    return RegularFile(mode, str(headers["X-Gitlab-Blob-Id"]))
