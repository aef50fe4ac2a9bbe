"""The checks of commits on GitHub: check runs of apps such as GitHub Actions, and commit statuses."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.forges.github.connection import GitHubRemote, run_query
from bot.forges.github.errors import CHECKS_READ, translate_errors
from bot.forges.hosted.ci import combine_checks
from bot.forges.hosted.refusal import UnsupportedQueryError
from bot.model.ci import CiOutcome
from bot.model.request_attributes import STATUS_CONTEXT

_CHECK_FIELDS = """
  ... on Commit {
    statusCheckRollup {
      contexts(first: 100) {
        pageInfo { hasNextPage }
        nodes {
          ... on CheckRun { status conclusion }
          ... on StatusContext { context state }
        }
      }
    }
  }
"""
"""https://docs.github.com/en/graphql/reference/objects#statuscheckrollup. A commit of basebump's rarely has more than
a hundred checks. If it has more, only a failure among the first hundred is certain."""

_COMPLETED = "COMPLETED"
_CONCLUSIONS = {
    "SUCCESS": CiOutcome.PASSED,
    "NEUTRAL": CiOutcome.NONE,
    "SKIPPED": CiOutcome.NONE,
    "FAILURE": CiOutcome.FAILED,
    "TIMED_OUT": CiOutcome.FAILED,
    "STARTUP_FAILURE": CiOutcome.FAILED,
}
"""https://docs.github.com/en/graphql/reference/enums#checkconclusionstate. A check with another conclusion, such as one
that was cancelled, has no result."""
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
    """The checks of the commits of one repository; implements `CiApi`. Methods raise RefusedError."""

    remote: GitHubRemote

    def read_outcomes(self, commits: Mapping[str, int | None]) -> Mapping[str, CiOutcome]:
        """Return the outcome of CI on each commit, with one query. Without GraphQL, the result is empty."""
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
            return {}
        with translate_errors(name):
            found = answer.data.get("repository") or {}
            nodes = {commit: found.get(f"c{index}") for index, commit in enumerate(ordered)}
            outcomes = {
                commit: _parse_checks(node, is_complete=not answer.problems)
                for commit, node in nodes.items()
                if node is not None
            }
        return {commit: outcome for commit, outcome in outcomes.items() if outcome is not None}


def _parse_checks(node: Mapping[str, Any], *, is_complete: bool) -> CiOutcome | None:
    """Return the outcome of CI on a commit. Return None if the token may not read the checks.

    The rollup is null if the commit has no checks. If the token may not read the checks, it is null, too, and the
    answer has a problem, so that it is not complete.
    """
    rollup = node.get("statusCheckRollup")
    if rollup is None:
        return CiOutcome.NONE if is_complete else None
    contexts = rollup["contexts"]
    outcome = combine_checks(_list_outcomes(contexts["nodes"]))
    has_all = not contexts["pageInfo"]["hasNextPage"] or outcome is CiOutcome.FAILED
    return outcome if has_all else CiOutcome.UNKNOWN


def _list_outcomes(nodes: Collection[Mapping[str, Any] | None]) -> Iterator[CiOutcome]:
    for node in nodes:
        if node is None:  # the token cannot read it
            yield CiOutcome.UNKNOWN
        elif "conclusion" in node:
            is_completed = node["status"] == _COMPLETED
            yield _CONCLUSIONS.get(node["conclusion"], CiOutcome.UNKNOWN) if is_completed else CiOutcome.PENDING
        elif node["context"] != STATUS_CONTEXT:
            yield _STATES.get(node["state"], CiOutcome.UNKNOWN)
