"""The outcome of CI on Azure DevOps, where branch policies build the result of merging a pull request."""

from __future__ import annotations

import pytest
from support.forges.azure.stand import AzureStand
from support.forges.azure.state import BUILD, MIN_REVIEWERS, STATUS_CHECK, BranchPolicy, ValidationBuild
from support.forges.contract_scene import BRANCH, propose
from support.forges.hosted_stand import read_ci_outcome
from support.forges.server import ForgeReply

from bot.model.ci import CiOutcome

OWN = {"statusGenre": "basebump", "statusName": "evidence"}


@pytest.fixture
def stand(tmp_path):
    made = AzureStand(tmp_path, {"Dockerfile": "FROM python:3.12-slim\n"})
    propose(made)
    yield made
    made.end()


def read(stand):
    return read_ci_outcome(stand, BRANCH, stand.repository.requests[-1].number)


def add_policy(stand, kind, settings, status=None):
    policy = BranchPolicy(len(stand.repository.policies) + 1, kind, settings)
    stand.repository.policies.append(policy)
    if status is not None:
        stand.repository.requests[-1].builds[policy.id] = ValidationBuild(status, stand.branches()[BRANCH])


def test_reading_ci_outcome_of_pull_request_takes_two_api_calls(stand):
    _, lines = read(stand)
    assert [line.rpartition("/")[2] for line in lines] == ["statuses", "evaluations"]


@pytest.mark.parametrize(
    ("kind", "settings", "status", "outcome"),
    [
        (BUILD, {}, "approved", CiOutcome.PASSED),
        (BUILD, {}, "rejected", CiOutcome.FAILED),
        (BUILD, {}, "queued", CiOutcome.PENDING),
        (BUILD, {}, None, CiOutcome.PENDING),
        (BUILD, {"manualQueueOnly": True}, None, CiOutcome.NONE),
        (BUILD, {"manualQueueOnly": True}, "running", CiOutcome.PENDING),
        (BUILD, {}, "broken", CiOutcome.UNKNOWN),
        (BUILD, {}, "notApplicable", CiOutcome.NONE),
        (STATUS_CHECK, {"statusGenre": "sonar", "statusName": "gate"}, "rejected", CiOutcome.FAILED),
        (STATUS_CHECK, OWN, "rejected", CiOutcome.NONE),
        (MIN_REVIEWERS, {"minimumApproverCount": 1}, None, CiOutcome.NONE),
    ],
)
def test_ci_outcome_ignores_policies_that_do_not_wait_for_ci(stand, kind, settings, status, outcome):
    add_policy(stand, kind, settings, status)
    assert read(stand)[0] is outcome


def test_ci_outcome_is_failed_if_any_build_is_rejected(stand):
    add_policy(stand, BUILD, {}, "approved")
    add_policy(stand, BUILD, {}, "rejected")
    assert read(stand)[0] is CiOutcome.FAILED


def test_ci_outcome_is_unknown_if_policies_cannot_be_read(stand):
    stand.report_check(stand.branches()[BRANCH], "passed")
    stand.server.fail(".*evaluations", ForgeReply(403, {"message": "Forbidden"}), times=9)
    assert read(stand)[0] is CiOutcome.UNKNOWN
