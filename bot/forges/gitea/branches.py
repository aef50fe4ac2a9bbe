"""Branches on Gitea and Forgejo. Commits are pushed with git, which checks the old commit of the branch.

The API can create a commit only on top of the newest commit of a branch. If the API moves a branch, only Gitea 1.26 and
later check that the branch points to the expected commit. A push with git has neither restriction, and works in the
same way with all versions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from bot.forges._git_objects import BRANCHES
from bot.forges.git.push import GitPush
from bot.forges.gitea.commits import GiteaCommits
from bot.forges.gitea.connection import GiteaRemote
from bot.forges.gitea.gitea_errors import WRITE_REPOSITORY
from bot.forges.hosted.heads import BranchTip
from bot.forges.hosted.refusal import CONFLICT, NOT_FOUND, RefusedError
from bot.model.source import FileChange

_NO_BRANCH = (NOT_FOUND, CONFLICT)
"""The HTTP statuses that mean that the branch does not exist, or that the repository has no commits."""


@dataclass(frozen=True, slots=True)
class GiteaBranches:
    """The branches of one repository, without a cache; implements `BranchApi`.

    Methods raise ForgeError if a call fails.
    """

    remote: GiteaRemote

    def list_tips(self, prefix: str) -> dict[str, BranchTip]:
        """List all branches with one API call: `repoListGitRefs` in https://docs.gitea.com/api/next/#tag/repository."""
        path = f"/git/refs/{quote(f'heads/{prefix}'.rstrip('/'))}"
        try:
            refs = self.remote.read_json(f"list the branches {prefix}*", path)
        except RefusedError as refusal:
            if refusal.status in _NO_BRANCH:
                return {}
            raise
        commits = {
            str(each["ref"]).removeprefix(BRANCHES): str(each["object"]["sha"])
            for each in (refs if isinstance(refs, list) else [refs])  # a single ref is not in a list
            if str(each["ref"]).startswith(BRANCHES + prefix)
        }
        return {branch: self._build_tip(commit) for branch, commit in commits.items()}

    def read_tip(self, branch: str) -> BranchTip | None:
        try:
            data = self.remote.read_json(f"read the branch {branch}", f"/branches/{quote(branch)}")
        except RefusedError as refusal:
            if refusal.status in _NO_BRANCH:
                return None
            raise
        return self._build_tip(str(data["commit"]["id"]))

    def push_commit(
        self, base: str, branch: str, changes: Sequence[FileChange], message: str, expected_head: str | None
    ) -> str:
        identity, push = self.remote.get_identity(), self._get_push()
        return self.remote.connection.run_write(
            lambda: push.push_commit(identity, base, branch, changes, message, expected_head)
        )

    def delete_branch(self, branch: str, expected_commit: str) -> None:
        push = self._get_push()
        self.remote.connection.run_write(lambda: push.delete_branch(branch, expected_commit))

    def _get_push(self) -> GitPush:
        origin = self.remote.connection.build_origin(self.remote.name)
        return GitPush(origin, self.remote.name, "Gitea", WRITE_REPOSITORY, self.read_tip)

    def _build_tip(self, commit: str) -> BranchTip:
        return BranchTip(commit, lambda: GiteaCommits(self.remote).read_commit(commit))
