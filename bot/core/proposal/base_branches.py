"""Base branches: those that the config selects, and the base branch for which a branch of basebump was created."""

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
    """Return the prefix that all branches matching `glob` have in common.

    A forge can list branches by prefix, so other branches need not be listed.
    """
    return _WILDCARD.split(glob, maxsplit=1)[0]


@dataclass(frozen=True, slots=True)
class BaseBranch:
    """The base branch that is processed now.

    Other base branches of the same repository may have branches of basebump as well.
    """

    name: str | None
    non_default_name: str | None = None
    """The name of the branch if it is not the default branch, otherwise None."""

    def is_base_of_branch(self, *, is_desired: bool, is_ours: bool, stated_base: str | None) -> bool:
        """Return True if a branch of basebump was created for this base branch.

        The name of a desired branch (`is_desired`) proves this, because its hash depends on the base branch. For any
        other branch with a commit of basebump (`is_ours`), the commit states the base branch (`stated_base`, None for
        the default branch). A branch with commits of other people is assigned to the default branch, whose run leaves
        it unchanged.
        """
        return is_desired or (stated_base == self.non_default_name if is_ours else self.non_default_name is None)

    def is_base_of_request(self, target: str, *, is_desired: bool, is_ours: bool, stated_base: str | None) -> bool:
        """Return True if an open request belongs to this base branch.

        Users may have changed the branch into which the request is merged (`target`).
        """
        return is_desired or (target == self.name and (stated_base == self.non_default_name or not is_ours))
