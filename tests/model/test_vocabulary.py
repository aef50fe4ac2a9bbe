"""Tests of the properties that several outputs share."""

import pytest

from bot.model.vocabulary import ProposalOutcome, ReferenceStatus


@pytest.mark.parametrize("status", ReferenceStatus)
def test_updatable_or_held_status_needs_action_and_no_status_is_both(status):
    assert not (status.is_updatable and status.is_held)
    assert status.needs_action or not (status.is_updatable or status.is_held)


def test_open_outcomes_are_exactly_those_with_an_open_pull_request():
    open_outcomes = {outcome.value for outcome in ProposalOutcome if outcome.is_open}
    assert open_outcomes == {"opened", "refreshed", "unchanged", "left-alone", "would-refresh"}
