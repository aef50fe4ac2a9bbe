"""The outcome of CI on commits, without basebump's own status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from bot.model.ci import CiOutcome

MAX_CI_COMMITS = 50
"""The largest number of commits of one base branch whose checks are read in a run. Each takes a request on some
servers, and basebump rarely has more open requests for one base branch."""

_BY_IMPORTANCE = (CiOutcome.FAILED, CiOutcome.PENDING, CiOutcome.UNKNOWN, CiOutcome.PASSED)
"""If one check failed, CI as a whole fails, whatever the others do. While a check is running, CI has no result. If the
result of a check is unknown, CI did not pass."""


class CiApi(Protocol):
    """The checks of the commits of one repository on a server. Methods raise RefusedError."""

    def read_outcomes(self, commits: Mapping[str, int | None]) -> Mapping[str, CiOutcome]:
        """Return the outcome of CI on each commit. Commits whose checks cannot be read may be missing.

        Args:
            commits: The commits, each with the number of the pull request whose last commit it is. CI may run on the
                result of merging this pull request, and not on the commit. The number is None for other commits.
        """
        ...


def combine_checks(outcomes: Iterable[CiOutcome]) -> CiOutcome:
    """Return the outcome of CI on a commit from the outcomes of its checks. NONE stands for a check that was skipped.

    The result is NONE if there is no check, or if all were skipped.
    """
    found = set(outcomes)
    return next((each for each in _BY_IMPORTANCE if each in found), CiOutcome.NONE)
