"""What an update may bring: what is too much is refused, but never in favour of the worse image."""

from dataclasses import replace

import pytest
from support.core.decisions import NOW, chosen
from support.values import digest, finding, scan, update

from bot.core.evidence.compare import compare_scans
from bot.core.evidence.gates import apply_gates
from bot.core.transition import get_first_transition, build_transition
from bot.model.decision import ImageUpdate, RefusedUpdate, UpdateCandidate
from bot.model.evidence import NotScanned, Severity, UnscannedReason
from bot.model.policy import Policy
from bot.model.rules import IntroducedLimit, RequiredEvidence
from bot.model.vocabulary import Reason

CRITICAL, HIGH, LOW = Severity.CRITICAL, Severity.HIGH, Severity.LOW
NONE_CRITICAL, ONE_HIGH = IntroducedLimit(CRITICAL, 0), IntroducedLimit(HIGH, 1)


def some(severity, *numbers):
    return [finding(f"CVE-2026-{severity}{number}", severity) for number in numbers]


def gated(before, after, *allowances):
    wanted = update(f"nginx:1@{digest('old')}", "new", policy=Policy(allow_introduced=allowances))
    return apply_gates(wanted, {get_first_transition(wanted): compare_scans(scan(*before), scan(*after))}, NOW)


def test_what_brings_more_than_a_rule_allows_is_refused_with_the_numbers():
    refused = gated(some(HIGH, 1), some(HIGH, 1, 2, 3), ONE_HIGH)
    assert isinstance(refused, RefusedUpdate)
    assert refused.reason is Reason.INTRODUCED
    assert refused.detail == "it brings 2 high where a rule allows 1; staying leaves 1 high, moving 3 high"


@pytest.mark.parametrize(
    "after", [some(HIGH, 1), some(HIGH, 1, 2), some(LOW, 1, 2, 3), [*some(HIGH, 2), *some(HIGH, 2)]]
)
def test_as_many_as_allowed_and_what_no_rule_counts_pass(after):
    passed = gated(some(HIGH, 1), after, NONE_CRITICAL, ONE_HIGH)
    assert isinstance(passed, ImageUpdate)
    assert passed.review_reason == ""


def test_without_a_rule_nothing_is_refused():
    assert isinstance(gated([], some(CRITICAL, 1, 2)), ImageUpdate)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            some(CRITICAL, 1, 2),
            some(CRITICAL, 3),
            "It brings 1 critical where a rule allows 0; staying leaves 2 critical,",
        ),
        (
            [*some(CRITICAL, 1), *some(HIGH, 1)],
            some(HIGH, 2, 3),
            "It brings 2 high where a rule allows 1; staying leaves 1",
        ),
    ],
)
def test_where_staying_is_worse_it_is_a_draft_with_both_numbers(before, after, said):
    passed = gated(before, after, NONE_CRITICAL, ONE_HIGH)
    assert isinstance(passed, ImageUpdate)
    assert passed.review_reason.startswith(said)
    known = {get_first_transition(passed): compare_scans(scan(*before), scan(*after))}
    assert apply_gates(passed, known, NOW) == passed, "it is said once"


def test_where_both_have_as_many_staying_is_not_worse():
    refused = gated(some(CRITICAL, 1), some(CRITICAL, 2), NONE_CRITICAL)
    assert isinstance(refused, RefusedUpdate)
    assert refused.detail.endswith("staying leaves 1 critical, moving 1 critical")


def test_the_worst_severity_decides():
    before, after = some(HIGH, 1, 2, 3), [*some(CRITICAL, 1), *some(HIGH, 4, 5)]
    assert isinstance(gated(before, after, ONE_HIGH, NONE_CRITICAL), RefusedUpdate)
    assert isinstance(gated(before, after, ONE_HIGH), RefusedUpdate), "the critical one counts, though no rule is about it"


def test_what_was_not_compared_is_not_refused():
    wanted = update("nginx:1", "new", policy=Policy(allow_introduced=(NONE_CRITICAL,)))
    for new in (scan(*some(CRITICAL, 1)), NotScanned(UnscannedReason.FAILED)):
        assert apply_gates(wanted, {get_first_transition(wanted): compare_scans(None, new)}, NOW) == wanted


def test_the_next_candidate_that_passes_is_taken():
    policy = Policy(allow_introduced=(NONE_CRITICAL,), require=RequiredEvidence(scan=True))
    candidates = tuple(UpdateCandidate(digest(word)) for word in ("new", "silent", "ripe"))
    wanted = replace(update(f"nginx:1@{digest('old')}", "new", policy=policy), candidates=candidates)
    outcomes = (scan(*some(CRITICAL, 1)), NotScanned(UnscannedReason.FAILED), scan())
    moves = [build_transition(wanted, candidate) for candidate in candidates]
    found = {move: compare_scans(scan(), outcome) for move, outcome in zip(moves, outcomes, strict=True)}
    assert chosen(apply_gates(wanted, found, NOW)) == [digest("ripe")]
    found[moves[-1]] = found[moves[0]]
    refused = apply_gates(wanted, found, NOW)
    assert isinstance(refused, RefusedUpdate)
    assert refused.reason is Reason.INTRODUCED, "the newest says why"
