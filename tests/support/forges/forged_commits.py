"""Commits that a user who can push makes in the name of basebump."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from support.forges.azure.stand import AzureStand
from support.forges.github.stand import GitHubStand
from support.forges.stands import GitStand
from support.git import Content


def make_forged_commit(
    stand: GitStand,
    branch: str,
    files: Mapping[str, Content],
    *,
    parents: Sequence[str] = (),
    message: str = "",
    has_own_edits: bool = True,
) -> str:
    """Make a commit with the author, the committer and the message of basebump's commit on a branch.

    No branch is moved to the commit. GitHub reports the commit as signed, and Azure DevOps as pushed by the bot. Nobody
    else can do either, but the tests check that the content is judged nevertheless.

    Args:
        stand: The forge.
        branch: The branch with basebump's commit.
        files: The files that the commit changes.
        parents: The parents of the commit; those of basebump's commit if empty.
        message: The message of the commit; that of basebump's commit if empty.
        has_own_edits: If True, all other files are those of basebump's commit. If False, they are those of the first
            parent.
    """
    own = stand.commits(branch)[-1]
    commit = stand.git.make_commit(
        parents or own.parents,
        files,
        message or own.message,
        who=own.committer,
        author=own.author,
        over=own.oid if has_own_edits else None,
    )
    if isinstance(stand, GitHubStand):
        stand.repository.signed.add(commit)
    if isinstance(stand, AzureStand):
        stand.repository.pushers[commit] = stand.token.account
    return commit
