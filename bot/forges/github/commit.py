"""One commit by the Git Data API, made before any branch points to it.

https://docs.github.com/en/rest/git: a branch that is moved to a finished commit never equals its base, not even for a
moment, which would make GitHub close its pull request for good.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence

from github.GitTree import GitTree
from github.InputGitTreeElement import InputGitTreeElement

from bot.forges._changed_files import as_stored, as_text
from bot.forges._git_objects import RegularFile
from bot.forges._refusal import FORBIDDEN, NOT_FOUND, RefusedError
from bot.forges.github.connection import Remote
from bot.forges.github.errors import CONTENTS_WRITE, WORKFLOWS_WRITE
from bot.forges.github.tree import list_files
from bot.model.errors import ForgeError, GuardedError
from bot.model.source import Change, FilePath

WORKFLOWS = ".github/workflows/"
"""Files for which a token needs a permission of its own: GitHub refuses any tree that changes one.

https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps, `workflow`
"""


def permission_for(changes: Iterable[Change]) -> str:
    """Return what it takes to push a commit: GitHub guards the files of its workflows."""
    touches_workflows = any(change.path.startswith(WORKFLOWS) for change in changes)
    return WORKFLOWS_WRITE if touches_workflows else CONTENTS_WRITE


def make_commit(remote: Remote, base: str, changes: Sequence[Change], message: str) -> str:
    """Make a commit on `base` in which only `changes` differ, and return it. Raises ForgeError.

    That is a GuardedError where the token may not change workflows.

    Neither author nor committer is sent: GitHub fills in the token's own, and signs for Apps
    (https://docs.github.com/en/authentication/managing-commit-signature-verification/about-commit-signature-verification#signature-verification-for-bots).
    """
    parent = remote.read(f"read the commit {base}", lambda repository: repository.get_git_commit(base))
    expected = as_stored(changes, list_files(remote, parent.tree.sha).files, remote.name)
    needs = permission_for(changes)
    elements = [_element(remote, change, expected[change.path]) for change in changes]
    try:
        tree = remote.write(
            "store the changed files", lambda repository: repository.create_git_tree(elements, parent.tree), needs
        )
    except RefusedError as refusal:
        if needs == WORKFLOWS_WRITE and _is_for_lack_of_permission(refusal):
            raise GuardedError(str(refusal)) from refusal
        raise
    _check(remote, tree, expected)
    commit = remote.write(
        "store a commit", lambda repository: repository.create_git_commit(message, tree, [parent]), needs
    )
    return commit.sha


def _is_for_lack_of_permission(refusal: RefusedError) -> bool:
    """Say whether the token may not; a classic one without its scope is told that there is no such thing."""
    return refusal.wait is None and refusal.status in (FORBIDDEN, NOT_FOUND) and "archived" not in refusal.words


def _element(remote: Remote, change: Change, file: RegularFile) -> InputGitTreeElement:
    text = as_text(change.content)
    if text is not None:
        return InputGitTreeElement(change.path, file.mode, "blob", content=text)
    encoded = base64.b64encode(change.content).decode("ascii")
    remote.write(
        f"store {change.path}", lambda repository: repository.create_git_blob(encoded, "base64"), CONTENTS_WRITE
    )
    return InputGitTreeElement(change.path, file.mode, "blob", sha=file.oid)


def _check(remote: Remote, tree: GitTree, expected: dict[FilePath, RegularFile]) -> None:
    """Read back what GitHub stored: bytes that went through JSON and a server are believed only then."""
    stored = list_files(remote, tree.sha).files
    for path, file in expected.items():
        if stored.get(path) != file:
            raise ForgeError(
                f"GitHub stored {path} of {remote.name} other than it was sent, so nothing was pushed; "
                "run basebump again, and report it if that does not help"
            )
