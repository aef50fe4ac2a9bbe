"""Tests of the hold on digests that fail CI in other repositories of the fleet."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from support.core.decisions import NOW
from support.values import digest, finding, scan, update

from bot.core.evidence.compare import compare_scans
from bot.core.evidence.gates import apply_gates
from bot.core.transition import build_transition
from bot.model.ci import FleetOutcome
from bot.model.decision import HeldUpdate, ImageUpdate, UpdateCandidate, UpdateCause
from bot.model.evidence import Severity
from bot.model.policy import Policy
from bot.model.rules import AcceptedHold
from bot.model.vocabulary import Reason

FAILING = FleetOutcome(passed=3, failed=5, broken=4, is_failing=True)
CRITICAL = finding("CVE-1900-0001", Severity.CRITICAL)
MOVE = update(f"nginx:1@{digest('old')}", "new")


def apply_gates_to_update(wanted, outcome=FAILING, *, exploited=frozenset(), is_overdue=False):
    found = replace(
        compare_scans(scan(CRITICAL), scan()), exploited_ids=exploited and frozenset(exploited), fleet_outcome=outcome
    )
    evidence = {build_transition(wanted, each): found for each in wanted.candidates[:1]}
    evidence |= {build_transition(wanted, each): replace(found, fleet_outcome=None) for each in wanted.candidates[1:]}
    return apply_gates(wanted, evidence, NOW, is_overdue=lambda _: is_overdue)


def test_digest_that_fails_ci_in_other_repositories_is_held_with_counts():
    held = apply_gates_to_update(MOVE)
    assert isinstance(held, HeldUpdate)
    assert held.reason is Reason.FAILING_ELSEWHERE
    new = digest("new").removeprefix("sha256:")[:12]
    assert held.detail == (
        f"CI fails with {new} in 5 of 8 repositories of this fleet, and passes in 4 of these 5 without this digest"
    )


@pytest.mark.parametrize("outcome", [None, FleetOutcome(), FleetOutcome(passed=9, failed=4, broken=4)])
def test_digest_that_passes_ci_in_enough_repositories_is_proposed(outcome):
    assert apply_gates_to_update(MOVE, outcome) == MOVE


def test_earlier_digest_is_proposed_when_newest_fails_ci_in_other_repositories():
    wanted = replace(MOVE, candidates=(*MOVE.candidates, UpdateCandidate(digest("earlier"), ())))
    passed = apply_gates_to_update(wanted)
    assert isinstance(passed, ImageUpdate)
    assert passed.candidates == (UpdateCandidate(digest("earlier"), ()),)


@pytest.mark.parametrize(
    ("wanted", "more"),
    [
        (MOVE, {"exploited": {CRITICAL.id}}),
        (MOVE, {"is_overdue": True}),
        (replace(MOVE, cause=UpdateCause.GONE), {}),
        (replace(MOVE, cause=UpdateCause.WITHDRAWN), {}),
    ],
    ids=["exploited", "overdue", "gone", "withdrawn"],
)
def test_urgent_update_that_fails_ci_in_other_repositories_needs_review(wanted, more):
    passed = apply_gates_to_update(wanted, **more)
    assert isinstance(passed, ImageUpdate)
    assert passed.needs_review
    assert "in 5 of 8 repositories of this fleet" in passed.review_reason
    assert apply_gates_to_update(wanted, replace(FAILING, failed=6), **more).review_facts == passed.review_facts


def test_owner_can_temporarily_accept_digest_that_fails_ci_of_the_fleet():
    accepted = AcceptedHold(Reason.FAILING_ELSEWHERE, "ada", "The test was wrong", NOW.date())
    passed = apply_gates_to_update(replace_policy(accepted))
    assert isinstance(passed, ImageUpdate)
    assert not passed.needs_review
    (note,) = passed.candidates[0].notes
    assert note.startswith(f"ada answers until {NOW.date()} for a move in spite of failing-elsewhere")
    expired = replace(accepted, until=NOW.date() - timedelta(days=1))
    assert isinstance(apply_gates_to_update(replace_policy(expired)), HeldUpdate)


def test_note_on_accepted_hold_does_not_change_with_repository_counts():
    accepted = replace_policy(AcceptedHold(Reason.FAILING_ELSEWHERE, "ada", "The test was wrong", date.max))
    assert apply_gates_to_update(accepted) == apply_gates_to_update(accepted, replace(FAILING, failed=6, broken=6))


def replace_policy(accepted: AcceptedHold) -> ImageUpdate:
    return update(f"nginx:1@{digest('old')}", "new", policy=Policy(accept=(accepted,)))
