"""Merges, tried and thrown away, and those that somebody made: what a branch holds beyond its base."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace

from bot.forges._our_commits import MAX_MERGES, PARENTS_OF_MERGE
from bot.forges.git.command import Git
from bot.forges.local.refs import Head, Refs
from bot.model.errors import ForgeError

_CLEAN, _CONFLICTED = 0, 1
"""What `git merge-tree` ends with (https://git-scm.com/docs/git-merge-tree#_exit_status)."""


@dataclass(frozen=True, slots=True)
class Merges:
    """Merges with one commit of the base branch. Every method raises ProcessError, and ForgeError of a git too old."""

    git: Git
    base: str

    def settled(self, head: Head) -> Head:
        """Return what a branch points to as it is to be judged, with whether it is behind.

        Where merges of the base ("update the branch") stand on a commit of ours, and each holds what git makes of the
        two, it has the intent of that commit; where people changed anything, it has none.
        """
        behind = head.parents != (self.base,) and not self._has(head.oid, self.base)
        ours = self._below(head)
        if ours is None:
            return replace(head, behind=behind)
        return replace(head, intent=ours.intent, base=ours.base, committed=ours.committed, behind=behind)

    def conflicts(self, head: Head) -> bool:
        """Say whether git could not merge a branch by itself."""
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
        raise ForgeError(f"git could not tell whether {commit} holds {ancestor}: {done.errors}")

    def _tree(self, commit: str) -> str:
        return self.git.line("rev-parse", "--verify", f"{commit}^{{tree}}")

    def _merge(self, one: str, other: str) -> str | None:
        """Return the tree that git makes of two commits by itself, None where it cannot."""
        objects = self.git.directory / self.git.line("rev-parse", "--git-path", "objects")
        with tempfile.TemporaryDirectory(prefix="basebump-") as scratch:
            aside = {"GIT_OBJECT_DIRECTORY": scratch, "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects)}
            merge = self.git.ask("merge-tree", "--write-tree", one, other, environment=aside)
        if merge.status == _CLEAN:
            return merge.output.decode("ascii", "replace").split("\n", 1)[0]
        if merge.status == _CONFLICTED or "unrelated histories" in merge.errors:
            return None
        raise ForgeError(f"git could not try to merge {other}, which takes git 2.38 or newer: {merge.errors}")
