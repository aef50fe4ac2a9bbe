"""The outcome of CI on requests is kept in the inventory, and read back for the images of a run."""

from __future__ import annotations

from datetime import timedelta

from support.visits import API, NOW, PYTHON, WEB, build_request, build_visit

from bot.model.ci import CiOutcome
from bot.model.proposal import RequestState

HOUR = timedelta(hours=1)
USES_PYTHON = "python:3.12"
HEAD, NEWER_HEAD = "c" * 40, "d" * 40


def record(inventory, at, *requests, key=WEB):
    inventory.record_visits([build_visit(USES_PYTHON, requests=requests, key=key)], {}, at)


def load(inventory):
    return [(each.key, each.request) for each in inventory.load_requests([PYTHON.repository], NOW - HOUR)]


def test_pull_requests_for_an_image_are_loaded_with_ci_outcomes(inventory, state_location):
    failed = build_request(head=HEAD, ci=CiOutcome.FAILED, base_ci=CiOutcome.PASSED)
    record(inventory, state_location.now, failed)
    record(inventory, state_location.now, build_request(2), key=API)
    assert sorted(load(inventory), key=lambda each: each[1].number) == [(WEB, failed), (API, build_request(2))]
    assert inventory.load_requests(["docker.io/library/node"], NOW - HOUR) == ()
    assert inventory.load_branches([WEB])[WEB].open_request_heads == {"basebump/python": HEAD}


def test_ci_result_of_a_commit_is_kept_when_ci_becomes_unreadable(inventory, state_location):
    record(inventory, state_location.now, build_request(head=HEAD, ci=CiOutcome.FAILED, base_ci=CiOutcome.PASSED))
    record(inventory, state_location.now + HOUR, build_request(head=HEAD, ci=CiOutcome.UNKNOWN))
    merged = build_request(
        state=RequestState.MERGED, ended_at=state_location.now + HOUR, head=HEAD, ci=CiOutcome.FAILED
    )
    record(inventory, state_location.now + 2 * HOUR, merged)
    ((_, request),) = load(inventory)
    assert (request.state, request.head) == (RequestState.MERGED, HEAD)
    assert (request.ci, request.base_ci) == (CiOutcome.FAILED, CiOutcome.PASSED)


def test_later_ci_result_replaces_earlier_result_of_the_same_commit(inventory, state_location):
    record(inventory, state_location.now, build_request(head=HEAD, ci=CiOutcome.FAILED))
    record(inventory, state_location.now + HOUR, build_request(head=HEAD, ci=CiOutcome.PASSED))
    assert load(inventory)[0][1].ci is CiOutcome.PASSED


def test_new_commit_does_not_keep_ci_result_of_earlier_commit(inventory, state_location):
    record(inventory, state_location.now, build_request(head=HEAD, ci=CiOutcome.PASSED))
    record(inventory, state_location.now + HOUR, build_request(head=NEWER_HEAD, ci=CiOutcome.UNKNOWN))
    ((_, request),) = load(inventory)
    assert (request.head, request.ci) == (NEWER_HEAD, CiOutcome.UNKNOWN)


def test_pull_requests_opened_before_the_given_time_are_omitted(inventory, state_location):
    record(inventory, state_location.now, build_request(1, opened_at=NOW - 2 * HOUR), build_request(2, opened_at=NOW))
    assert [request.number for _, request in load(inventory)] == [2]
