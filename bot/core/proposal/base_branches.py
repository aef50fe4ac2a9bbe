"""Base branches: those that the config selects, and the assignment of basebump's branches to them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.core.globs import matches

_WILD = re.compile(r"[*?]")


def chosen(globs: Sequence[str], branches: Iterable[str]) -> list[str]:
    """Return the branches that match one of the globs, in the order of their names."""
    return sorted({branch for branch in branches if any(matches(glob, branch) for glob in globs)})


def beginning(glob: str) -> str:
    """Return the common prefix of all branches that a glob matches, so that a forge need not list the others."""
    return _WILD.split(glob, maxsplit=1)[0]


@dataclass(frozen=True, slots=True)
class Base:
    """A processed base branch of a repository; other base branches may have branches of basebump as well."""

    name: str | None
    other: str | None = None
    """Its name if it is not the default branch."""

    def owns_branch(self, *, is_wanted: bool, is_ours: bool, stated: str | None) -> bool:
        """Return True if a branch of basebump was created for this base branch.

        The name of a desired branch proves this, because its hash includes the base branch. For other branches the
        commit states the base (`stated_base`) if it is basebump's. A branch with commits of other people belongs to the
        default branch, whose run leaves it unchanged.
        """
        return is_wanted or (stated == self.other if is_ours else self.other is None)

    def owns_request(self, target: str, *, is_wanted: bool, is_ours: bool, stated: str | None) -> bool:
        """Return True if an open request is for this base branch; users may have changed its `target` branch."""
        return is_wanted or (target == self.name and (stated == self.other or not is_ours))
