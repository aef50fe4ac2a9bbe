"""The checks of commits on GitLab: jobs and commit statuses, and merged results pipelines.

If a project enables *merged results pipelines*, the pipeline of a merge request runs on a commit that GitLab creates by
merging. Therefore the statuses of the merge request's last commit do not contain the jobs of this pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from gitlab.v4.objects import Project

from bot.forges.gitlab.connection import PER_PAGE, GitLabRemote, run_query
from bot.forges.gitlab.gitlab_errors import translate_errors
from bot.forges.hosted.ci import CommitCheck, combine_checks
from bot.forges.hosted.refusal import RefusedError, UnsupportedQueryError
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
"""https://docs.gitlab.com/api/jobs/. A job that a user canceled has no result. Jobs and pipelines have the same
statuses."""
_PIPELINES_QUERY = """query($path: ID!, $numbers: [String!]) {
  project(fullPath: $path) {
    mergeRequests(iids: $numbers) { nodes { diffHeadSha headPipeline { status mergeRequestEventType } } }
  }
}"""
"""https://docs.gitlab.com/api/graphql/reference/#projectmergerequests. GitLab returns at most a hundred merge requests,
and `MAX_CI_COMMITS` is smaller. `headPipeline` is the newest pipeline of the last commit; pipelines of the merge
request have priority over branch pipelines."""
_MERGED_RESULT, _MERGE_TRAIN = "MERGED_RESULT", "MERGE_TRAIN"


@dataclass(frozen=True, slots=True)
class GitLabCi:
    """The checks of the commits of one project; implements `CiApi`. Methods raise RefusedError if an API call fails."""

    remote: GitLabRemote

    def read_outcomes(self, commits: Mapping[str, int | None]) -> Mapping[str, CiOutcome]:
        """Return the outcome of CI on each commit, with one API call per commit and one for all merge requests.

        With the token of a CI job, return no outcomes.
        https://docs.gitlab.com/api/commits/#list-the-statuses-of-a-commit
        """
        if self.remote.connection.has_job_token:
            return {}
        numbers = {commit: number for commit, number in commits.items() if number is not None}
        merged = self._read_merged_results(numbers) if numbers else {}
        return {
            commit: combine_checks((self._read_outcome(commit), merged.get(commit, CiOutcome.NONE)))
            for commit in sorted(commits)
        }

    def _read_merged_results(self, numbers: Mapping[str, int]) -> Mapping[str, CiOutcome]:
        """Return the outcomes of pipelines that ran on the results of merging, by the last commit of the merge request.

        Merge requests with other pipelines are left out. If the pipelines cannot be read, all outcomes are unknown.
        """
        variables = {"path": self.remote.name, "numbers": [str(each) for each in numbers.values()]}
        name = self.remote.name
        try:
            answer = run_query(self.remote.connection, f"read the pipelines of {name}", _PIPELINES_QUERY, variables)
            with translate_errors(name):
                nodes = [each for each in answer["project"]["mergeRequests"]["nodes"] if each is not None]
                return {str(each["diffHeadSha"]): _parse_merged_result(each["headPipeline"] or {}) for each in nodes}
        except (UnsupportedQueryError, RefusedError):
            return dict.fromkeys(numbers, CiOutcome.UNKNOWN)

    def list_checks(self, commit: str) -> Sequence[CommitCheck]:
        """Return the jobs and statuses of a commit. With the token of a CI job, return no checks."""
        if self.remote.connection.has_job_token:
            return ()
        return [_parse_check(each) for each in self._fetch_statuses(commit)[:PER_PAGE] if not _is_own(each)]

    def _read_outcome(self, commit: str) -> CiOutcome:
        statuses = self._fetch_statuses(commit)
        outcome = combine_checks(_parse_check(each).outcome for each in statuses if not _is_own(each))
        has_all = len(statuses) <= PER_PAGE or outcome is CiOutcome.FAILED
        return outcome if has_all else CiOutcome.UNKNOWN

    def _fetch_statuses(self, commit: str) -> list[Mapping[str, Any]]:
        """Return the statuses of a commit: one page, and one more status if there is a second page."""

        def fetch(project: Project) -> list[Mapping[str, Any]]:
            statuses = project.commits.get(commit, lazy=True).statuses.list(iterator=True)
            return [dict(each.attributes) for each in islice(statuses, PER_PAGE + 1)]

        return self.remote.read(f"read the statuses of {commit}", fetch)


def _is_own(data: Mapping[str, Any]) -> bool:
    return str(data["name"]) == STATUS_CONTEXT


def _parse_check(data: Mapping[str, Any]) -> CommitCheck:
    """Return a job with its outcome. A failure of a job with `allow_failure` does not count."""
    outcome = _STATUSES.get(str(data["status"]), CiOutcome.UNKNOWN)
    is_allowed_to_fail = bool(data.get("allow_failure")) and outcome in {CiOutcome.FAILED, CiOutcome.UNKNOWN}
    url = data.get("target_url")
    return CommitCheck(
        CiOutcome.NONE if is_allowed_to_fail else outcome, str(data["name"]), str(url) if url is not None else None
    )


def _parse_merged_result(pipeline: Mapping[str, Any]) -> CiOutcome:
    """Return the outcome of a merged results pipeline; NONE for other pipelines.

    The statuses of a commit contain the jobs of its other pipelines.

    A pipeline of a merge train also contains the changes of other merge requests, which can cause a failure.
    """
    kind = pipeline.get("mergeRequestEventType")
    if kind not in {_MERGED_RESULT, _MERGE_TRAIN}:
        return CiOutcome.NONE
    outcome = _STATUSES.get(str(pipeline["status"]).lower(), CiOutcome.UNKNOWN)
    return CiOutcome.UNKNOWN if outcome is CiOutcome.FAILED and kind == _MERGE_TRAIN else outcome
