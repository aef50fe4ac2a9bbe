"""Base branches: those that the config selects, and the assignment of basebump's branches to them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.core.globs import is_glob_match

_WILDCARD = re.compile(r"[*?]")


def match_branches(globs: Sequence[str], branches: Iterable[str]) -> list[str]:
    """Return the branches that match one of the globs, in the order of their names."""
    return sorted({branch for branch in branches if any(is_glob_match(glob, branch) for glob in globs)})


def get_literal_prefix(glob: str) -> str:
    """Return the common prefix of all branches that a glob matches, so that a forge need not list the others."""
    return _WILDCARD.split(glob, maxsplit=1)[0]


@dataclass(frozen=True, slots=True)
class BaseBranch:
    """A processed base branch of a repository; other base branches may have branches of basebump as well."""

    name: str | None
    non_default_name: str | None = None
    """Its name if it is not the default branch."""

    def is_base_of_branch(self, *, is_desired: bool, is_ours: bool, stated_base: str | None) -> bool:
        """Return True if a branch of basebump was created for this base branch.

        The name of a desired branch proves this, because its hash includes the base branch. For other branches the
        commit states the base (`stated_base`) if it is basebump's. A branch with commits of other people belongs to the
        default branch, whose run leaves it unchanged.
        """
        return is_desired or (stated_base == self.non_default_name if is_ours else self.non_default_name is None)

    def is_base_of_request(self, target: str, *, is_desired: bool, is_ours: bool, stated_base: str | None) -> bool:
        """Return True if an open request is for this base branch; users may have changed its `target` branch."""
        return is_desired or (target == self.name and (stated_base == self.non_default_name or not is_ours))
