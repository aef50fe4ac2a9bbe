"""The commit statuses on Gitea and Forgejo, which include the results of Gitea and Forgejo Actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.forges.gitea.connection import GiteaRemote
from bot.forges.hosted.ci import CommitCheck, combine_checks
from bot.model.ci import CiOutcome
from bot.model.request_attributes import STATUS_CONTEXT

MAX_STATUSES = 200
"""The largest number of statuses of one commit that are read. Each change of a check adds one status."""
_STATES = {
    "success": CiOutcome.PASSED,
    "failure": CiOutcome.FAILED,
    "error": CiOutcome.FAILED,
    "pending": CiOutcome.PENDING,
    "warning": CiOutcome.NONE,
    "skipped": CiOutcome.NONE,
}


@dataclass(frozen=True, slots=True)
class GiteaCi:
    """The checks of the commits of one repository; implements `CiApi`.

    Methods raise RefusedError if an API call fails.
    """

    remote: GiteaRemote

    def read_outcomes(self, commits: Mapping[str, int | None]) -> Mapping[str, CiOutcome]:
        """Return the outcome of CI on each commit, with at least one API call for each."""
        return {commit: self._read_outcome(commit) for commit in sorted(commits)}

    def list_checks(self, commit: str) -> Sequence[CommitCheck]:
        """Return the last status of each check of a commit."""
        return self._fetch_checks(commit) or ()

    def _read_outcome(self, commit: str) -> CiOutcome:
        checks = self._fetch_checks(commit)
        return combine_checks(each.outcome for each in checks) if checks is not None else CiOutcome.UNKNOWN

    def _fetch_checks(self, commit: str) -> list[CommitCheck] | None:
        """Return the last status of each check of a commit. Return None if there are too many statuses."""
        action, path = f"read the statuses of {commit}", f"/statuses/{commit}"
        listed = self.remote.list_pages(action, path, max_items=MAX_STATUSES + 1)
        if len(listed) > MAX_STATUSES:
            return None
        oldest_first = sorted(listed, key=lambda each: int(each["id"]))
        last = {str(each["context"]): each for each in oldest_first}
        return [
            CommitCheck(_STATES.get(str(each["status"]), CiOutcome.UNKNOWN), context, str(each.get("target_url") or ""))
            for context, each in last.items()
            if context != STATUS_CONTEXT
        ]
