"""Simulate merges to find out what a branch holds beyond its base, and whether it conflicts."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace

from bot.forges._our_commits import MAX_MERGES, PARENTS_OF_MERGE
from bot.forges.git.command import Git
from bot.forges.local.refs import Head, Refs
from bot.model.errors import ForgeError

_CLEAN, _CONFLICTED = 0, 1
"""Exit statuses of `git merge-tree` (https://git-scm.com/docs/git-merge-tree#_exit_status)."""


@dataclass(frozen=True, slots=True)
class Merges:
    """Simulated merges with one commit of the base branch.

    Every method raises ProcessError, and ForgeError if git is too old.
    """

    git: Git
    base: str

    def settled(self, head: Head) -> Head:
        """Return the head of a branch with its effective intent, and whether it is behind the base.

        If merges of the base ("Update branch") stand on basebump's commit, and each holds exactly the result of git's
        automatic merge, the head has the intent of that commit. If people changed anything, it has none.
        """
        behind = head.parents != (self.base,) and not self._has(head.oid, self.base)
        ours = self._below(head)
        if ours is None:
            return replace(head, behind=behind)
        return replace(head, intent=ours.intent, base=ours.base, committed=ours.committed, behind=behind)

    def conflicts(self, head: Head) -> bool:
        """Return True if git cannot merge the branch automatically."""
        return head.behind and self._merge(self.base, head.oid) is None

    def _below(self, head: Head) -> Head | None:
        at = head
        for _ in range(MAX_MERGES):
            if len(at.parents) != PARENTS_OF_MERGE:
                return None
            first, second = at.parents
            if not self._has(self.base, second) or self._merge(first, second) != self._tree(at.oid):
                return None
            at = Refs(self.git).commit(first)
            if at.intent is not None:
                return at
        return None

    def _has(self, commit: str, ancestor: str) -> bool:
        done = self.git.ask("merge-base", "--is-ancestor", ancestor, commit)
        if done.status in (0, 1):
            return done.status == 0
        raise ForgeError(f"git could not check whether {commit} contains {ancestor}: {done.error_text}")

    def _tree(self, commit: str) -> str:
        return self.git.line("rev-parse", "--verify", f"{commit}^{{tree}}")

    def _merge(self, one: str, other: str) -> str | None:
        """Return the tree of the automatic merge of two commits; None if they conflict.

        Objects are written to a temporary folder that is deleted afterwards.
        """
        objects = self.git.directory / self.git.line("rev-parse", "--git-path", "objects")
        with tempfile.TemporaryDirectory(prefix="basebump-") as scratch:
            aside = {"GIT_OBJECT_DIRECTORY": scratch, "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects)}
            merge = self.git.ask("merge-tree", "--write-tree", one, other, environment=aside)
        if merge.status == _CLEAN:
            return merge.output.decode("ascii", "replace").split("\n", 1)[0]
        if merge.status == _CONFLICTED or "unrelated histories" in merge.error_text:
            return None
        raise ForgeError(
            f"git could not simulate the merge of {other}: {merge.error_text}; hint: use git 2.38 or newer"
        )
