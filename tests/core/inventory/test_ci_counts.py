"""The outcomes of CI for a digest, counted over the repositories of a fleet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.core.inventory.ci_counts import MIN_BROKEN_REPOSITORIES, count_outcomes
from bot.model.ci import CiOutcome, FleetOutcome
from bot.model.fleet_history import BranchRequest
from bot.model.inventory import BranchKey, StoredRequest
from bot.model.proposal import RequestState

DAY = datetime(2026, 11, 1, tzinfo=UTC)
NAME = "docker.io/library/python:3.12"
OLD, NEW = (f"{NAME}@sha256:{letter * 64}" for letter in "ab")
OTHER = "docker.io/library/node:22@sha256:" + "c" * 64
PASSED, FAILED, PENDING, UNKNOWN = CiOutcome.PASSED, CiOutcome.FAILED, CiOutcome.PENDING, CiOutcome.UNKNOWN


def build(
    repository: str,
    ci: CiOutcome,
    *targets: str,
    number: int = 1,
    state: RequestState = RequestState.OPEN,
    base_ci: CiOutcome = UNKNOWN,
    base_branch: str = "main",
) -> BranchRequest:
    key = BranchKey("github", "github.com", f"acme/{repository}", base_branch)
    opened_at = DAY + timedelta(days=number)
    targets = targets or (NEW,)
    request = StoredRequest("basebump/python", number, state, targets, opened_at=opened_at, ci=ci, base_ci=base_ci)
    return BranchRequest(key, request)


def count(*requests: BranchRequest) -> FleetOutcome | None:
    return count_outcomes(requests, [NEW]).get(NEW)


def break_in(count: int) -> list[BranchRequest]:
    return [build(f"broken-{index}", FAILED, base_ci=PASSED) for index in range(count)]


def test_fleet_outcome_counts_passed_failed_and_merged_repositories():
    outcome = count(
        build("a", PASSED, state=RequestState.MERGED),
        build("b", PASSED),
        build("c", FAILED),
        build("d", UNKNOWN, state=RequestState.MERGED),
    )
    assert outcome == FleetOutcome(passed=2, failed=1, merged=2)


@pytest.mark.parametrize("ci", [PENDING, UNKNOWN, CiOutcome.NONE])
def test_pending_or_unknown_ci_counts_as_neither_passed_nor_failed(ci):
    assert count(build("a", ci)) == FleetOutcome()


def test_digest_that_was_never_proposed_has_no_fleet_outcome():
    assert count(build("a", PASSED, OLD), build("b", PASSED, OTHER)) is None


def test_repository_counts_once_with_newest_finished_ci_result():
    requests = [
        build("a", FAILED, number=1, state=RequestState.CLOSED),
        build("a", PASSED, number=2),
        build("a", PENDING, number=3, base_branch="release"),
    ]
    assert count(*requests) == FleetOutcome(passed=1)


def test_ci_failures_in_several_branches_of_a_repository_count_once():
    requests = [
        build("forger", FAILED, number=index, base_ci=PASSED, base_branch=f"base-{index}") for index in range(20)
    ]
    assert count(*requests) == FleetOutcome(failed=1, broken=1)


def test_digest_is_failing_if_ci_broke_in_enough_repositories():
    almost = break_in(MIN_BROKEN_REPOSITORIES - 1)
    assert not count(*almost).is_failing
    assert count(*break_in(MIN_BROKEN_REPOSITORIES)).is_failing


def test_failure_counts_as_broken_only_if_ci_passed_on_base_branch():
    without_proof = [build(f"red-{index}", FAILED) for index in range(9)]
    also_red = [build(f"also-red-{index}", FAILED, base_ci=FAILED) for index in range(9)]
    assert count(*without_proof, *also_red) == FleetOutcome(failed=18)


@pytest.mark.parametrize(("before", "is_failing"), [(PASSED, True), (FAILED, False), (UNKNOWN, False)])
def test_failure_counts_as_broken_if_ci_passed_for_previous_digest(before, is_failing):
    requests = [
        each
        for index in range(MIN_BROKEN_REPOSITORIES)
        for each in (
            build(f"r{index}", before, OLD, number=1, state=RequestState.MERGED),
            build(f"r{index}", FAILED, number=2),
        )
    ]
    assert count(*requests).is_failing is is_failing


def test_ci_success_for_another_image_does_not_make_failure_count_as_broken():
    requests = [
        each
        for index in range(MIN_BROKEN_REPOSITORIES)
        for each in (build(f"r{index}", PASSED, OTHER, number=1), build(f"r{index}", FAILED, number=2))
    ]
    assert not count(*requests).is_failing


def test_digest_is_not_failing_if_ci_passed_in_most_repositories():
    broken = break_in(MIN_BROKEN_REPOSITORIES)
    as_many = [build(f"fine-{index}", PASSED) for index in range(MIN_BROKEN_REPOSITORIES)]
    assert count(*broken, *as_many).is_failing
    assert not count(*broken, *as_many, build("one-more", PASSED)).is_failing
