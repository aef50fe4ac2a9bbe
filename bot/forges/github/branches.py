"""Branches on GitHub, and creating their commits. A branch is changed only if it points to the expected commit.

The new commit is created completely before the branch is moved to it (https://docs.github.com/en/rest/git). Therefore
the branch never temporarily points to the commit of the base branch, which would make GitHub close the pull request
permanently.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

from github.GithubException import GithubException
from github.InputGitTreeElement import InputGitTreeElement
from github.Repository import Repository

from bot.forges._git_objects import BRANCHES, RegularFile
from bot.forges.github.commits import GitHubCommits
from bot.forges.github.connection import GitHubRemote, is_unsupported_query
from bot.forges.github.github_errors import CONTENTS_WRITE, METADATA_READ, WORKFLOWS_WRITE, translate_errors
from bot.forges.github.tree import list_files
from bot.forges.hosted.branches import (
    build_branch_moved_error,
    build_expected_files,
    decode_text,
    find_altered_file,
    settle_branch,
)
from bot.forges.hosted.heads import BranchTip
from bot.forges.hosted.refusal import (
    CONFLICT,
    FORBIDDEN,
    INVALID,
    NOT_FOUND,
    RefusedError,
    UnsupportedQueryError,
)
from bot.model.errors import ForgeError, ProtectedFileError
from bot.model.source import FileChange

_NO_COMMIT = "0" * 40
"""In `updateRefs`, this commit id means that a ref does not exist."""


@dataclass(frozen=True, slots=True)
class _BranchMove:
    """A move of one branch to another commit, or the deletion of the branch if there is no new commit."""

    branch: str
    old_commit: str
    new_commit: str | None
    permission: str

    @property
    def action(self) -> str:
        return f"{'delete' if self.new_commit is None else 'move'} the branch {self.branch}"


@dataclass(frozen=True, slots=True)
class GitHubBranches:
    """The branches of one repository; implements `BranchApi`.

    Nothing is cached. Methods raise ForgeError if a change fails.
    """

    remote: GitHubRemote

    def list_tips(self, prefix: str) -> dict[str, BranchTip]:
        """Return the branches whose names begin with `prefix`, each with the commit that it points to, by branch name.

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
        return {
            ref.removeprefix(BRANCHES): self._build_tip(commit)
            for ref, commit in refs
            if ref.startswith(BRANCHES + prefix)
        }

    def read_tip(self, branch: str) -> BranchTip | None:
        """Return the commit that a branch points to; None if the branch does not exist or the repository is empty."""
        try:
            commit = self.remote.read(
                f"read the branch {branch}", lambda repository: repository.get_git_ref(f"heads/{branch}").object.sha
            )
            return self._build_tip(commit)
        except RefusedError as refusal:
            if refusal.status in (NOT_FOUND, CONFLICT):
                return None
            raise

    def push_commit(
        self, base: str, branch: str, changes: Sequence[FileChange], message: str, expected_head: str | None
    ) -> str:
        """Create a commit with the parent `base` and these changed files, point `branch` to it, and return its id.

        If `expected_head` is given, the branch must currently point to this commit. If `expected_head` is None, the
        branch must not exist.
        """
        with translate_errors(self.remote.name):
            commit = _create_commit(self.remote, base, changes, message)
        if expected_head is None:
            self._create_branch(branch, commit, _get_push_permission(changes))
        else:
            self._move_branch(branch, expected_head, commit, _get_push_permission(changes))
        return commit

    def delete_branch(self, branch: str, expected_commit: str) -> None:
        """Delete a branch if it points to the expected commit; do nothing if the branch does not exist.

        An old server cannot compare and delete in one API call. There, basebump first reads the branch and then deletes
        it, and a commit that a user pushes between the two API calls is lost. Raises ForgeError if the branch points to
        another commit.
        """
        self._move_branch(branch, expected_commit, None, CONTENTS_WRITE)

    def _build_tip(self, commit: str) -> BranchTip:
        return BranchTip(commit, lambda: GitHubCommits(self.remote).read_commit(commit))

    def _create_branch(self, branch: str, commit: str, permission: str) -> None:
        """Create a branch that points to `commit`. If it already exists and points to `commit`, do nothing.

        `permission` is the permission that the token needs to push this commit. Raises ForgeError if the branch points
        to another commit.
        """
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
            settle_branch(branch, self.remote.name, None, refusal, self.read_tip, partial(_is_at_commit, commit))

    def _move_branch(self, branch: str, old_commit: str, new_commit: str | None, permission: str) -> None:
        """Move a branch from `old_commit` to `new_commit`, or delete the branch if `new_commit` is None.

        Do nothing if the branch already points to `new_commit`. `permission` is the permission that the token needs to
        push the new commit.

        With GraphQL, the server compares the old commit and moves the branch in one request. With REST, the server does
        not compare. If an old server lacks this GraphQL mutation, one REST call reads the branch and a second one moves
        the branch. A commit that a user pushes between these two calls is lost.

        Raises:
            ForgeError: If the branch points neither to `old_commit` nor to `new_commit`.
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
        if _is_at_commit(new_commit, tip):
            return
        if not _is_at_commit(old_commit, tip):
            raise build_branch_moved_error(branch, self.remote.name)
        self._move_and_check(move, self._move_by_rest)

    def _move_and_check(self, move: _BranchMove, send_move: Callable[[_BranchMove], None]) -> None:
        """Call `send_move` to move a branch. If the call fails, read the branch to find out whether it was moved.

        No error is raised if the branch was moved although the call failed, for example because the response was lost.

        Raises:
            RefusedError: If the branch did not change.
            ForgeError: If another account moved the branch.
        """
        try:
            send_move(move)
        except RefusedError as refusal:
            settle_branch(
                move.branch,
                self.remote.name,
                move.old_commit,
                refusal,
                self.read_tip,
                partial(_is_at_commit, move.new_commit),
            )

    def _move_by_graphql(self, move: _BranchMove) -> None:
        """Move a branch with GraphQL; the server refuses if the branch does not point to the old commit.

        Raises RefusedError, and UnsupportedQueryError if the server does not have the mutation.

        https://docs.github.com/en/graphql/reference/mutations#updaterefs
        """
        node_id = self.remote.node_id or self.remote.read(
            "look up the id", lambda repository: repository.node_id, METADATA_READ
        )
        new_commit = move.new_commit or _NO_COMMIT
        update = {"name": BRANCHES + move.branch, "beforeOid": move.old_commit, "afterOid": new_commit, "force": True}
        mutation_input = {"repositoryId": node_id, "refUpdates": [update]}
        self.remote.write(move.action, lambda repository: _update_refs(repository, mutation_input), move.permission)

    def _move_by_rest(self, move: _BranchMove) -> None:
        """Move a branch with REST, whichever commit it points to. Raises RefusedError if an API call fails.

        PyGithub's `GitRef` is not used, because it would first read the branch.
        """
        address = f"/git/refs/heads/{quote(move.branch)}"
        method, body = (
            ("DELETE", None) if move.new_commit is None else ("PATCH", {"sha": move.new_commit, "force": True})
        )
        self.remote.write(
            move.action,
            lambda repository: repository.requester.requestJsonAndCheck(method, repository.url + address, input=body),
            move.permission,
        )


def _is_at_commit(commit: str | None, tip: BranchTip | None) -> bool:
    """Return True if the branch tip `tip` is the commit `commit`.

    If `commit` is None, return True if the branch does not exist, that is, if `tip` is None.
    """
    return (tip.commit if tip is not None else None) == commit


def _update_refs(repository: Repository, mutation_input: dict[str, Any]) -> None:
    try:
        repository.requester.graphql_named_mutation("updateRefs", mutation_input, "clientMutationId")
    except GithubException as error:
        if is_unsupported_query(error):
            raise UnsupportedQueryError from error
        raise


WORKFLOWS_FOLDER = ".github/workflows/"
"""The folder of workflow files. GitHub accepts changes in this folder only from tokens with the permission for
workflows. https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps, `workflow`"""


def _get_push_permission(changes: Iterable[FileChange]) -> str:
    """Return the permission that the token needs to push these changes.

    If the changes contain a workflow file, this is the permission for workflows.
    """
    touches_workflows = any(change.path.startswith(WORKFLOWS_FOLDER) for change in changes)
    return WORKFLOWS_WRITE if touches_workflows else CONTENTS_WRITE


def _create_commit(remote: GitHubRemote, base: str, changes: Sequence[FileChange], message: str) -> str:
    """Create a commit with the parent `base` and these changed files, and return its id. No branch is changed.

    The API call names neither an author nor a committer, so that GitHub uses the token's account for both. If the token
    belongs to an App, GitHub also signs the commit
    (https://docs.github.com/en/authentication/managing-commit-signature-verification/about-commit-signature-verification#signature-verification-for-bots).

    Raises:
        ProtectedFileError: If the token is not allowed to change workflow files.
        ForgeError: If the commit cannot be created for another reason.
    """
    parent = remote.read(f"read the commit {base}", lambda repository: repository.get_git_commit(base))
    expected = build_expected_files(changes, list_files(remote, parent.tree.sha).files, remote.name)
    permission = _get_push_permission(changes)
    elements = [_build_element(remote, change, expected[change.path]) for change in changes]
    try:
        tree = remote.write(
            "store the changed files", lambda repository: repository.create_git_tree(elements, parent.tree), permission
        )
    except RefusedError as refusal:
        if permission == WORKFLOWS_WRITE and _is_permission_missing(refusal):
            raise ProtectedFileError(str(refusal)) from refusal
        raise
    stored = list_files(remote, tree.sha).files
    altered = find_altered_file(expected, stored.get)
    if altered is not None:
        raise ForgeError(
            f"{remote.name}: GitHub stored '{altered}' with content that differs from what was sent, so nothing was "
            "pushed; hint: rerun basebump, and report a bug if the error persists"
        )
    commit = remote.write(
        "store a commit", lambda repository: repository.create_git_commit(message, tree, [parent]), permission
    )
    return commit.sha


def _is_permission_missing(refusal: RefusedError) -> bool:
    """Return True if GitHub refused a change because the token lacks the permission for workflow files.

    The status is 403 or 404: GitHub returns 404 if a classic token lacks the scope `workflow`.
    """
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
