"""Branches on GitLab and the authors of their commits. Branches are moved only if they point to the expected commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.core.proposal.mark import parse_base_branch, parse_intent
from bot.forges._our_commits import AMENDED_AFTER
from bot.forges._preconditions import branch_moved
from bot.forges._refusal import NOT_FOUND, RefusedError, after
from bot.forges.gitlab.connection import Account, Remote

SIGNER = "noreply"
"""The local part of the committer's address of commits that GitLab signs: GitLab's documentation recommends it.

https://docs.gitlab.com/administration/gitaly/configure_gitaly/#configure-commit-signing-for-gitlab-ui-commits
"""


@dataclass(frozen=True, slots=True)
class Tip:
    """The commit that a branch points to."""

    commit: str
    parents: tuple[str, ...]
    message: str
    intent: str | None
    """The intent in the commit's trailer; None if basebump did not make the commit."""
    base: str | None
    """The base branch that the commit names in its trailer; None for the default branch."""
    committed: datetime


@dataclass(frozen=True, slots=True)
class Branches:
    """The branches of one project; every method reads them again. Every method raises ForgeError."""

    remote: Remote

    def heads(self, prefix: str) -> dict[str, Tip]:
        """Return all branches that begin with `prefix`, and their commits.

        https://docs.gitlab.com/api/branches/#list-repository-branches
        """
        words = {"search": f"^{prefix}"} if prefix else {}
        found = self.remote.read(
            f"list the branches {prefix}*",
            lambda project: [
                (str(each.name), dict(each.commit)) for each in project.branches.list(iterator=True, **words)
            ],
        )
        return {name: read_tip(commit, self.remote) for name, commit in found if name.startswith(prefix)}

    def head(self, branch: str) -> Tip | None:
        """Return the commit that a branch points to; None if the branch does not exist."""
        try:
            commit = self.remote.read(
                f"read the branch {branch}", lambda project: dict(project.branches.get(branch).commit)
            )
        except RefusedError as refusal:
            if refusal.status == NOT_FOUND:
                return None
            raise
        return read_tip(commit, self.remote)

    def delete(self, branch: str, before: str) -> None:
        """Delete a branch that points to the expected commit; nothing happens if it does not exist.

        GitLab cannot compare and delete in one request: a commit that is pushed between the two is lost.
        """
        self.remote.connection.refuse_job(f"delete the branch {branch}")
        head = self.head(branch)
        if head is None:
            return
        if head.commit != before:
            raise branch_moved(branch, self.remote.name)
        try:
            self.remote.write(f"delete the branch {branch}", lambda project: project.branches.delete(branch))
        except RefusedError as refusal:
            if refusal.status == NOT_FOUND:
                return
            if not refusal.may_have_worked or after(refusal, lambda: self.head(branch)) is not None:
                raise


def read_tip(commit: Mapping[str, Any], remote: Remote) -> Tip:
    """Parse a commit of GitLab's API: https://docs.gitlab.com/api/commits/. Raises RefusedError.

    The account is compared only if the commit has basebump's trailer.
    """
    message = str(commit["message"])
    claimed = parse_intent(message)
    try:
        is_ours = claimed is not None and _is_ours(commit, remote.connection.account())
        return Tip(
            commit=str(commit["id"]),
            parents=tuple(str(each) for each in commit["parent_ids"]),
            message=message,
            intent=claimed if is_ours else None,
            base=parse_base_branch(message),
            committed=datetime.fromisoformat(commit["committed_date"]),
        )
    except ValueError as error:
        what = f"{remote.name}: a commit has a date that cannot be parsed; hint: check the URL"
        raise RefusedError(what, status=None) from error


def _is_ours(commit: Mapping[str, Any], account: Account) -> bool:
    """Return True if the token's account made this commit, and nobody amended it.

    If the account is not known, the trailer alone decides: then nothing is written either.

    A GitLab that signs commits is the committer of everything that is committed by its API. Amending a commit keeps its
    author and changes its committer; if the person whose token it is amends it, author and committer are equal, but
    their dates differ.
    """
    author, committer = str(commit["author_email"]).lower(), str(commit["committer_email"]).lower()
    authored, committed = (datetime.fromisoformat(commit[key]) for key in ("authored_date", "committed_date"))
    return (
        len(commit["parent_ids"]) == 1
        and (
            account.emails is None
            or (author in account.emails and (committer in account.emails or committer.partition("@")[0] == SIGNER))
        )
        and abs(committed - authored) <= AMENDED_AFTER
    )
