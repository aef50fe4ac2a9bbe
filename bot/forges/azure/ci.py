"""The commit statuses of commits on Azure DevOps."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bot.forges.azure.connection import AzureRemote
from bot.forges.azure.texts import STATUS_GENRE, STATUS_NAME
from bot.forges.hosted.ci import combine_checks
from bot.model.ci import CiOutcome

_STATES = {
    "succeeded": CiOutcome.PASSED,
    "failed": CiOutcome.FAILED,
    "error": CiOutcome.FAILED,
    "pending": CiOutcome.PENDING,
    "notApplicable": CiOutcome.NONE,
}


@dataclass(frozen=True, slots=True)
class AzureCi:
    """The checks of the commits of one repository; implements `CiApi`. Methods raise RefusedError."""

    remote: AzureRemote

    def read_outcomes(self, commits: Collection[str]) -> Mapping[str, CiOutcome]:
        """Return the outcome of CI on each commit, with one request for each.

        https://learn.microsoft.com/en-us/rest/api/azure/devops/git/statuses/list
        """
        return {commit: self._read_outcome(commit) for commit in sorted(commits)}

    def _read_outcome(self, commit: str) -> CiOutcome:
        query = {"latestOnly": "true"}
        statuses = self.remote.list_values(f"read the statuses of {commit}", f"/commits/{commit}/statuses", query)
        return combine_checks(
            _STATES.get(str(each["state"]), CiOutcome.UNKNOWN)
            for each in statuses
            if (each["context"].get("genre"), each["context"]["name"]) != (STATUS_GENRE, STATUS_NAME)
        )
