"""The content of basebump's branches on a server, which shows whether a branch has only basebump's own edits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.branch_ports import BranchJudge
from bot.core.proposal.base_branches import BaseBranch
from bot.forges.hosted.files import ListedTree
from bot.forges.hosted.heads import BranchHead, CommitReader, FileChanges, HeadReader
from bot.model.branch_ownership import BranchClaim, FileDifference
from bot.model.errors import TreeError
from bot.model.forge import TreeEntry
from bot.model.proposal import BodyMark


@dataclass(frozen=True, slots=True)
class HostedBranchContents:
    """The content of one branch, compared with its base branch; implements `bot.branch_ports.BranchContents`.

    Methods raise RefusedError if an API call fails.
    """

    commits: CommitReader
    open_tree: Callable[[str], ListedTree]
    base_commit: str
    commit: str

    def list_differences(self) -> Sequence[FileDifference] | None:
        """Return the paths at which the branch differs from its base; None if the server cannot list all of them."""
        return self.commits.list_differences(self.base_commit, self.commit)

    def read_old(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry of the base. If a file cannot be read, yield a TreeError instead."""
        return self.open_tree(self.base_commit).read(entries)

    def read_new(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry of the branch. If a file cannot be read, yield a TreeError instead."""
        return self.open_tree(self.commit).read(entries)


MAX_CHANGED_FILES = 300
"""The largest number of files of which basebump compares the lines. basebump's commits rarely change more files."""


def read_file_changes(contents: HostedBranchContents) -> FileChanges | None:
    """Return the changed lines of each file that differs, computed from both contents.

    Raises RefusedError if an API call fails.

    basebump uses this function for servers whose API returns no changed lines. If more than `MAX_CHANGED_FILES` files
    differ, return None. The value of a file is None if one of the two contents cannot be read, or if also the mode or
    type of the file differs.
    """
    differences = contents.list_differences()
    if differences is None or len(differences) > MAX_CHANGED_FILES:
        return None
    changes: dict[str, tuple[object, tuple[str, ...]] | None] = {each.path: None for each in differences}
    edits = [(each.path, each.old, each.new) for each in differences if each.is_content_edit]
    old = contents.read_old([TreeEntry(path, file.size, file.oid) for path, file, _ in edits if file is not None])
    new = contents.read_new([TreeEntry(path, file.size, file.oid) for path, _, file in edits if file is not None])
    for (path, _, file), before, after in zip(edits, old, new, strict=True):
        if isinstance(before, bytes) and isinstance(after, bytes) and file is not None:
            changes[path] = (file.mode, tuple(_list_changed_lines(before, after)))
    return changes


def _list_changed_lines(old: bytes, new: bytes) -> Iterator[str]:
    """Yield the removed lines with `-` and the added lines with `+`.

    If both contents have the same number of lines, as after basebump's edits of digests, lines with the same number are
    compared. If not, all lines between the first and the last difference are yielded.
    """
    before, after = ([*content.decode("utf-8", "surrogateescape").split("\n")] for content in (old, new))
    if len(before) == len(after):
        for removed, added in zip(before, after, strict=True):
            if removed != added:
                yield from (f"-{removed}", f"+{added}")
        return
    shorter = min(len(before), len(after))
    start = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    end = next((at for at in range(shorter - start) if before[-1 - at] != after[-1 - at]), shorter - start)
    yield from (f"-{line}" for line in before[start : len(before) - end])
    yield from (f"+{line}" for line in after[start : len(after) - end])


@dataclass(frozen=True, slots=True)
class HeadJudge:
    """Replaces the intent that each branch claims with the intent that its content shows."""

    head_reader: HeadReader
    open_tree: Callable[[str], ListedTree]
    """Returns the files of the commit with this id."""
    judge: BranchJudge

    def judge_heads(
        self, heads: Mapping[str, BranchHead], marks: Mapping[str, BodyMark], base: BaseBranch, desired: Collection[str]
    ) -> dict[str, BranchHead]:
        """Return each head with the intent that is derived from the content of its branch.

        A branch whose commit names another base branch is not judged, because the run of that base branch judges it.

        Args:
            heads: The last commits by branch.
            marks: The marks of the open pull requests by branch.
            base: The base branch.
            desired: The branches of the proposals that basebump wants to have open.
        """
        return {
            branch: self._judge_head(branch, head, marks.get(branch))
            if branch in desired or head.stated_base == base.non_default_name
            else head
            for branch, head in heads.items()
        }

    def _judge_head(self, branch: str, head: BranchHead, mark: BodyMark | None) -> BranchHead:
        if head.intent is None:
            return head

        def open_contents() -> HostedBranchContents | None:
            merge_base = self.head_reader.find_merge_base(head)
            if merge_base is None:
                return None
            return HostedBranchContents(self.head_reader.commits, self.open_tree, merge_base, head.commit)

        return head.apply(self.judge.judge(BranchClaim(branch, head.commit, head.intent, mark), open_contents))
