"""Tests of verdicts, and that each status and reason of the vocabulary occurs."""

from dataclasses import replace

import pytest
from support.values import digest, update

from bot.core.choice.verdict import WITHDRAWN_NOTE, build_verdict
from bot.core.proposal.view.hold_remedies import describe_hold_remedy
from bot.model.blocklist import Block
from bot.model.decision import (
    BlockedReference,
    HeldUpdate,
    RefusedUpdate,
    SkippedReference,
    SupersededReference,
    UncheckedReference,
    UnresolvedReference,
    UpdateCause,
    UpToDate,
)
from bot.model.vocabulary import (
    ACCEPTABLE_REASONS,
    ALLOWABLE_REASONS,
    REASONS_BY_STATUS,
    UNSUPPORTED_REASONS,
    Reason,
    ReferenceStatus,
)


def test_reason_of_verdict_belongs_to_status_of_verdict():
    moved = update("nginx:1", "new")
    decisions = [
        moved,
        UpToDate(moved.tracked_image),
        SkippedReference(moved.reference, Reason.IGNORED),
        RefusedUpdate(moved, Reason.NOT_SCANNED),
        UnresolvedReference(moved.tracked_image, Reason.DENIED, ""),
        UncheckedReference(moved.tracked_image),
        HeldUpdate(moved.tracked_image, Reason.PLATFORM_LOST, ""),
        replace(moved, cause=UpdateCause.GONE),
        SupersededReference(moved.tracked_image, Reason.TAG_STOPPED, ""),
        replace(moved, cause=UpdateCause.BLOCKED, block=Block("malware")),
        RefusedUpdate(replace(moved, block=Block("malware")), Reason.UNSIGNED, "no signature"),
        BlockedReference(moved.tracked_image, Block("malware"), ""),
    ]
    verdicts = [build_verdict(each) for each in decisions]
    assert {each.status for each in verdicts} == set(ReferenceStatus)
    for each in verdicts:
        assert (each.reason is None) == (not REASONS_BY_STATUS[each.status])
        assert each.reason is None or each.reason in REASONS_BY_STATUS[each.status]


def test_verdict_has_new_digest_only_for_updates_and_refusals():
    moved = update("nginx:1", "new")
    assert build_verdict(moved).new_digest == digest("new")
    assert build_verdict(replace(moved, cause=UpdateCause.GONE)).new_digest == digest("new")
    assert build_verdict(RefusedUpdate(moved, Reason.NOT_SCANNED)).new_digest == digest("new")
    assert build_verdict(UpToDate(moved.tracked_image)).new_digest is None


def test_verdict_on_blocked_digest_explains_replacement_or_refusal():
    moved = replace(update("nginx:1", "new"), cause=UpdateCause.BLOCKED, block=Block("malware"))
    assert build_verdict(moved).detail == "malware"
    refused = build_verdict(RefusedUpdate(moved, Reason.UNSIGNED, "no signature"))
    assert (refused.status, refused.new_digest) == (ReferenceStatus.BLOCKED, None)
    assert refused.detail == "malware; the replacement is refused (unsigned)"
    assert refused.reference.notes == ("The replacement is refused (unsigned): no signature",)
    unknown = build_verdict(BlockedReference(moved.tracked_image, Block("malware"), "registry.internal: 404"))
    assert unknown.detail == "malware; no known replacement"
    assert unknown.reference.notes == ("No known replacement: registry.internal: 404",)


def test_each_reason_belongs_to_exactly_one_status_or_unsupported_text():
    placed = [reason for reasons in REASONS_BY_STATUS.values() for reason in reasons] + list(UNSUPPORTED_REASONS)
    assert sorted(placed) == sorted(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_sentence_of_reason_ends_with_full_stop(reason):
    assert reason.sentence[0].isupper()
    assert reason.sentence.endswith(".")


@pytest.mark.parametrize("reason", Reason)
def test_reason_of_hold_states_how_the_hold_ends_unless_owner_can_accept_the_hold(reason):
    is_hold = reason.facts.status in {ReferenceStatus.HELD, ReferenceStatus.REFUSED}
    assert bool(reason.facts.ending) == (is_hold and reason not in ACCEPTABLE_REASONS)
    assert bool(describe_hold_remedy(reason)) == is_hold


def test_only_reasons_of_holds_and_refusals_can_be_accepted():
    assert set(ACCEPTABLE_REASONS) < {
        *REASONS_BY_STATUS[ReferenceStatus.HELD],
        *REASONS_BY_STATUS[ReferenceStatus.REFUSED],
    }


def test_only_reasons_of_skipped_references_can_be_allowed():
    assert set(ALLOWABLE_REASONS) < set(REASONS_BY_STATUS[ReferenceStatus.SKIPPED])


def test_verdict_notes_withdrawn_image_and_reason_for_review():
    wanted = update("nginx:1@" + digest("old"), "new", notes=("It is one of two.",))
    assert build_verdict(wanted).reference.notes == ("It is one of two.",)
    assert build_verdict(replace(wanted, cause=UpdateCause.WITHDRAWN)).reference.notes == (
        "It is one of two.",
        WITHDRAWN_NOTE,
    )
    gone = build_verdict(replace(wanted, cause=UpdateCause.GONE, review_reason="The name may have changed hands."))
    assert (gone.status, gone.reason) == (ReferenceStatus.GONE, Reason.DIGEST_GONE)
    assert gone.reference.notes == ("It is one of two.", "The name may have changed hands.")
