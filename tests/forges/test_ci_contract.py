"""Contract of all forges for the outcome of CI on commits, without basebump's own status."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from support.forges.contract_scene import BRANCH, propose
from support.forges.hosted_stand import HostedStand
from support.forges.server import ForgeReply

from bot.forges.hosted.ci import MAX_CI_COMMITS
from bot.model.ci import CiOutcome, FailedCheck
from bot.model.forge import GitRepository
from bot.model.request_attributes import STATUS_CONTEXT

pytestmark = [
    pytest.mark.over_forges(local="a folder has no CI"),
    pytest.mark.parametrize("stand", ["github", "github-app", "gitlab", "azure", "gitea", "forgejo"], indirect=True),
]
NO_COMMIT = "1" * 40


def read_outcomes(stand: HostedStand, *commits: str) -> Mapping[str, CiOutcome]:
    """Read the outcomes of commits. The number of the request is that of the request with this last commit."""
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset({stand.name}))
    assert isinstance(repository, GitRepository)
    numbers = {each.head: each.number for each in fleet.get_forge(repository).list_requests("basebump/", frozenset())}
    return fleet.read_ci_outcomes(repository, {commit: numbers.get(commit) for commit in commits})


def read_outcome(stand: HostedStand, commit: str) -> CiOutcome:
    return read_outcomes(stand, commit)[commit]


@pytest.fixture
def head(stand) -> str:
    """Open a request, and return the last commit of its branch."""
    propose(stand)
    return stand.branches()[BRANCH]


def test_latest_report_of_each_check_decides_ci_outcome(stand, head):
    assert read_outcome(stand, head) is CiOutcome.NONE
    stand.report_check(head, "passed", "ci/lint")
    stand.report_check(head, "pending")
    assert read_outcome(stand, head) is CiOutcome.PENDING
    stand.report_check(head, "failed")
    assert read_outcome(stand, head) is CiOutcome.FAILED
    stand.report_check(head, "passed")
    assert read_outcome(stand, head) is CiOutcome.PASSED


def test_ci_outcome_ignores_status_set_by_basebump(stand, head):
    stand.report_check(head, "failed", STATUS_CONTEXT)
    assert read_outcome(stand, head) is CiOutcome.NONE
    stand.report_check(head, "passed")
    assert read_outcome(stand, head) is CiOutcome.PASSED


def test_ci_outcome_includes_checks_of_merge_result_commit(stand, head):
    stand.report_merge_check(BRANCH, "pending")
    assert read_outcome(stand, head) is CiOutcome.PENDING
    stand.report_merge_check(BRANCH, "failed")
    assert read_outcome(stand, head) is CiOutcome.FAILED
    stand.report_merge_check(BRANCH, "passed")
    assert read_outcome(stand, head) is CiOutcome.PASSED
    stand.report_check(head, "failed", "ci/lint")
    assert read_outcome(stand, head) is CiOutcome.FAILED


def test_ci_outcome_ignores_checks_of_outdated_merge_result(stand, head):
    stand.report_merge_check(BRANCH, "passed")
    stand.commit(BRANCH, {"Dockerfile": "FROM python:3.13-slim\n"})
    assert read_outcome(stand, stand.branches()[BRANCH]) is not CiOutcome.PASSED


def test_ci_outcome_is_still_read_after_merge_and_branch_deletion(stand, head):
    stand.report_check(head, "passed")
    stand.merge_request(BRANCH)
    stand.delete_branch(BRANCH)
    assert read_outcome(stand, head) is CiOutcome.PASSED


def test_commit_with_unreadable_checks_has_no_ci_outcome(stand, head):
    stand.report_check(head, "passed")
    assert read_outcomes(stand, head, NO_COMMIT).get(NO_COMMIT) is not CiOutcome.PASSED
    stand.server.fail(".*(graphql|statuses)", ForgeReply(403, {"message": "Forbidden"}), times=9)
    assert read_outcomes(stand, head) == {}


def test_ci_outcomes_are_requested_only_for_a_limited_number_of_commits(stand, head):
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset({stand.name}))
    fleet.read_ci_outcomes(repository, {head: 1})
    with stand.server.watched() as lines:
        assert fleet.read_ci_outcomes(repository, {}) == {}
        assert lines == []
        fleet.read_ci_outcomes(repository, {f"{index:040x}": None for index in range(1, MAX_CI_COMMITS + 20)})
    assert 1 <= len(lines) <= MAX_CI_COMMITS


def find_failed_check(stand: HostedStand, commit: str) -> FailedCheck | None:
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset({stand.name}))
    assert isinstance(repository, GitRepository)
    return fleet.find_failed_check(repository, commit)


def test_failed_check_has_name_and_url(stand, head):
    stand.report_check(head, "passed", "ci/lint", "https://ci.example.com/lint/1")
    assert find_failed_check(stand, head) is None
    stand.report_check(head, "failed", "ci/build", "https://ci.example.com/builds/7")
    found = find_failed_check(stand, head)
    assert found is not None
    assert found.name in {"build", "ci/build"}
    assert found.url == "https://ci.example.com/builds/7"
    stand.report_check(head, "passed", "ci/build", "https://ci.example.com/builds/8")
    assert find_failed_check(stand, head) is None


def test_own_status_and_unreadable_checks_are_not_reported_as_failed_check(stand, head):
    stand.report_check(head, "failed", STATUS_CONTEXT)
    assert find_failed_check(stand, head) is None
    stand.report_check(head, "failed", "ci/build", "javascript:alert(1)")
    found = find_failed_check(stand, head)
    assert found is not None
    assert found.url is None
    assert find_failed_check(stand, NO_COMMIT) is None
    stand.server.fail(".*(graphql|statuses)", ForgeReply(403, {"message": "Forbidden"}), times=9)
    assert find_failed_check(stand, head) is None
