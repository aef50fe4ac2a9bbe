"""The checks of commits on Azure DevOps: commit statuses, and policies that require CI for pull requests.

A *build validation* policy builds the result of merging a pull request. Only the evaluation of the policy for the pull
request contains the outcome, and no status of the commit does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.forges.azure.attributes import BUILD_POLICY, STATUS_POLICY, is_own_status_policy
from bot.forges.azure.connection import EVALUATIONS_PATH, AzureRemote
from bot.forges.azure.texts import STATUS_GENRE, STATUS_NAME
from bot.forges.hosted.ci import CommitCheck, combine_checks
from bot.model.ci import CiOutcome

_STATES = {
    "succeeded": CiOutcome.PASSED,
    "failed": CiOutcome.FAILED,
    "error": CiOutcome.FAILED,
    "pending": CiOutcome.PENDING,
    "notApplicable": CiOutcome.NONE,
}
_EVALUATIONS = {
    "approved": CiOutcome.PASSED,
    "rejected": CiOutcome.FAILED,
    "queued": CiOutcome.PENDING,
    "running": CiOutcome.PENDING,
    "notapplicable": CiOutcome.NONE,
}
"""The outcomes for the statuses of policy evaluations, in lower case. An evaluation with status `broken` has no
result."""


@dataclass(frozen=True, slots=True)
class AzureCi:
    """The checks of the commits of one repository; implements `CiApi`. Methods raise RefusedError."""

    remote: AzureRemote

    def read_outcomes(self, commits: Mapping[str, int | None]) -> Mapping[str, CiOutcome]:
        """Return the outcome of CI on each commit, with one API call per commit and one per pull request."""
        return {
            commit: combine_checks(
                (*(each.outcome for each in self.list_checks(commit)), *self._list_evaluations(commit, number))
            )
            for commit, number in sorted(commits.items())
        }

    def list_checks(self, commit: str) -> Sequence[CommitCheck]:
        """Return the statuses of a commit.

        https://learn.microsoft.com/en-us/rest/api/azure/devops/git/statuses/list
        """
        query = {"latestOnly": "true"}
        listed = self.remote.list_values(f"read the statuses of {commit}", f"/commits/{commit}/statuses", query)
        return [
            CommitCheck(
                _STATES.get(str(each["state"]), CiOutcome.UNKNOWN),
                str(each["context"]["name"]),
                str(each["targetUrl"]) if each.get("targetUrl") else None,
            )
            for each in listed
            if (each["context"].get("genre"), each["context"]["name"]) != (STATUS_GENRE, STATUS_NAME)
        ]

    def _list_evaluations(self, commit: str, number: int | None) -> Iterator[CiOutcome]:
        """Yield the outcome of each policy that waits for CI, for a pull request whose last commit is `commit`.

        https://learn.microsoft.com/en-us/rest/api/azure/devops/policy/evaluations/list
        """
        if number is None:
            return
        evaluations = self.remote.connection.list_values(
            f"read the policy evaluations of pull request !{number} of {self.remote.name}",
            f"/{self.remote.project}{EVALUATIONS_PATH}",
            {"artifactId": f"vstfs:///CodeReview/CodeReviewId/{self.remote.fetch_project_id()}/{number}"},
        )
        for each in evaluations:
            policy = each["configuration"]
            kind = str(policy["type"]["id"]).lower()
            is_active = policy["isEnabled"] and not policy.get("isDeleted")
            if is_active and kind in {BUILD_POLICY, STATUS_POLICY} and not is_own_status_policy(policy):
                yield _parse_evaluation(each, commit)


def _parse_evaluation(data: Mapping[str, Any], commit: str) -> CiOutcome:
    """Return the outcome of a policy for a commit.

    If the policy was evaluated for an earlier commit, the outcome is pending.

    A build that must be started by hand, and has not been started, does not count as a check.
    """
    outcome = _EVALUATIONS.get(str(data["status"]).lower(), CiOutcome.UNKNOWN)
    context = data.get("context") or {}
    evaluated = context.get("lastMergeSourceCommitId")
    if outcome.is_final and evaluated is not None and evaluated != commit:
        return CiOutcome.PENDING
    is_unstarted = outcome is CiOutcome.PENDING and not context.get("buildId")
    return CiOutcome.NONE if is_unstarted and data["configuration"]["settings"].get("manualQueueOnly") else outcome
