"""The outcome of CI on commits, without basebump's own status."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urljoin

from bot.model.ci import CiOutcome, FailedCheck
from bot.net import sanitize_text

MAX_CI_COMMITS = 50
"""The largest number of commits of one base branch whose checks are read in a run. Each takes a request on some
servers, and basebump rarely has more open requests for one base branch."""
MAX_NAME = 200
"""Characters of the name of a check."""
MAX_URL = 1000
"""Characters of the address of a check. Longer addresses are left out."""
_ADDRESS = re.compile(r"https?://[!-~]+", re.ASCII)

_BY_IMPORTANCE = (CiOutcome.FAILED, CiOutcome.PENDING, CiOutcome.UNKNOWN, CiOutcome.PASSED)
"""If one check failed, CI as a whole fails, whatever the others do. While a check is running, CI has no result. If the
result of a check is unknown, CI did not pass."""


@dataclass(frozen=True, slots=True)
class CommitCheck:
    """One check of a commit, as the server lists it. The texts are untrusted."""

    outcome: CiOutcome
    """NONE for a check that was skipped."""
    name: str
    url: str | None = None
    """The address of the run of the check, as the server states it."""


class CiApi(Protocol):
    """The checks of the commits of one repository on a server. Methods raise RefusedError if an API call fails."""

    def read_outcomes(self, commits: Mapping[str, int | None]) -> Mapping[str, CiOutcome]:
        """Return the outcome of CI on each commit. Commits whose checks cannot be read may be missing.

        Args:
            commits: The commits, each with the number of the pull request whose last commit it is. CI may run on the
                result of merging this pull request, and not on the commit. The number is None for other commits.
        """
        ...

    def list_checks(self, commit: str) -> Sequence[CommitCheck]:
        """Return the checks of a commit without basebump's own status; none if they cannot be read."""
        ...


def find_failed_check(checks: Iterable[CommitCheck], site: str) -> FailedCheck | None:
    """Return the first failed check by name; None if no check failed.

    `site` is the address of the server, to which a path without a host belongs. An address that is neither http nor
    https is left out.
    """
    failed = sorted((each.name, each.url or "") for each in checks if each.outcome is CiOutcome.FAILED)
    if not failed:
        return None
    name, url = failed[0]
    address = urljoin(f"{site}/", url) if url else ""
    is_usable = len(address) <= MAX_URL and _ADDRESS.fullmatch(address) is not None
    return FailedCheck(sanitize_text(name, limit=MAX_NAME), address if is_usable else None)


def combine_checks(outcomes: Iterable[CiOutcome]) -> CiOutcome:
    """Return the outcome of CI on a commit from the outcomes of its checks. NONE stands for a check that was skipped.

    The result is NONE if there is no check, or if all were skipped.
    """
    found = set(outcomes)
    return next((each for each in _BY_IMPORTANCE if each in found), CiOutcome.NONE)
