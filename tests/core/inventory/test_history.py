"""Who moved which digest, and how long it took."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.visits import API, NEW, NOW, OLD, PYTHON, WEB, build_request

from bot.core.inventory.history import CLOCK_TOLERANCE, list_moves
from bot.model.fleet_history import BranchRequest, FleetHistory, HeldDigest, MoveOrigin
from bot.model.history import TagObservation
from bot.model.image_name import TagRef
from bot.model.proposal import RequestState

DAY = timedelta(days=1)


def build_held_digest(**more) -> HeldDigest:
    values = {"key": WEB, "repository": PYTHON.repository, "tag": "3.12", "digest": NEW, "since": NOW}
    return HeldDigest(**{**values, "is_since_first_visit": False, **more})


def build_merged_request(number: int = 1, key=WEB, **more) -> BranchRequest:
    values = {"state": RequestState.MERGED, "opened_at": NOW - 3 * DAY, "ended_at": NOW - DAY} | more
    return BranchRequest(key, build_request(number, **values))


def test_change_of_digest_is_attributed_to_merged_pull_request_with_this_digest():
    (move,) = list_moves(FleetHistory((build_held_digest(),), (build_merged_request(),)))
    assert (move.origin, move.request.number, move.moved_at) == (MoveOrigin.BASEBUMP, 1, NOW - DAY)
    assert move.wait_since_opened == 2 * DAY


@pytest.mark.parametrize(
    "request_",
    [
        build_merged_request(state=RequestState.OPEN, ended_at=None),
        build_merged_request(state=RequestState.CLOSED),
        build_merged_request(key=API),
        build_merged_request(targets=(f"{PYTHON}@{OLD}",)),
        build_merged_request(targets=(f"docker.io/library/python:3.13@{NEW}",)),
        build_merged_request(targets=("*@sha256:abc",)),
        build_merged_request(ended_at=NOW + CLOCK_TOLERANCE + DAY),
    ],
)
def test_change_without_matching_merged_pull_request_is_not_attributed_to_basebump(request_):
    (move,) = list_moves(FleetHistory((build_held_digest(),), (request_,)))
    assert (move.origin, move.request, move.moved_at, move.wait_since_opened) == (MoveOrigin.OTHER, None, NOW, None)


def test_change_of_digest_is_attributed_to_last_pull_request_merged_before_change():
    requests = (
        build_merged_request(1, ended_at=NOW - 2 * DAY),
        build_merged_request(2),
        build_merged_request(3, ended_at=NOW + 5 * DAY),
    )
    (move,) = list_moves(FleetHistory((build_held_digest(),), requests))
    assert move.request.number == 2


def test_rollback_to_digest_is_not_attributed_to_earlier_pull_request():
    first = build_held_digest(since=NOW - 9 * DAY, ended_at=NOW - 5 * DAY)
    request = build_merged_request(ended_at=NOW - 9 * DAY, opened_at=NOW - 10 * DAY)
    moves = list_moves(FleetHistory((first, build_held_digest()), (request,)))
    assert [(each.origin, each.moved_at) for each in moves] == [
        (MoveOrigin.OTHER, NOW),
        (MoveOrigin.BASEBUMP, NOW - 9 * DAY),
    ]
    again = list_moves(FleetHistory((first, build_held_digest()), (request, build_merged_request(2))))
    assert [each.request.number for each in again] == [2, 1]


def test_change_is_attributed_to_pull_request_merged_during_the_run():
    (move,) = list_moves(FleetHistory((build_held_digest(),), (build_merged_request(ended_at=NOW + CLOCK_TOLERANCE),)))
    assert move.origin is MoveOrigin.BASEBUMP


def test_wait_for_digest_starts_when_any_tag_of_image_first_pointed_to_digest():
    observations = (
        TagObservation(PYTHON, NEW, NOW - 4 * DAY, NOW),
        TagObservation(TagRef(PYTHON.repository, "3"), NEW, NOW - 6 * DAY, NOW),
        TagObservation(TagRef("ghcr.io/acme/python", "3"), NEW, NOW - 9 * DAY, NOW),
        TagObservation(PYTHON, OLD, NOW - 9 * DAY, NOW),
    )
    (move,) = list_moves(FleetHistory((build_held_digest(),), (), observations))
    assert (move.first_seen, move.wait_since_first_seen) == (NOW - 6 * DAY, 6 * DAY)


def test_digest_found_at_first_visit_has_no_pull_request_and_no_wait():
    observations = (TagObservation(PYTHON, NEW, NOW - DAY, NOW),)
    first = build_held_digest(is_since_first_visit=True)
    (move,) = list_moves(FleetHistory((first,), (build_merged_request(),), observations))
    assert (move.origin, move.request, move.wait_since_first_seen) == (MoveOrigin.FIRST_VISIT, None, None)


def test_removal_of_a_digest_is_not_attributed_to_basebump():
    moves = list_moves(
        FleetHistory(
            (build_held_digest(digest=None), build_held_digest(digest=None, key=API, is_since_first_visit=True)), ()
        )
    )
    assert {move.held.key: move.origin for move in moves} == {WEB: MoveOrigin.OTHER, API: MoveOrigin.FIRST_VISIT}


def test_changes_of_digests_are_sorted_newest_first():
    moves = list_moves(
        FleetHistory(
            (
                build_held_digest(since=NOW - DAY, digest=OLD),
                build_held_digest(),
                build_held_digest(since=NOW - 2 * DAY),
            )
        )
    )
    assert [move.moved_at for move in moves] == [NOW, NOW - DAY, NOW - 2 * DAY]
