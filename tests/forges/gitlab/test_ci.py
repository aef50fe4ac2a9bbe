"""The outcome of CI on GitLab, where a pipeline can run on the result of merging."""

from __future__ import annotations

import pytest
from support.forges.contract_scene import BRANCH, propose
from support.forges.gitlab.stand import GitLabStand
from support.forges.hosted_stand import read_ci_outcome
from support.forges.server import ForgeReply

from bot.model.ci import CiOutcome


@pytest.fixture
def stand(tmp_path):
    made = GitLabStand(tmp_path, {"Dockerfile": "FROM python:3.12-slim\n"})
    propose(made)
    yield made
    made.end()


def read(stand):
    return read_ci_outcome(stand, BRANCH, stand.project.requests[-1].number)


def test_reading_ci_outcome_of_merge_request_takes_one_query_and_one_status_list(stand):
    assert [line.rpartition("/")[2] for line in read(stand)[1]] == ["graphql", "statuses"]


def test_ci_outcome_follows_commit_statuses_if_pipeline_of_branch_failed(stand):
    stand.project.finish(stand.project.requests[-1], "failed")
    stand.report_check(stand.branches()[BRANCH], "passed")
    assert read(stand)[0] is CiOutcome.PASSED


def test_ci_outcome_of_failed_merge_train_pipeline_is_unknown(stand):
    stand.report_merge_check(BRANCH, "failed")
    stand.project.requests[-1].is_in_train = True
    assert read(stand)[0] is CiOutcome.UNKNOWN
    stand.report_merge_check(BRANCH, "passed")
    assert read(stand)[0] is CiOutcome.PASSED


@pytest.mark.parametrize(("check", "outcome"), [("passed", CiOutcome.UNKNOWN), ("failed", CiOutcome.FAILED)])
def test_ci_outcome_is_never_passed_if_pipelines_cannot_be_read(stand, check, outcome):
    stand.report_check(stand.branches()[BRANCH], check)
    stand.server.fail("POST .*graphql", ForgeReply(403, {"message": "Forbidden"}), times=9)
    assert read(stand)[0] is outcome
