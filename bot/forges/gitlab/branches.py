"""Branches on GitLab and whose their commits are; moved only from the commit that they are believed to point to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.core.proposal.mark import base_of, intent_of
from bot.forges._our_commits import AMENDED_AFTER
from bot.forges._preconditions import branch_moved
from bot.forges._refusal import NOT_FOUND, RefusedError, after
from bot.forges.gitlab.connection import Account, Remote

SIGNER = "noreply"
"""Who commits what a GitLab signs by itself, before the `@`: what its documentation tells administrators to set.

https://docs.gitlab.com/administration/gitaly/configure_gitaly/#configure-commit-signing-for-gitlab-ui-commits
"""


@dataclass(frozen=True, slots=True)
class Tip:
    """The commit that a branch points to."""

    commit: str
    parents: tuple[str, ...]
    message: str
    intent: str | None
    """None when the commit itself is not ours."""
    base: str | None
    """The base branch that it says it was made for, None for the default one."""
    committed: datetime


@dataclass(frozen=True, slots=True)
class Branches:
    """The branches of one project, read fresh by every question. Every method raises ForgeError."""

    remote: Remote

    def heads(self, prefix: str) -> dict[str, Tip]:
        """Return every branch that begins with `prefix`: https://docs.gitlab.com/api/branches/#list-repository-branches."""
        words = {"search": f"^{prefix}"} if prefix else {}
        found = self.remote.read(
            f"list the branches {prefix}*",
            lambda project: [
                (str(each.name), dict(each.commit)) for each in project.branches.list(iterator=True, **words)
            ],
        )
        return {name: read_tip(commit, self.remote) for name, commit in found if name.startswith(prefix)}

    def head(self, branch: str) -> Tip | None:
        """Return what a branch points to, None where there is no such branch."""
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
        """Delete a branch that points to `before`; one that is gone is deleted.

        GitLab cannot compare and delete in one request: what comes between the two is lost.
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
    """Read what GitLab tells of a commit: https://docs.gitlab.com/api/commits/. Raises RefusedError.

    Whose it is matters only where it carries our trailer.
    """
    message = str(commit["message"])
    claimed = intent_of(message)
    try:
        is_ours = claimed is not None and _is_ours(commit, remote.connection.account())
        return Tip(
            commit=str(commit["id"]),
            parents=tuple(str(each) for each in commit["parent_ids"]),
            message=message,
            intent=claimed if is_ours else None,
            base=base_of(message),
            committed=datetime.fromisoformat(commit["committed_date"]),
        )
    except ValueError as error:
        what = f"a commit of {remote.name} has no date that can be read; check the URL"
        raise RefusedError(what, status=None) from error


def _is_ours(commit: Mapping[str, Any], account: Account) -> bool:
    """Say whether the token's account made this commit itself, and nobody made it anew since.

    Where nobody says which account that is, nothing is written either, and the trailer is believed.

    A GitLab that signs is the committer of what anybody commits by its API. Whoever amends a commit keeps its author
    and becomes its committer; the account's own person, who is both, is given away by the dates.
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
