"""Branches on GitLab and the authors of their commits. Branches are moved only if they point to the expected commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.core.proposal.markers import parse_base_branch, parse_intent
from bot.forges.gitlab.connection import GitLabAccount, GitLabRemote
from bot.forges.hosted.heads import MAX_DATE_DIFFERENCE
from bot.forges.hosted.preconditions import build_branch_moved_error
from bot.forges.hosted.refusal import NOT_FOUND, RefusedError, read_after_refusal

SIGNER_NAME = "noreply"
"""The local part of the committer's address of commits that GitLab signs: GitLab's documentation recommends it.

https://docs.gitlab.com/administration/gitaly/configure_gitaly/#configure-commit-signing-for-gitlab-ui-commits
"""


@dataclass(frozen=True, slots=True)
class BranchTip:
    """The commit that a branch points to."""

    commit: str
    parents: tuple[str, ...]
    message: str
    intent: str | None
    """The intent in the commit's trailer; None if basebump did not make the commit."""
    stated_base: str | None
    """The base branch that the commit names in its trailer; None for the default branch."""
    committed_at: datetime


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
