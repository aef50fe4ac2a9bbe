"""The checks of commits on GitHub: check runs of apps such as GitHub Actions, and commit statuses."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.forges.github.connection import GitHubRemote, run_query
from bot.forges.github.github_errors import CHECKS_READ, translate_errors
from bot.forges.hosted.ci import CommitCheck, combine_checks
from bot.forges.hosted.refusal import UnsupportedQueryError
from bot.model.ci import CiOutcome
from bot.model.request_attributes import STATUS_CONTEXT

_CHECK_FIELDS = """
  ... on Commit {
    statusCheckRollup {
      contexts(first: 100) {
        pageInfo { hasNextPage }
        nodes {
          ... on CheckRun { name status conclusion detailsUrl }
          ... on StatusContext { context state targetUrl }
        }
      }
    }
  }
"""
"""https://docs.github.com/en/graphql/reference/objects#statuscheckrollup. basebump's commits rarely have more than a
hundred checks. If a commit has more, its outcome is known only if one of the first hundred checks failed."""

_COMPLETED = "COMPLETED"
_CONCLUSIONS = {
    "SUCCESS": CiOutcome.PASSED,
    "NEUTRAL": CiOutcome.NONE,
    "SKIPPED": CiOutcome.NONE,
    "FAILURE": CiOutcome.FAILED,
    "TIMED_OUT": CiOutcome.FAILED,
    "STARTUP_FAILURE": CiOutcome.FAILED,
}
"""https://docs.github.com/en/graphql/reference/enums#checkconclusionstate. A check with another conclusion, such as a
cancelled check, has no result."""
_STATES = {
    "SUCCESS": CiOutcome.PASSED,
    "FAILURE": CiOutcome.FAILED,
    "ERROR": CiOutcome.FAILED,
    "PENDING": CiOutcome.PENDING,
    "EXPECTED": CiOutcome.PENDING,
}
"""https://docs.github.com/en/graphql/reference/enums#statusstate"""


@dataclass(frozen=True, slots=True)
class GitHubCi:
    """The checks of the commits of one repository; implements `CiApi`.

    Methods raise RefusedError if an API call fails.
    """

    remote: GitHubRemote

    def read_outcomes(self, commits: Mapping[str, int | None]) -> Mapping[str, CiOutcome]:
        """Return the outcome of CI on each commit, with one GraphQL query.

        If GraphQL is not available, the result is empty.
        """
        nodes, is_complete = self._fetch_nodes(commits)
        with translate_errors(self.remote.name):
            outcomes = {commit: _parse_checks(node, is_complete=is_complete) for commit, node in nodes.items()}
        return {commit: outcome for commit, outcome in outcomes.items() if outcome is not None}

    def list_checks(self, commit: str) -> Sequence[CommitCheck]:
        """Return the checks of a commit, with one GraphQL query. If GraphQL is not available, the result is empty."""
        nodes, _ = self._fetch_nodes([commit])
        with translate_errors(self.remote.name):
            rollups = [node.get("statusCheckRollup") for node in nodes.values()]
            return [check for each in rollups if each for check in _list_checks(each["contexts"]["nodes"])]

    def _fetch_nodes(self, commits: Collection[str]) -> tuple[Mapping[str, Mapping[str, Any]], bool]:
        """Return the data of those `commits` that exist, and whether the response is complete."""
        ordered = sorted(commits)
        fields = [f"c{index}: object(oid: $o{index}) {{ {_CHECK_FIELDS} }}" for index in range(len(ordered))]
        parameters = ", ".join(f"$o{index}: GitObjectID!" for index in range(len(ordered)))
        text = (
            f"query($owner: String!, $name: String!, {parameters}) "
            f"{{ repository(owner: $owner, name: $name) {{ {' '.join(fields)} }} }}"
        )
        name = self.remote.name
        variables = {"owner": self.remote.owner, "name": self.remote.short_name}
        variables |= {f"o{index}": commit for index, commit in enumerate(ordered)}
        try:
            answer = run_query(self.remote.connection, f"read the checks of {name}", text, variables, name, CHECKS_READ)
        except UnsupportedQueryError:
            return {}, False
        with translate_errors(name):
            found = answer.data.get("repository") or {}
            nodes = {commit: found.get(f"c{index}") for index, commit in enumerate(ordered)}
        return {commit: node for commit, node in nodes.items() if node is not None}, not answer.problems


def _parse_checks(node: Mapping[str, Any], *, is_complete: bool) -> CiOutcome | None:
    """Return the outcome of CI on a commit. Return None if the token is not allowed to read the checks.

    The rollup is null if the commit has no checks, and also if the token is not allowed to read the checks. In the
    second case, the response contains an error, so `is_complete` is False.
    """
    rollup = node.get("statusCheckRollup")
    if rollup is None:
        return CiOutcome.NONE if is_complete else None
    contexts = rollup["contexts"]
    outcome = combine_checks(each.outcome for each in _list_checks(contexts["nodes"]))
    has_all = not contexts["pageInfo"]["hasNextPage"] or outcome is CiOutcome.FAILED
    return outcome if has_all else CiOutcome.UNKNOWN


def _list_checks(nodes: Collection[Mapping[str, Any] | None]) -> Iterator[CommitCheck]:
    for node in nodes:
        if node is None:  # the token cannot read this check
            yield CommitCheck(CiOutcome.UNKNOWN, "")
        elif "conclusion" in node:
            is_completed = node["status"] == _COMPLETED
            outcome = _CONCLUSIONS.get(node["conclusion"], CiOutcome.UNKNOWN) if is_completed else CiOutcome.PENDING
            yield CommitCheck(outcome, str(node["name"]), node["detailsUrl"])
        elif node["context"] != STATUS_CONTEXT:
            outcome = _STATES.get(node["state"], CiOutcome.UNKNOWN)
            yield CommitCheck(outcome, str(node["context"]), node["targetUrl"])
