"""Branches on Azure DevOps, and creating their commits.

A push creates a commit on top of a branch, or on top of any commit if the branch does not exist yet. The call names the
commit to which the branch must point, and Azure DevOps refuses the push if the branch points to another commit.

No push can replace the commits of a branch. To rebuild a branch on a new base, basebump therefore pushes to a temporary
branch. Then a single API call moves the branch and deletes the temporary branch. This call, too, names the commit to
which each branch must point. Azure DevOps reports a result for each branch, so the change of one branch can fail while
the other succeeds.

https://learn.microsoft.com/en-us/rest/api/azure/devops/git/pushes/create,
https://learn.microsoft.com/en-us/rest/api/azure/devops/git/refs/update-refs
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from bot.forges._git_objects import BRANCHES, RegularFile
from bot.forges.azure.azure_errors import STALE_REF_CODE
from bot.forges.azure.commits import AzureCommits
from bot.forges.azure.connection import REF_PAGE, AzureRemote
from bot.forges.hosted.branches import (
    build_branch_moved_error,
    build_expected_files,
    find_pushed_commit,
    settle_branch,
)
from bot.forges.hosted.heads import BranchTip
from bot.forges.hosted.refusal import CONFLICT, FORBIDDEN, RefusedError
from bot.model.errors import ForgeError
from bot.model.source import FileChange, FilePath

TEMPORARY_PREFIX = "basebump-tmp/"
"""The prefix of temporary branches, which exist only while a branch is rebuilt."""
_ALL_OURS = "basebump"
"""The common prefix of temporary branches and of branches with the default prefix, so that one API call lists both."""
_NO_COMMIT = "0" * 40
_STALE, _DONE_STATUSES = "staleOldObjectId", frozenset({"succeeded", "succeededNonExistentRef", "succeededCorruptRef"})
_NAME_BYTES = 8
_TEMPORARY_NAME = re.compile(rf"{TEMPORARY_PREFIX}[0-9a-f]{{{2 * _NAME_BYTES}}}", re.ASCII)
MAX_LEFTOVERS = 50
"""The largest number of temporary branches that one run deletes. The number is limited because everyone who can push
can create branches."""

_UPDATE_HINTS = {
    "forcePushRequired": "another account created the branch; hint: delete the branch, or give the account the "
    "permission Force push on it",
    "createBranchPermissionRequired": "hint: give the account the permission Create branch on the repository",
    "writePermissionRequired": "hint: give the account the permission Contribute on the repository",
    "rejectedByPolicy": "hint: remove the branch policies of basebump's branches, or choose another `branch_prefix`",
    "locked": "somebody locked the branch; hint: unlock it",
    "refNameConflict": "there is a branch whose name differs only in upper and lower case; hint: delete that branch",
}
"""Explanations and hints for the results of updates of refs (schema `GitRefUpdateResult`)."""
_FINAL_STATUSES = frozenset({*_DONE_STATUSES, _STALE, *_UPDATE_HINTS})
"""Results whose cause is the updated ref itself. Any other result can be caused by another ref in the same API call."""


@dataclass(frozen=True, slots=True)
class _RefUpdate:
    """A change of one branch; `old` or `new` is `_NO_COMMIT` if the branch is created or deleted."""

    branch: str
    old: str
    new: str


class AzureBranches:
    """The branches of one repository; implements `BranchApi`. Methods raise ForgeError if a change fails."""

    def __init__(self, remote: AzureRemote, commits: AzureCommits) -> None:
        self._remote = remote
        self._commits = commits
        self._leftovers: dict[str, str] = {}
        """Temporary branches to delete with the next write, each with its commit. They were created by this object, or
        were listed after an interrupted run."""
        self._own_temporary: set[str] = set()
        """The temporary branches that this object created."""

    def list_tips(self, prefix: str) -> dict[str, BranchTip]:
        """Return the branches whose names begin with `prefix`, each with the commit that it points to, by branch name.

        Temporary branches are left out, and the next write deletes them. If `prefix` is the default prefix, one API
        call lists them together with basebump's branches. If it is another prefix that ends in a slash, a second API
        call lists them.
        """
        listed = self._list(_ALL_OURS if prefix.startswith(_ALL_OURS) else prefix)
        if prefix.endswith("/") and not prefix.startswith(_ALL_OURS):
            listed |= self._list(TEMPORARY_PREFIX)
        leftovers = (name for name in sorted(listed) if _TEMPORARY_NAME.fullmatch(name))
        self._leftovers |= {name: listed[name] for name in islice(leftovers, MAX_LEFTOVERS)}
        return {
            name: self._build_tip(oid)
            for name, oid in listed.items()
            if name.startswith(prefix) and not name.startswith(TEMPORARY_PREFIX)
        }

    def read_tip(self, branch: str) -> BranchTip | None:
        """Return the commit that a branch points to; None if the branch does not exist.

        The API filters by the beginning of the name, so the response can contain other branches.
        """
        oid = self._list(branch).get(branch)
        return self._build_tip(oid) if oid is not None else None

    def push_commit(
        self, base: str, branch: str, changes: Sequence[FileChange], message: str, expected_head: str | None
    ) -> str:
        """Create a commit with the parent `base` and these changed files, point `branch` to it, and return its id.

        If `expected_head` is None, one request creates both the branch and the commit. If `expected_head` is given, the
        branch is rebuilt with the help of a temporary branch. The name of the temporary branch is random, so that
        nobody can block it. Before the branch is moved, the files that Azure DevOps stored are compared with `changes`.
        """
        base_files = self._commits.folders.find_files(self._commits.read_tree_id(base), [each.path for each in changes])
        expected = build_expected_files(changes, base_files, self._remote.name)
        if expected_head is None:
            commit = self._create_branch(base, branch, changes, message)
            self._verify_stored_files(base, branch, commit, expected)
            self._sweep()
            return commit
        temporary = TEMPORARY_PREFIX + secrets.token_hex(_NAME_BYTES)
        commit = self._create_branch(base, temporary, changes, message)
        self._own_temporary.add(temporary)
        self._leftovers[temporary] = commit
        self._verify_stored_files(base, temporary, commit, expected)
        self._move(_RefUpdate(branch, expected_head, commit))
        return commit

    def delete_branch(self, branch: str, expected_commit: str) -> None:
        try:
            self._move(_RefUpdate(branch, expected_commit, _NO_COMMIT))
        except ForgeError:
            if self.read_tip(branch) is not None:
                raise

    def _build_tip(self, oid: str) -> BranchTip:
        return BranchTip(oid, lambda: self._commits.read_commit(oid))

    def _list(self, prefix: str) -> dict[str, str]:
        """Return the branches whose names begin with `prefix`, and their commits."""
        query = {"filter": f"heads/{prefix}", "$top": REF_PAGE}
        refs = self._remote.list_values(f"list the branches {prefix}*", "/refs", query)
        return {str(each["name"]).removeprefix(BRANCHES): str(each["objectId"]) for each in refs}

    def _create_branch(self, base: str, branch: str, changes: Sequence[FileChange], message: str) -> str:
        try:
            return self._push(base, branch, changes, message)
        except RefusedError as refusal:
            if refusal.status == CONFLICT or STALE_REF_CODE in refusal.server_message:
                raise build_branch_moved_error(branch, self._remote.name) from refusal
            return find_pushed_commit(branch, self._remote.name, base, message, None, refusal, self.read_tip)

    def _push(self, base: str, branch: str, changes: Sequence[FileChange], message: str) -> str:
        """Send a push, and return the id of the new commit. Raises RefusedError if Azure DevOps refuses the push."""
        body = {
            "refUpdates": [{"name": f"{BRANCHES}{branch}", "oldObjectId": base}],
            "commits": [{"comment": message, "changes": [_build_change(change) for change in changes]}],
        }
        return str(self._remote.write_json(f"push to {branch}", "POST", "/pushes", body)["commits"][0]["commitId"])

    def _verify_stored_files(
        self, base: str, branch: str, commit: str, expected: Mapping[FilePath, RegularFile]
    ) -> None:
        """Compare the commit that Azure DevOps stored with the pushed commit.

        If the parent or the modes or contents of files differ, delete the branch and raise ForgeError.
        """
        facts = self._commits.read_commit(commit)
        differences = self._commits.list_differences(base, commit) if facts.parents == (base,) else None
        stored = {
            each.path: RegularFile(each.new.mode, each.new.oid)
            for each in differences or ()
            if each.is_content_edit and each.new is not None
        }
        if differences is not None and stored == expected and len(differences) == len(expected):
            return
        altered = next((path for path, file in expected.items() if stored.get(path) != file), "the commit")
        self.delete_branch(branch, commit)
        self._leftovers.pop(branch, None)
        raise ForgeError(
            f"{self._remote.name}: Azure DevOps stored '{altered}' differently from what was sent, so the branch "
            f"'{branch}' was deleted again; hint: update the file by hand"
        )

    def _move(self, update: _RefUpdate) -> None:
        """Change a branch, and delete all leftover temporary branches in the same API call.

        Raises ForgeError if the branch was not changed. If only a temporary branch could not be deleted, a later write
        tries again. The branch can also fail to change because a temporary branch of another run could not be deleted.
        In this case, the API call is repeated without temporary branches of other runs.
        """
        try:
            statuses = self._update_and_sweep([update], self._leftovers)
            if statuses.get(update.branch) not in _FINAL_STATUSES and self._leftovers.keys() - self._own_temporary:
                statuses = self._update_and_sweep([update], self._leftovers.keys() & self._own_temporary)
        except RefusedError as refusal:
            self._settle(update, refusal)
            return
        status = statuses.get(update.branch)
        if status in _DONE_STATUSES:
            return
        self._sweep()
        if status == _STALE:
            raise build_branch_moved_error(update.branch, self._remote.name)
        hint = _UPDATE_HINTS.get(str(status), "hint: rerun basebump")
        raise RefusedError(
            f"Azure DevOps refused to change the branch {update.branch} of {self._remote.name}: {status}; {hint}",
            status=FORBIDDEN,
        )

    def _settle(self, update: _RefUpdate, refusal: RefusedError) -> None:
        """Find out whether a branch was changed although the API call failed with `refusal`.

        Raises `refusal` if the branch did not change.
        """
        if not refusal.may_have_worked:
            raise refusal

        def is_done(tip: BranchTip | None) -> bool:
            return (tip.commit if tip is not None else _NO_COMMIT) == update.new

        settle_branch(update.branch, self._remote.name, update.old, refusal, self.read_tip, is_done)

    def _sweep(self) -> None:
        """Delete the temporary branches that interrupted runs left. If this fails, a later write tries again."""
        if self._leftovers:
            with suppress(RefusedError):
                self._update_and_sweep([], self._leftovers)

    def _update_and_sweep(self, updates: Sequence[_RefUpdate], leftovers: Collection[str]) -> Mapping[str, str]:
        """Change branches and delete `leftovers` in one API call; return the result of each branch by its name."""
        sweeping = [_RefUpdate(name, self._leftovers[name], _NO_COMMIT) for name in leftovers]
        statuses = self._update_refs([*updates, *sweeping])
        for name in [*leftovers]:
            if statuses.get(name) in {*_DONE_STATUSES, _STALE}:
                del self._leftovers[name]
        return statuses

    def _update_refs(self, updates: Sequence[_RefUpdate]) -> Mapping[str, str]:
        """Send changes of branches, and return the result of each of them by branch.

        Raises RefusedError if Azure DevOps refuses the whole API call.
        """
        body = [
            {"name": f"{BRANCHES}{each.branch}", "oldObjectId": each.old, "newObjectId": each.new} for each in updates
        ]
        answer = self._remote.write_json(f"change the branch {updates[0].branch}", "POST", "/refs", body)
        return {str(each["name"]).removeprefix(BRANCHES): str(each["updateStatus"]) for each in answer["value"]}


def _build_change(change: FileChange) -> Mapping[str, Any]:
    """Return the edit of one file in Base64, so that Azure DevOps stores exactly these bytes."""
    content = base64.b64encode(change.content).decode("ascii")
    return {
        "changeType": "edit",
        "item": {"path": f"/{change.path}"},
        "newContent": {"content": content, "contentType": "base64Encoded"},
    }
