"""Branches on GitHub, which are moved only if they point to the expected commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from github.GithubException import GithubException
from github.Repository import Repository

from bot.forges._graphql import TooOldError
from bot.forges._preconditions import branch_moved
from bot.forges._refusal import CONFLICT, INVALID, NOT_FOUND, RefusedError, after
from bot.forges.github.connection import Remote
from bot.forges.github.errors import CONTENTS_WRITE, METADATA_READ
from bot.forges.github.graphql import is_too_old

BRANCHES = "refs/heads/"
_NO_COMMIT = "0" * 40
"""The commit with which `updateRefs` expresses that a ref must not exist."""


@dataclass(frozen=True, slots=True)
class _Move:
    """The update of one branch; without a new commit the branch is deleted."""

    branch: str
    before: str
    after: str | None
    needs: str

    @property
    def action(self) -> str:
        return f"{'delete' if self.after is None else 'move'} the branch {self.branch}"


@dataclass(frozen=True, slots=True)
class Branches:
    """The branches of one repository; every method reads them again. Every method raises ForgeError."""

    remote: Remote

    def heads(self, prefix: str) -> dict[str, str]:
        """Return all branches that begin with `prefix`, and their commits.

        https://docs.github.com/en/rest/git/refs#list-matching-references
        """
        try:
            found = self.remote.read(
                f"list the branches {prefix}*",
                lambda repository: [
                    (each.ref, each.object.sha) for each in repository.get_git_matching_refs(f"heads/{prefix}")
                ],
            )
        except RefusedError as refusal:
            if refusal.status == CONFLICT:  # the repository has no commits
                return {}
            raise
        return {ref.removeprefix(BRANCHES): commit for ref, commit in found if ref.startswith(BRANCHES + prefix)}

    def head(self, branch: str) -> str | None:
        """Return the commit that a branch points to; None if the branch does not exist."""
        try:
            return self.remote.read(
                f"read the branch {branch}", lambda repository: repository.get_git_ref(f"heads/{branch}").object.sha
            )
        except RefusedError as refusal:
            if refusal.status in (NOT_FOUND, CONFLICT):
                return None
            raise

    def create(self, branch: str, commit: str, needs: str = CONTENTS_WRITE) -> None:
        """Create a branch that must not exist; `permission` is the permission to push its commit."""
        try:
            self.remote.write(
                f"create the branch {branch}",
                lambda repository: repository.create_git_ref(BRANCHES + branch, commit),
                needs,
            )
        except RefusedError as refusal:
            exists = refusal.status == INVALID and "already exists" in refusal.words
            if not exists and not refusal.may_have_worked:
                raise
            head = after(refusal, lambda: self.head(branch))
            if head == commit:
                return
            if head is None:
                raise
            raise branch_moved(branch, self.remote.name) from refusal

    def swap(self, branch: str, before: str, after: str | None, needs: str = CONTENTS_WRITE) -> None:
        """Move a branch from one commit to another, or delete it if there is no new commit.

        Deleting a branch that does not exist does nothing. GraphQL compares and moves in one request. With a server
        that cannot do that, the branch is read and then moved, and a commit that is pushed in between is lost: REST
        offers no comparison. `permission` is the permission to push the new commit.
        """
        move = _Move(branch, before, after, needs)
        connection = self.remote.connection
        if connection.can_compare_and_swap:
            try:
                self._settle(move, self._compare_and_swap)
            except TooOldError:
                connection.can_compare_and_swap = False
            else:
                return
        head = self.head(branch)
        if head == after:
            return
        if head != before:
            raise branch_moved(branch, self.remote.name)
        self._settle(move, self._force)

    def _settle(self, move: _Move, make: Callable[[_Move], None]) -> None:
        """Move a branch; after a refusal, read the branch to find out whether it was moved."""
        try:
            make(move)
        except RefusedError as refusal:
            head = after(refusal, lambda: self.head(move.branch))
            if head == move.after:
                return
            if head != move.before:
                raise branch_moved(move.branch, self.remote.name) from refusal
            raise

    def _compare_and_swap(self, move: _Move) -> None:
        """Move with comparison: https://docs.github.com/en/graphql/reference/mutations#updaterefs."""
        node = self.remote.node or self.remote.read(
            "look up the id", lambda repository: repository.node_id, METADATA_READ
        )
        after = move.after or _NO_COMMIT
        update = {"name": BRANCHES + move.branch, "beforeOid": move.before, "afterOid": after, "force": True}
        change = {"repositoryId": node, "refUpdates": [update]}
        self.remote.write(move.action, lambda repository: _update_refs(repository, change), move.needs)

    def _force(self, move: _Move) -> None:
        """Move without comparison. PyGithub's `GitRef` would have to read the branch first to know its address."""
        address = f"/git/refs/heads/{quote(move.branch)}"
        verb, body = ("DELETE", None) if move.after is None else ("PATCH", {"sha": move.after, "force": True})
        self.remote.write(
            move.action,
            lambda repository: repository.requester.requestJsonAndCheck(verb, repository.url + address, input=body),
            move.needs,
        )


def _update_refs(repository: Repository, change: dict[str, Any]) -> None:
    try:
        repository.requester.graphql_named_mutation("updateRefs", change, "clientMutationId")
    except GithubException as error:
        if is_too_old(error):
            raise TooOldError from error
        raise
