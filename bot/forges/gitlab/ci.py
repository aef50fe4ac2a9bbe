"""The jobs and commit statuses of commits on GitLab."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from gitlab.v4.objects import Project

from bot.forges.gitlab.connection import PER_PAGE, GitLabRemote
from bot.forges.hosted.ci import combine_checks
from bot.model.ci import CiOutcome
from bot.model.request_attributes import STATUS_CONTEXT

_STATUSES = {
    "success": CiOutcome.PASSED,
    "failed": CiOutcome.FAILED,
    "skipped": CiOutcome.NONE,
    "manual": CiOutcome.NONE,
    "created": CiOutcome.PENDING,
    "pending": CiOutcome.PENDING,
    "preparing": CiOutcome.PENDING,
    "running": CiOutcome.PENDING,
    "scheduled": CiOutcome.PENDING,
    "waiting_for_callback": CiOutcome.PENDING,
    "waiting_for_resource": CiOutcome.PENDING,
}
"""https://docs.gitlab.com/api/jobs/. A job that a user canceled has no result."""


@dataclass(frozen=True, slots=True)
class GitLabCi:
    """The checks of the commits of one project; implements `CiApi`. Methods raise RefusedError."""

    remote: GitLabRemote

    def read_outcomes(self, commits: Collection[str]) -> Mapping[str, CiOutcome]:
        """Return the outcome of CI on each commit, with one request for each. The token of a CI job reads nothing.

        https://docs.gitlab.com/api/commits/#list-the-statuses-of-a-commit
        """
        if self.remote.connection.has_job_token:
            return {}
        return {commit: self._read_outcome(commit) for commit in sorted(commits)}

    def _read_outcome(self, commit: str) -> CiOutcome:
        def fetch(project: Project) -> list[Mapping[str, Any]]:
            statuses = project.commits.get(commit, lazy=True).statuses.list(iterator=True)
            return [dict(each.attributes) for each in islice(statuses, PER_PAGE + 1)]

        statuses = self.remote.read(f"read the statuses of {commit}", fetch)
        outcome = combine_checks(_parse_status(each) for each in statuses if str(each["name"]) != STATUS_CONTEXT)
        has_all = len(statuses) <= PER_PAGE or outcome is CiOutcome.FAILED
        return outcome if has_all else CiOutcome.UNKNOWN


def _parse_status(data: Mapping[str, Any]) -> CiOutcome:
    """Return the outcome of a job. A job that may fail does not count if it fails."""
    outcome = _STATUSES.get(str(data["status"]), CiOutcome.UNKNOWN)
    is_allowed_to_fail = bool(data.get("allow_failure")) and outcome in {CiOutcome.FAILED, CiOutcome.UNKNOWN}
    return CiOutcome.NONE if is_allowed_to_fail else outcome
