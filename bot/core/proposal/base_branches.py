"""Base branches: which ones the config selects, and which base branch a branch of basebump was created for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.core.globs import is_glob_match

_WILDCARD = re.compile(r"[*?]")


def match_branches(globs: Sequence[str], branches: Iterable[str]) -> list[str]:
    """Return the branches that match one of the globs, sorted by name."""
    return sorted({branch for branch in branches if any(is_glob_match(glob, branch) for glob in globs)})


def get_literal_prefix(glob: str) -> str:
    """Return the text before the first wildcard of `glob`. All matching branches start with it.

    With this prefix, a forge can list the matching branches without listing all branches of the repository.
    """
    return _WILDCARD.split(glob, maxsplit=1)[0]


@dataclass(frozen=True, slots=True)
class BaseBranch:
    """The base branch that is processed now.

    A repository can have several base branches. Its methods tell basebump's branches and requests for this base branch
    from those for the other ones.
    """

    name: str | None
    non_default_name: str | None = None
    """The name of the branch if it is not the default branch, otherwise None."""

    def is_base_of_branch(self, *, is_desired: bool, is_ours: bool, stated_base: str | None) -> bool:
        """Return True if one of basebump's branches was created to update this base branch.

        - The branch of a proposal of this run (`is_desired`) was, because the hash in its name depends on the base
          branch.
        - For another branch with only basebump's commits (`is_ours`), the trailer of the commit states the base branch
          (`stated_base`, None for the default branch).
        - A branch with commits of other people counts as one for the default branch, and is left unchanged.
        """
        return is_desired or (stated_base == self.non_default_name if is_ours else self.non_default_name is None)

    def is_base_of_request(self, target: str, *, is_desired: bool, is_ours: bool, stated_base: str | None) -> bool:
        """Return True if an open request of basebump updates this base branch.

        - The request of a proposal of this run (`is_desired`) does.
        - Any other request must be merged into this base branch. Users can change the branch `target` into which it is
          merged.
        - In addition, the trailer of basebump's commit must state this base branch (`stated_base`, None for the default
          branch). If the branch has commits of other people (`is_ours` is False), this is not required.
        """
        return is_desired or (target == self.name and (stated_base == self.non_default_name or not is_ours))
