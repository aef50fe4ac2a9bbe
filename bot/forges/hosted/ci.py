"""The outcome of CI on commits; basebump's own commit status is not part of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urljoin

from bot.model.ci import CiOutcome, FailedCheck
from bot.net import sanitize_text

MAX_CI_COMMITS = 50
"""The largest number of commits of one base branch whose checks are read in a run. Some servers need an API call for
each commit, and basebump rarely has more open pull requests for one base branch."""
MAX_NAME = 200
"""The largest length of a check's name, in characters."""
MAX_URL = 1000
"""The largest length of a check's URL, in characters. Longer URLs are left out."""
_ADDRESS = re.compile(r"https?://[!-~]+", re.ASCII)

_BY_IMPORTANCE = (CiOutcome.FAILED, CiOutcome.PENDING, CiOutcome.UNKNOWN, CiOutcome.PASSED)
"""One failed check makes CI fail, whatever the outcome of the other checks. While a check is running, CI has no outcome
yet. If the outcome of a check is unknown, CI did not pass."""


@dataclass(frozen=True, slots=True)
class CommitCheck:
    """One check of a commit, as the server lists it. The texts are untrusted."""

    outcome: CiOutcome
    """NONE if the check was skipped."""
    name: str
    url: str | None = None
    """The URL of the check's run, as the server reports it."""


class CiApi(Protocol):
    """The checks of the commits of one repository on a server. Methods raise RefusedError if an API call fails."""

    def read_outcomes(self, commits: Mapping[str, int | None]) -> Mapping[str, CiOutcome]:
        """Return the outcome of CI on each commit. A commit is missing in the result if its checks cannot be read.

        Args:
            commits: The ids of the commits. If a commit is the last one of a pull request, the value is the number of
                this pull request, because CI may run on the merged result instead of the commit. If it is not, the
                value is None.
        """
        ...

    def list_checks(self, commit: str) -> Sequence[CommitCheck]:
        """Return the checks of a commit without basebump's own status; none if they cannot be read."""
        ...


def find_failed_check(checks: Iterable[CommitCheck], site: str) -> FailedCheck | None:
    """Return the failed check whose name comes first in the alphabet; None if no check failed.

    A URL without a host is completed with `site`, the URL of the server. A URL that is neither http nor https is left
    out.
    """
    failed = sorted((each.name, each.url or "") for each in checks if each.outcome is CiOutcome.FAILED)
    if not failed:
        return None
    name, url = failed[0]
    address = urljoin(f"{site}/", url) if url else ""
    is_usable = len(address) <= MAX_URL and _ADDRESS.fullmatch(address) is not None
    return FailedCheck(sanitize_text(name, limit=MAX_NAME), address if is_usable else None)


def combine_checks(outcomes: Iterable[CiOutcome]) -> CiOutcome:
    """Combine the outcomes of a commit's checks into one outcome. NONE stands for a check that was skipped.

    The result is NONE if there are no checks, or if all checks were skipped.
    """
    found = set(outcomes)
    return next((each for each in _BY_IMPORTANCE if each in found), CiOutcome.NONE)
