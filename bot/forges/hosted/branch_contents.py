"""The content of basebump's branches on a server, which decides whether a branch holds only basebump's own edits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.branch_ports import BranchJudge
from bot.core.proposal.base_branches import BaseBranch
from bot.forges.hosted.files import ListedTree
from bot.forges.hosted.heads import BranchHead, CommitReader, HeadReader
from bot.model.branch_ownership import BranchClaim, FileDifference
from bot.model.errors import TreeError
from bot.model.forge import TreeEntry


@dataclass(frozen=True, slots=True)
class HostedBranchContents:
    """The content of one branch, compared with its own base; implements `bot.branch_ports.BranchContents`.

    Methods raise RefusedError.
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


@dataclass(frozen=True, slots=True)
class HeadJudge:
    """Replaces the claims of branches by verdicts on their content. Methods raise RefusedError."""

    head_reader: HeadReader
    open_tree: Callable[[str], ListedTree]
    """Returns the files of the commit with this id."""
    judge: BranchJudge

    def judge_heads(
        self, heads: Mapping[str, BranchHead], bodies: Mapping[str, str], base: BaseBranch, desired: Collection[str]
    ) -> dict[str, BranchHead]:
        """Return each head with the intent that the judge finds in the content of its branch.

        A branch whose commit names another base branch is not judged, because the run of that base branch judges it.

        Args:
            heads: The last commits by branch.
            bodies: The bodies of the open pull requests by branch.
            base: The base branch.
            desired: The branches of the proposals that basebump wants to have open.
        """
        return {
            branch: self._judge_head(branch, head, bodies.get(branch))
            if branch in desired or head.stated_base == base.non_default_name
            else head
            for branch, head in heads.items()
        }

    def _judge_head(self, branch: str, head: BranchHead, body: str | None) -> BranchHead:
        if head.intent is None:
            return head

        def open_contents() -> HostedBranchContents | None:
            merge_base = self.head_reader.find_merge_base(head)
            if merge_base is None:
                return None
            return HostedBranchContents(self.head_reader.commits, self.open_tree, merge_base, head.commit)

        return head.apply(self.judge.judge(BranchClaim(branch, head.commit, head.intent, body), open_contents))
