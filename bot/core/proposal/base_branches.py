"""Base branches: which ones a config means, and which of our branches were made for which."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.core.globs import matches

_WILD = re.compile(r"[*?]")


def chosen(globs: Sequence[str], branches: Iterable[str]) -> list[str]:
    """Return the branches that one of the globs matches, in the order of their names."""
    return sorted({branch for branch in branches if any(matches(glob, branch) for glob in globs)})


def beginning(glob: str) -> str:
    """Return what every branch that a glob matches begins with, so that a forge need not list the others."""
    return _WILD.split(glob, maxsplit=1)[0]


@dataclass(frozen=True, slots=True)
class Base:
    """The base branch of one look at a repository, beside which there may be others with branches of ours."""

    name: str | None
    other: str | None = None
    """The same where it is not the default branch."""

    def owns_branch(self, *, is_wanted: bool, is_ours: bool, stated: str | None) -> bool:
        """Say whether a branch of ours was made for it.

        The name of a branch that is wanted is proof, since the base is in its hash. Of another one its commit says so
        (`stated`) where that is ours; what a person committed to is left to the default branch, which leaves it alone.
        """
        return is_wanted or (stated == self.other if is_ours else self.other is None)

    def owns_request(self, target: str, *, is_wanted: bool, is_ours: bool, stated: str | None) -> bool:
        """Say the same of an open request, which people can point to another branch, `target`."""
        return is_wanted or (target == self.name and (stated == self.other or not is_ours))
