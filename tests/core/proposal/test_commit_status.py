"""Tests of the commit status of a proposal: when it exists, what it states, and when it is set again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from support.core.lifecycle_scene import (
    BRANCH,
    INTENT,
    NOW,
    REPORT,
    TARGETS,
    WANTED,
    build_remote_request,
    find_next_step,
)
from support.values import finding, scan

from bot.core.evidence.compare import compare_scans
from bot.core.proposal.commit_status import build_status
from bot.core.proposal.marks import mark_withdrawn, parse_mark, record_status, render_mark, shorten_commit
from bot.model.evidence import NotScanned, Severity, UnscannedReason
from bot.model.proposal import BodyMark, NoChange, NoChangeReason, StatusAttempt, UpdateStep
from bot.model.request_attributes import MAX_STATUS_DESCRIPTION, CommitStatus, RequestAttributes, StatusState
from bot.model.signature import (
    NoSignature,
    SignatureScheme,
    SignatureUnknown,
    Signer,
    TransitionSignatures,
    VerifiedSignature,
)
from bot.model.vocabulary import Reason

BAD, HIGH = finding("CVE-1900-0001", Severity.CRITICAL), finding("CVE-1900-0002")
BETTER = compare_scans(scan(BAD, HIGH), scan())
WORSE = compare_scans(scan(), scan(BAD))
PINNED = compare_scans(None, scan(BAD, HIGH))
NOBODY, LATE = NotScanned(UnscannedReason.NO_SCANNER), NotScanned(UnscannedReason.TIMED_OUT)
ALONE, UNKNOWN = compare_scans(NOBODY, NOBODY), compare_scans(scan(BAD), LATE)
SIGNED = TransitionSignatures(NoSignature(), VerifiedSignature(Signer(SignatureScheme.COSIGN_KEY, "ours.pub")))
UNSIGNED = TransitionSignatures(NoSignature(), NoSignature())
UNASKED = TransitionSignatures(NoSignature(), SignatureUnknown(Reason.UNREACHABLE, "no answer", is_failure=True))


def describe_status(*evidence, is_doubted=False):
    found = build_status(evidence, needs_review=is_doubted)
    return None if found is None else found.description


@pytest.mark.parametrize(
    ("evidence", "sentence"),
    [
        ([BETTER], "Fixes 2 (1 critical), adds none"),
        ([BETTER, BETTER], "Fixes 2 (1 critical), adds none"),
        ([PINNED], "Known in what it pins: 2 (1 critical)"),
        ([BETTER, PINNED], "Fixes 2 (1 critical), adds none; known in what it pins: 2 (1 critical)"),
        ([UNKNOWN], "What it changes is not known: the scanner ran out of time"),
        ([BETTER, UNKNOWN], "Fixes 2 (1 critical), adds none; for 1 of 2 images that is not known"),
        ([replace(BETTER, signatures=SIGNED)], "Fixes 2 (1 critical), adds none; signed by somebody trusted"),
        ([replace(BETTER, signatures=UNSIGNED)], "Fixes 2 (1 critical), adds none; not signed by anybody trusted"),
        ([replace(BETTER, signatures=UNASKED)], "Fixes 2 (1 critical), adds none; whether it is signed is not known"),
        (
            [replace(ALONE, signatures=SIGNED)],
            "What it changes is not known: no scanner is configured or installed; signed by somebody trusted",
        ),
        (
            [replace(BETTER, signatures=SIGNED), replace(BETTER, signatures=UNSIGNED)],
            "Fixes 2 (1 critical), adds none; not signed by anybody trusted: 1 of 2 images",
        ),
    ],
)
def test_commit_status_summarises_evidence_in_one_line(evidence, sentence):
    assert build_status(evidence, needs_review=False) == CommitStatus(StatusState.SUCCESS, sentence)


def test_commit_status_is_failure_when_review_is_needed():
    found = build_status([WORSE], needs_review=True)
    assert (found.state, "adds 1 (1 critical)" in found.description) == (StatusState.FAILURE, True)


def test_no_commit_status_is_set_without_scanner_and_signature_checks():
    assert describe_status(ALONE, ALONE) is None
    assert describe_status(ALONE, is_doubted=True) is None
    assert describe_status(ALONE, BETTER) is not None


def test_commit_status_description_is_cut_to_forge_limit():
    every = [
        replace(each, signatures=sign) for each in (BETTER, PINNED, UNKNOWN) for sign in (SIGNED, UNSIGNED, UNASKED)
    ]
    assert len(describe_status(*every, is_doubted=True)) == MAX_STATUS_DESCRIPTION


# ---- stored in the mark ----------------------------------------------------------------------------------------


HEAD = "a" * 40


STATUS = CommitStatus(StatusState.SUCCESS, "Fixes 2, adds none")


def build_attempt(commit, status=STATUS):
    return StatusAttempt(shorten_commit(commit), status)


def render_marked_body(status=None, report=REPORT):
    return f"text\n\n{render_mark(BodyMark(TARGETS, report, status_attempt=status))}"


def test_mark_stores_last_status_attempt_with_commit():
    written = record_status(render_marked_body(), HEAD, STATUS)
    assert parse_mark(written) == BodyMark(TARGETS, REPORT, status_attempt=build_attempt(HEAD))
    assert record_status(record_status(render_marked_body(), "b" * 40, STATUS), HEAD, STATUS) == written
    assert parse_mark(mark_withdrawn(written)).status_attempt == build_attempt(HEAD)
    assert record_status("no mark", HEAD, STATUS) == "no mark"


@pytest.mark.parametrize(
    "said",
    [
        "c0ffee",
        {"on": "A" * 12, "state": "success", "said": ""},
        {"on": "a" * 12, "state": "pending", "said": ""},
        {"on": "a" * 12, "state": "success"},
        {"on": "a" * 12, "state": "success", "said": 7},
        ["a" * 12, "success", ""],
    ],
)
def test_invalid_status_in_mark_is_ignored(said):
    was = '"withdrawn":false'
    assert parse_mark(render_marked_body().replace(was, f'{was},"status":{json.dumps(said)}')) == BodyMark(
        TARGETS, REPORT
    )


def test_status_description_in_mark_is_cut_to_one_line():
    long = CommitStatus(StatusState.FAILURE, "line\nafter line " * 50)
    found = parse_mark(record_status(render_marked_body(), HEAD, long)).status_attempt
    assert found.status.state is StatusState.FAILURE
    assert len(found.status.description) == MAX_STATUS_DESCRIPTION
    assert "\n" not in found.status.description


# ---- set again ---------------------------------------------------------------------------------------------------


KNOWN = replace(WANTED, attributes=RequestAttributes(status=STATUS))
ONLY_STATUS = RequestAttributes(status=STATUS)
LONG_AGO = NOW - timedelta(days=30)


def test_pull_request_is_unchanged_when_head_commit_has_desired_status():
    before = build_remote_request(
        head=HEAD, body=render_marked_body(build_attempt(HEAD)), ever_set=RequestAttributes(), opened_at=NOW
    )
    assert find_next_step(KNOWN, before) == NoChange(BRANCH, NoChangeReason.UNCHANGED, before)


def test_commit_status_is_set_again_when_head_commit_changed():
    before = build_remote_request(
        head=HEAD, body=render_marked_body(build_attempt("b" * 40)), ever_set=RequestAttributes(), opened_at=LONG_AGO
    )
    assert find_next_step(KNOWN, before) == UpdateStep(
        before, KNOWN, must_push=False, must_update_text=False, attributes=ONLY_STATUS
    )


def test_pull_request_without_recorded_status_gets_status():
    before = build_remote_request(head=HEAD, ever_set=None, opened_at=LONG_AGO)
    assert find_next_step(KNOWN, before).attributes == ONLY_STATUS


def test_commit_status_is_set_after_push_or_new_text():
    moved = build_remote_request(
        head=HEAD,
        intent="9" * 16,
        body=render_marked_body(build_attempt(HEAD)),
        ever_set=RequestAttributes(),
        opened_at=LONG_AGO,
    )
    assert find_next_step(KNOWN, moved) == UpdateStep(
        moved, KNOWN, must_push=True, must_update_text=False, attributes=ONLY_STATUS
    )
    reworded = build_remote_request(
        head=HEAD,
        intent=INTENT,
        body=render_marked_body(build_attempt(HEAD), "8" * 16),
        ever_set=RequestAttributes(),
        opened_at=LONG_AGO,
    )
    assert find_next_step(KNOWN, reworded).attributes == ONLY_STATUS


def test_run_with_less_evidence_than_pull_request_text_sets_no_status():
    knows_all, knows_less = "2" * 14 + "00", "2" * 14 + "01"
    before = build_remote_request(
        head=HEAD,
        body=render_marked_body(build_attempt("b" * 40), knows_all),
        ever_set=RequestAttributes(),
        opened_at=NOW,
    )
    assert find_next_step(replace(KNOWN, report_fingerprint=knows_less), before) == NoChange(
        BRANCH, NoChangeReason.UNCHANGED, before
    )


def test_pull_request_is_unchanged_when_no_status_is_desired():
    before = build_remote_request(
        head=HEAD, body=render_marked_body(build_attempt("b" * 40)), ever_set=RequestAttributes(), opened_at=NOW
    )
    assert find_next_step(WANTED, before) == NoChange(BRANCH, NoChangeReason.UNCHANGED, before)


@pytest.mark.parametrize("known", [True, False])
def test_status_of_basebumps_commit_is_copied_to_merge_of_base_branch(known):
    waits = build_remote_request(
        head=HEAD,
        own_commit="b" * 40,
        intent="9" * 16,
        body=render_marked_body(build_attempt("b" * 40)),
        is_accepted=True,
        committed_at=NOW,
        ever_set=RequestAttributes(),
    )
    reason = NoChangeReason.ACCEPTED if known else NoChangeReason.UNKNOWN
    left = NoChange(BRANCH, reason, waits, attributes=RequestAttributes(status_source="b" * 40))
    assert find_next_step(KNOWN, waits, known=known) == left
    assert find_next_step(WANTED, waits, known=known) == replace(left, attributes=RequestAttributes())
    has_it = replace(waits, mark=replace(waits.mark, status_attempt=build_attempt(HEAD)))
    assert find_next_step(KNOWN, has_it, known=known) == NoChange(BRANCH, reason, has_it)


FORGED = CommitStatus(StatusState.SUCCESS, "What a forged mark says")


@pytest.mark.parametrize("known", [True, False])
def test_commit_status_that_is_only_in_a_mark_is_never_set(known):
    """basebump's own commit is the last one, so that there is no earlier commit from which the status can be read."""
    waits = build_remote_request(
        head=HEAD,
        own_commit=HEAD,
        intent="9" * 16,
        body=render_marked_body(build_attempt("b" * 40, FORGED)),
        is_accepted=True,
        committed_at=NOW,
        ever_set=RequestAttributes(),
    )
    reason = NoChangeReason.ACCEPTED if known else NoChangeReason.UNKNOWN
    assert find_next_step(KNOWN, waits, known=known) == NoChange(BRANCH, reason, waits)


def test_commit_status_follows_current_evidence_even_when_decisions_are_unknown():
    before = build_remote_request(
        head=HEAD,
        own_commit="b" * 40,
        body=render_marked_body(build_attempt("b" * 40, FORGED)),
        ever_set=RequestAttributes(),
    )
    assert find_next_step(KNOWN, before, known=False).attributes == ONLY_STATUS
