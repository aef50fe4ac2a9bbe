"""The content of basebump's branches on a forge, and whether a branch contains only basebump's own edits.

A *claim* is the data that the last commit of a branch states about itself: its author is basebump's account, and a
trailer names an intent. Anybody who can push can forge both. A *verdict* is the result of comparing the content of the
branch with the edits that basebump makes.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.model.forge import REGULAR_MODES
from bot.model.proposal import BodyMark
from bot.model.source import FilePath


@dataclass(frozen=True, slots=True)
class TreeObject:
    """A file, a symbolic link or a submodule in the tree of a commit."""

    mode: str
    """The mode as six octal digits."""
    oid: str
    size: int | None = None
    """Size in bytes; None if the forge did not report it."""


@dataclass(frozen=True, slots=True)
class FileDifference:
    """A path at which the trees of two commits differ."""

    path: FilePath
    old: TreeObject | None
    """None if the path does not exist in the first commit."""
    new: TreeObject | None
    """None if the path does not exist in the second commit."""

    @property
    def is_content_edit(self) -> bool:
        """True if both commits have a regular file with the same mode at the path, so that only its content differs."""
        return (
            self.old is not None
            and self.new is not None
            and self.old.mode == self.new.mode
            and self.old.mode in REGULAR_MODES
        )


@dataclass(frozen=True, slots=True)
class BranchClaim:
    """The data that a branch of basebump and its pull request state about themselves."""

    branch: str
    head: str
    """The commit that the branch points to."""
    intent: str
    """The intent in the trailer of the commit whose author is basebump's account."""
    mark: BodyMark | None
    """The mark of the branch's open pull request; None if there is no open pull request."""


@dataclass(frozen=True, slots=True)
class BranchVerdict:
    """The result of comparing the content of a branch with the edits that basebump makes."""

    intent: str | None
    """The intent of the changes on the branch; None if the branch contains other changes than basebump's edits."""
    is_confirmed: bool = True
    """True if the branch contains what basebump pushed last according to the state, or only digests that this run
    proposes for the branch."""
    is_as_marked: bool = True
    """True if every digest on the branch is a target of the pull request's mark."""


FOREIGN_BRANCH = BranchVerdict(None, is_confirmed=False, is_as_marked=False)
"""The verdict on a branch that contains other changes than basebump's edits."""


@dataclass(frozen=True, slots=True)
class BranchPush:
    """The last commit that basebump pushed to one of its branches, as the state remembers it."""

    commit: str
    intent: str
