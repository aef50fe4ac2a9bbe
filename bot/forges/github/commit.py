"""Create one commit with the Git Data API, before any branch points to it.

https://docs.github.com/en/rest/git: a branch that is moved to a finished commit never equals its base, not even for a
moment, which would make GitHub close its pull request for good.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence

from github.GitTree import GitTree
from github.InputGitTreeElement import InputGitTreeElement

from bot.forges._git_objects import RegularFile
from bot.forges.github.connection import GitHubRemote
from bot.forges.github.errors import CONTENTS_WRITE, WORKFLOWS_WRITE
from bot.forges.github.tree import list_files
from bot.forges.hosted.files import build_expected_files, decode_text
from bot.forges.hosted.refusal import FORBIDDEN, NOT_FOUND, RefusedError
from bot.model.errors import ForgeError, ProtectedFileError
from bot.model.source import FileChange, FilePath

WORKFLOWS_FOLDER = ".github/workflows/"
"""Folder of the files that take a token permission of their own: GitHub refuses trees that change one without it.

https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps, `workflow`
"""


def get_push_permission(changes: Iterable[FileChange]) -> str:
    """Return the permission that is required to push these changes; workflow files take a permission of their own."""
    touches_workflows = any(change.path.startswith(WORKFLOWS_FOLDER) for change in changes)
    return WORKFLOWS_WRITE if touches_workflows else CONTENTS_WRITE


def create_commit(remote: GitHubRemote, base: str, changes: Sequence[FileChange], message: str) -> str:
    """Create a commit on `base` in which only `changes` differ, and return it.

    Raises ForgeError; `ProtectedFileError` if the token may not change workflow files.

    Neither author nor committer is sent: GitHub fills in the token's account, and signs the commits of Apps
    (https://docs.github.com/en/authentication/managing-commit-signature-verification/about-commit-signature-verification#signature-verification-for-bots).
    """
    parent = remote.read(f"read the commit {base}", lambda repository: repository.get_git_commit(base))
    expected = build_expected_files(changes, list_files(remote, parent.tree.sha).files, remote.name)
    permission = get_push_permission(changes)
    elements = [_build_element(remote, change, expected[change.path]) for change in changes]
    try:
        tree = remote.write(
            "store the changed files", lambda repository: repository.create_git_tree(elements, parent.tree), permission
        )
    except RefusedError as refusal:
        if permission == WORKFLOWS_WRITE and _is_permission_missing(refusal):
            raise ProtectedFileError(str(refusal)) from refusal
        raise
    _verify_stored_files(remote, tree, expected)
    commit = remote.write(
        "store a commit", lambda repository: repository.create_git_commit(message, tree, [parent]), permission
    )
    return commit.sha


def _is_permission_missing(refusal: RefusedError) -> bool:
    """Return True if the token lacks a permission; a classic token without the scope gets a 404."""
    return (
        refusal.retry_after is None
        and refusal.status in (FORBIDDEN, NOT_FOUND)
        and "archived" not in refusal.server_message
    )


def _build_element(remote: GitHubRemote, change: FileChange, file: RegularFile) -> InputGitTreeElement:
    text = decode_text(change.content)
    if text is not None:
        return InputGitTreeElement(change.path, file.mode, "blob", content=text)
    encoded = base64.b64encode(change.content).decode("ascii")
    remote.write(
        f"store {change.path}", lambda repository: repository.create_git_blob(encoded, "base64"), CONTENTS_WRITE
    )
    return InputGitTreeElement(change.path, file.mode, "blob", sha=file.oid)


def _verify_stored_files(remote: GitHubRemote, tree: GitTree, expected: dict[FilePath, RegularFile]) -> None:
    """Read back the stored files, since bytes that went through JSON and a server may have changed.

    Raises ForgeError if a file differs.
    """
    stored = list_files(remote, tree.sha).files
    for path, file in expected.items():
        if stored.get(path) != file:
            raise ForgeError(
                f"{remote.name}: GitHub stored '{path}' with other content than it was sent, so nothing was pushed; "
                "hint: rerun basebump, and report a bug if the error persists"
            )
