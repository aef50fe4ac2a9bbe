"""Branches on GitHub and the commits for them. Branches are moved only if they point to the expected commit.

https://docs.github.com/en/rest/git: a commit is finished before a branch points to it. A branch that is moved to a
finished commit never equals its base, not even for a moment, which would make GitHub close its pull request for good.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from github.GithubException import GithubException
from github.GitTree import GitTree
from github.InputGitTreeElement import InputGitTreeElement
from github.Repository import Repository

from bot.forges._git_objects import RegularFile
from bot.forges.github.connection import GitHubRemote, is_unsupported_query
from bot.forges.github.errors import CONTENTS_WRITE, METADATA_READ, WORKFLOWS_WRITE
from bot.forges.github.tree import list_files
from bot.forges.hosted.files import build_expected_files, decode_text
from bot.forges.hosted.preconditions import build_branch_moved_error
from bot.forges.hosted.refusal import (
    CONFLICT,
    FORBIDDEN,
    INVALID,
    NOT_FOUND,
    RefusedError,
    UnsupportedQueryError,
    read_after_refusal,
)
from bot.model.errors import ForgeError, ProtectedFileError
from bot.model.source import FileChange, FilePath

BRANCHES = "refs/heads/"
_NO_COMMIT = "0" * 40
"""The commit with which `updateRefs` expresses that a ref must not exist."""


@dataclass(frozen=True, slots=True)
class _BranchMove:
    """The update of one branch; without a new commit the branch is deleted."""

    branch: str
    old_commit: str
    new_commit: str | None
    permission: str

    @property
    def action(self) -> str:
        return f"{'delete' if self.new_commit is None else 'move'} the branch {self.branch}"


@dataclass(frozen=True, slots=True)
class GitHubBranches:
    """The branches of one repository; every method reads them again. Every method raises ForgeError."""

    remote: GitHubRemote

    def list_tips(self, prefix: str) -> dict[str, str]:
        """Return all branches that begin with `prefix`, and their commits.

        https://docs.github.com/en/rest/git/refs#list-matching-references
        """
        try:
            refs = self.remote.read(
                f"list the branches {prefix}*",
                lambda repository: [
                    (each.ref, each.object.sha) for each in repository.get_git_matching_refs(f"heads/{prefix}")
                ],
            )
        except RefusedError as refusal:
            if refusal.status == CONFLICT:  # the repository has no commits
                return {}
            raise
        return {ref.removeprefix(BRANCHES): commit for ref, commit in refs if ref.startswith(BRANCHES + prefix)}

    def read_tip(self, branch: str) -> str | None:
        """Return the commit that a branch points to; None if the branch does not exist."""
        try:
            return self.remote.read(
                f"read the branch {branch}", lambda repository: repository.get_git_ref(f"heads/{branch}").object.sha
            )
        except RefusedError as refusal:
            if refusal.status in (NOT_FOUND, CONFLICT):
                return None
            raise

    def create_branch(self, branch: str, commit: str, permission: str = CONTENTS_WRITE) -> None:
        """Create a branch that must not exist; `permission` is the permission to push its commit."""
        try:
            self.remote.write(
                f"create the branch {branch}",
                lambda repository: repository.create_git_ref(BRANCHES + branch, commit),
                permission,
            )
        except RefusedError as refusal:
            exists = refusal.status == INVALID and "already exists" in refusal.server_message
            if not exists and not refusal.may_have_worked:
                raise
            tip = read_after_refusal(refusal, lambda: self.read_tip(branch))
            if tip == commit:
                return
            if tip is None:
                raise
            raise build_branch_moved_error(branch, self.remote.name) from refusal

    def move_branch(
        self, branch: str, old_commit: str, new_commit: str | None, permission: str = CONTENTS_WRITE
    ) -> None:
        """Move a branch from one commit to another, or delete it if there is no new commit.

        Deleting a branch that does not exist does nothing. GraphQL compares and moves in one request. With a server
        that cannot do that, the branch is read and then moved, and a commit that is pushed in between is lost: REST
        offers no comparison. `permission` is the permission to push the new commit.
        """
        move = _BranchMove(branch, old_commit, new_commit, permission)
        connection = self.remote.connection
        if connection.can_compare_and_swap:
            try:
                self._move_and_check(move, self._move_by_graphql)
            except UnsupportedQueryError:
                connection.can_compare_and_swap = False
            else:
                return
        tip = self.read_tip(branch)
        if tip == new_commit:
            return
        if tip != old_commit:
            raise build_branch_moved_error(branch, self.remote.name)
        self._move_and_check(move, self._move_by_rest)

    def _move_and_check(self, move: _BranchMove, send_move: Callable[[_BranchMove], None]) -> None:
        """Move a branch; after a refusal, read the branch to find out whether it was moved."""
        try:
            send_move(move)
        except RefusedError as refusal:
            tip = read_after_refusal(refusal, lambda: self.read_tip(move.branch))
            if tip == move.new_commit:
                return
            if tip != move.old_commit:
                raise build_branch_moved_error(move.branch, self.remote.name) from refusal
            raise

    def _move_by_graphql(self, move: _BranchMove) -> None:
        """Move with comparison: https://docs.github.com/en/graphql/reference/mutations#updaterefs."""
        node_id = self.remote.node_id or self.remote.read(
            "look up the id", lambda repository: repository.node_id, METADATA_READ
        )
        new_commit = move.new_commit or _NO_COMMIT
        update = {"name": BRANCHES + move.branch, "beforeOid": move.old_commit, "afterOid": new_commit, "force": True}
        mutation_input = {"repositoryId": node_id, "refUpdates": [update]}
        self.remote.write(move.action, lambda repository: _update_refs(repository, mutation_input), move.permission)

    def _move_by_rest(self, move: _BranchMove) -> None:
        """Move without comparison. PyGithub's `GitRef` would have to read the branch first to know its address."""
        address = f"/git/refs/heads/{quote(move.branch)}"
        method, body = (
            ("DELETE", None) if move.new_commit is None else ("PATCH", {"sha": move.new_commit, "force": True})
        )
        self.remote.write(
            move.action,
            lambda repository: repository.requester.requestJsonAndCheck(method, repository.url + address, input=body),
            move.permission,
        )


def _update_refs(repository: Repository, mutation_input: dict[str, Any]) -> None:
    try:
        repository.requester.graphql_named_mutation("updateRefs", mutation_input, "clientMutationId")
    except GithubException as error:
        if is_unsupported_query(error):
            raise UnsupportedQueryError from error
        raise


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
