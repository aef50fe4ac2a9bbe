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
    """The base branch that is currently processed.

    A repository can have several base branches. The methods of this class return True if a branch or a pull request of
    basebump belongs to this base branch. Branches and requests of other base branches are left unchanged.
    """

    name: str | None
    non_default_name: str | None = None
    """The name of the branch if it is not the default branch, otherwise None."""

    def is_base_of_branch(self, *, is_desired: bool, is_ours: bool, stated_base: str | None) -> bool:
        """Return True if one of basebump's branches was created to update this base branch.

        Args:
            is_desired: True if this run proposes updates on basebump's branch. If so, the result is True, because the
                branch name contains a hash of the base branch.
            is_ours: True if basebump created all commits of its branch. If False, other people added commits, so the
                trailer is not used, and the branch is treated as one that updates the default branch.
            stated_base: The base branch that basebump's commit states in a trailer; None for the default branch.
        """
        return is_desired or (stated_base == self.non_default_name if is_ours else self.non_default_name is None)

    def is_base_of_request(self, target: str, *, is_desired: bool, is_ours: bool, stated_base: str | None) -> bool:
        """Return True if an open pull request of basebump updates this base branch.

        If this run proposes the updates of the pull request (`is_desired`), the result is True. If it does not, both of
        these conditions must be met:

        - `target` is this base branch. `target` is the branch into which the pull request is to be merged, and users
          can change it.
        - The trailer of basebump's commit states this base branch (`stated_base`, None for the default branch). This is
          not checked if other people added commits to the branch (`is_ours` is False).
        """
        return is_desired or (target == self.name and (stated_base == self.non_default_name or not is_ours))
