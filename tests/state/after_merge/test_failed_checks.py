"""The store of the checks that failed on the last commits of base branches, on every database."""

from __future__ import annotations

import pytest
from support.visits import API, WEB, build_visit

from bot.model.ci import FailedCheck
from bot.state.after_merge.failed_checks import DatabaseFailedChecks, read_failed_checks

BUILD = FailedCheck("build", "https://ci.example.com/1")
HEADS = {WEB: "c0ffee", API: "c0ffee"}


@pytest.fixture
def store(inventory, state_location):
    inventory.record_visits([build_visit("python:3.12", key=key) for key in (WEB, API)], {}, state_location.now)
    return DatabaseFailedChecks(state_location.database())


def load(location):
    with location.database().open_for_reading() as connection:
        return dict(read_failed_checks(connection))


def test_recording_failed_checks_replaces_all_checks_recorded_earlier(store, state_location):
    store.record_checks({WEB: BUILD, API: None}, HEADS)
    assert load(state_location) == {WEB: BUILD}
    store.record_checks({API: FailedCheck("lint")}, HEADS)
    assert load(state_location) == {API: FailedCheck("lint")}
    store.record_checks({}, {})
    assert load(state_location) == {}


def test_failed_check_is_omitted_after_a_visit_of_the_next_commit(store, inventory, state_location):
    store.record_checks({WEB: BUILD}, HEADS)
    inventory.record_visits([build_visit("python:3.12", key=WEB, head="beef")], {}, state_location.now)
    assert load(state_location) == {}


def test_failed_check_of_unvisited_branch_is_omitted(state_location):
    store = DatabaseFailedChecks(state_location.database())
    store.record_checks({WEB: BUILD}, HEADS)
    assert load(state_location) == {}
