"""The Protocols for deciding whether a branch on a forge contains only basebump's own edits.

They complete the Protocols in `bot.ports`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # only signatures need these imports, so they do not slow down the start
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from bot.model.branch_ownership import BranchClaim, BranchPush, BranchVerdict, FileDifference
    from bot.model.errors import TreeError
    from bot.model.forge import GitRepository, TreeEntry


class BranchContents(Protocol):
    """The content of one branch, compared with the commit of the base branch on which the branch is based."""

    def list_differences(self) -> Sequence[FileDifference] | None:
        """Return the paths at which the branch differs from its base; None if the forge cannot list all of them.

        Raises ForgeError if the forge cannot be read.
        """

    def read_old(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry of the base. If a file cannot be read, yield the error instead."""

    def read_new(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry of the branch. If a file cannot be read, yield the error instead."""


class BranchJudge(Protocol):
    """Decides by content whether the branches of one repository contain only basebump's own edits."""

    def judge(self, claim: BranchClaim, open_contents: Callable[[], BranchContents | None]) -> BranchVerdict:
        """Return the verdict on a branch whose commit claims to be basebump's.

        `open_contents` returns the content of the branch. It returns None if the branch contains commits besides
        basebump's commit and merges of the base branch. If the judge does not call `open_contents`, no additional
        requests are sent to the forge. Raises TreeError if a file cannot be read.
        """


class PushStore(Protocol):
    """Stored commits that basebump pushed to its branches. Both methods raise StateError if the state cannot be used.

    If the data is lost, the next run reads the content of each branch, and decides by this content.
    """

    def load_pushes(self, repository: GitRepository) -> Mapping[str, BranchPush]:
        """Return the last commit that basebump pushed to each branch of a repository, by branch name."""

    def record_pushes(self, pushes: Mapping[GitRepository, Mapping[str, BranchPush]], at: datetime) -> None:
        """Store the commits that basebump pushed, by repository and branch name, with the time `at`."""
