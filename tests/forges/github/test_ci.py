"""The outcome of CI on GitHub, whose checks are check runs and commit statuses."""

from __future__ import annotations

import pytest
from support.forges.contract_scene import BRANCH, propose
from support.forges.github.graphql import GraphQL
from support.forges.github.stand import GitHubAppStand, GitHubStand
from support.forges.hosted_stand import read_ci_outcome

from bot.model.ci import CiOutcome

FILES = {"Dockerfile": "FROM python:3.12-slim\n"}


@pytest.fixture
def stand(tmp_path):
    made = GitHubStand(tmp_path, FILES)
    yield made
    made.end()


def read_outcome(stand):
    return read_ci_outcome(stand, BRANCH, None)[0]


@pytest.mark.parametrize(
    ("runs", "outcome"),
    [
        ([("COMPLETED", "SUCCESS"), ("COMPLETED", "SKIPPED"), ("COMPLETED", "NEUTRAL")], CiOutcome.PASSED),
        ([("COMPLETED", "SUCCESS"), ("COMPLETED", "TIMED_OUT")], CiOutcome.FAILED),
        ([("COMPLETED", "SUCCESS"), ("IN_PROGRESS", None)], CiOutcome.PENDING),
        ([("COMPLETED", "SUCCESS"), ("COMPLETED", "CANCELLED")], CiOutcome.UNKNOWN),
        ([("COMPLETED", "SUCCESS")] * 101, CiOutcome.UNKNOWN),
        ([("COMPLETED", "FAILURE")] + [("COMPLETED", "SUCCESS")] * 100, CiOutcome.FAILED),
    ],
    ids=["passed", "timed out", "running", "cancelled", "too many", "too many with a failure"],
)
def test_ci_outcome_follows_conclusions_of_check_runs(stand, runs, outcome):
    propose(stand)
    stand.repository.check_runs[stand.branches()[BRANCH]] = runs
    assert read_outcome(stand) is outcome


def test_ci_outcome_is_unknown_if_app_lacks_checks_permission(tmp_path):
    stand = GitHubAppStand(tmp_path, FILES)
    propose(stand)
    stand.report_check(stand.branches()[BRANCH], "passed")
    assert read_outcome(stand) is CiOutcome.PASSED
    del stand.installation.permissions["checks"]
    assert read_outcome(stand) is CiOutcome.UNKNOWN
    stand.end()


def test_ci_outcome_is_unknown_if_server_has_no_graphql(tmp_path):
    stand = GitHubStand(tmp_path, FILES, enterprise=True, graphql=GraphQL.NONE)
    propose(stand)
    stand.report_check(stand.branches()[BRANCH], "passed")
    assert read_outcome(stand) is CiOutcome.UNKNOWN
    stand.end()
