"""Simulates merges, to check whether a branch conflicts with its base branch, and whether users changed the branch.

The intent of a commit is a hash of the changes that basebump planned, which basebump writes into a trailer of the
commit message. A commit of another author has no intent. Because everybody can forge an author,
`bot.branch_ports.BranchJudge` also compares the content of the branch with the edits that basebump makes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bot.branch_ports import BranchJudge
from bot.forges._git_objects import MAX_MERGES, PARENTS_OF_MERGE
from bot.forges.git.command import GitRunner, decode_output
from bot.forges.git.scratch import open_scratch_repository
from bot.forges.git.tree import LocalTree
from bot.forges.local.refs import LocalHead, ProposalRefs
from bot.local_git import MAX_BATCH_BYTES, split_into_batches
from bot.model.branch_ownership import BranchClaim, FileDifference, TreeObject
from bot.model.errors import ForgeError, OversizedFileError, TreeError
from bot.model.forge import TreeEntry
from bot.model.proposal import BodyMark
from bot.model.source import FilePath

_NO_MODE = "000000"
"""The mode that `git diff-tree` prints for a path that a commit does not have."""


@dataclass(frozen=True, slots=True)
class LocalBranchContents:
    """The content of one branch, compared with its base branch; implements `bot.branch_ports.BranchContents`.

    Methods raise ProcessError if git fails.
    """

    git: GitRunner
    base_commit: str
    commit: str

    def list_differences(self) -> list[FileDifference]:
        """Return the paths at which the branch differs from its base.

        https://git-scm.com/docs/git-diff-tree#_raw_output_format
        """
        options = ("-r", "-z", "--raw", "--no-renames", "--no-ext-diff", "--full-index")
        fields = decode_output(self.git.read_output("diff-tree", *options, self.base_commit, self.commit)).split("\0")
        return [
            _parse_difference(attributes, path) for attributes, path in zip(fields[:-1:2], fields[1::2], strict=True)
        ]

    def read_old(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry of the base. If a file cannot be read, yield a TreeError instead."""
        return self._read(self.base_commit, entries)

    def read_new(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry of the branch. If a file cannot be read, yield a TreeError instead."""
        return self._read(self.commit, entries)

    def _read(self, commit: str, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry of a commit, or an error.

        Files that are too large for one batch are not read.
        """
        tree = LocalTree(self.git, commit)
        sizes = self.git.read_sizes(entry.oid or "" for entry in entries)
        sized = [replace(entry, size=size) for entry, size in zip(entries, sizes, strict=True)]
        for batch in split_into_batches(sized, MAX_BATCH_BYTES):
            if (batch[0].size or 0) > MAX_BATCH_BYTES:
                yield OversizedFileError(f"'{batch[0].path}' has more than {MAX_BATCH_BYTES} bytes")
            else:
                yield from tree.read(batch)


def _parse_difference(attributes: str, path: str) -> FileDifference:
    old_mode, new_mode, old_oid, new_oid, _ = attributes.removeprefix(":").split(" ")
    return FileDifference(FilePath(path), _build_object(old_mode, old_oid), _build_object(new_mode, new_oid))


def _build_object(mode: str, oid: str) -> TreeObject | None:
    return TreeObject(mode, oid) if mode != _NO_MODE else None


_CLEAN, _CONFLICTED = 0, 1
"""Exit statuses of `git merge-tree` (https://git-scm.com/docs/git-merge-tree#_exit_status)."""


@dataclass(frozen=True, slots=True)
class MergeSimulator:
    """Simulates merges with the base branch's commit `base`.

    Methods raise ProcessError if git fails, and ForgeError if git is too old.
    """

    git: GitRunner
    base: str

    def evaluate_head(self, head: LocalHead) -> LocalHead:
        """Return `head` with two changes: `is_behind` is set, and the intent is that of the whole branch.

        Users may have merged the base branch into the branch ("Update branch"). If each of these merges has the same
        result as git's automatic merge, users changed nothing. The branch then has the intent of basebump's commit
        below the merges. If users changed anything else, the intent is None.
        """
        is_behind = head.parents != (self.base,) and not self._is_ancestor(head.oid, self.base)
        own_commit = self._find_own_commit(head)
        if own_commit is None:
            own_oid = head.oid if head.intent is not None else None
            return replace(head, is_behind=is_behind, own_commit=own_oid)
        return replace(
            head,
            intent=own_commit.intent,
            stated_base=own_commit.stated_base,
            committed_at=own_commit.committed_at,
            is_behind=is_behind,
            own_commit=own_commit.oid,
        )

    def judge_head(self, branch: str, head: LocalHead, mark: BodyMark | None, judge: BranchJudge) -> LocalHead:
        """Return an evaluated head with the intent that is derived from the content of the branch.

        `mark` is the mark of the open proposal of the branch. It is None if there is no open proposal.
        """
        if head.intent is None:
            return head

        def open_contents() -> LocalBranchContents | None:
            merge_base = head.parents[-1]
            return (
                LocalBranchContents(self.git, merge_base, head.oid)
                if self._is_ancestor(self.base, merge_base)
                else None
            )

        verdict = judge.judge(BranchClaim(branch, head.oid, head.intent, mark), open_contents)
        return replace(
            head, intent=verdict.intent, is_confirmed=verdict.is_confirmed, is_as_marked=verdict.is_as_marked
        )

    def has_conflict(self, head: LocalHead) -> bool:
        """Return True if git cannot merge the branch and the base branch automatically."""
        return head.is_behind and self._merge_commits(self.base, head.oid) is None

    def _find_own_commit(self, head: LocalHead) -> LocalHead | None:
        commit = head
        for _ in range(MAX_MERGES):
            if len(commit.parents) != PARENTS_OF_MERGE:
                return None
            first, second = commit.parents
            if not self._is_ancestor(self.base, second) or self._merge_commits(first, second) != self._read_tree_oid(
                commit.oid
            ):
                return None
            commit = ProposalRefs(self.git).read_commit(first)
            if commit.intent is not None:
                return commit
        return None

    def _is_ancestor(self, commit: str, ancestor: str) -> bool:
        completed = self.git.run("merge-base", "--is-ancestor", ancestor, commit)
        if completed.status in (0, 1):
            return completed.status == 0
        raise ForgeError(f"git could not check whether {commit} contains {ancestor}: {completed.error_text}")

    def _read_tree_oid(self, commit: str) -> str:
        return self.git.read_line("rev-parse", "--verify", f"{commit}^{{tree}}")

    def _merge_commits(self, one: str, other: str) -> str | None:
        """Merge two commits automatically, and return the id of the resulting tree; None if the commits conflict.

        git merges in a temporary repository. Therefore the merge does not change the repository itself, and git does
        not start the merge drivers and filters in the repository's config. If a user merged with such a driver, the
        result counts as a change.
        """
        with open_scratch_repository(self.git, one) as scratch:
            completed = scratch.run("merge-tree", "--write-tree", one, other)
        if completed.status == _CLEAN:
            return completed.output.decode("ascii", "replace").split("\n", 1)[0]
        if completed.status == _CONFLICTED or "unrelated histories" in completed.error_text:
            return None
        raise ForgeError(
            f"git could not simulate the merge of {other}: {completed.error_text}; hint: use git 2.38 or newer"
        )
