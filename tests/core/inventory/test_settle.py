"""Whether a base branch is settled after a visit, and until when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from support.core.decisions import NOW
from support.values import digest, reference, scan, update

from bot.core.evidence.compare import compare_scans
from bot.core.inventory.settle import (
    are_decisions_lasting,
    find_due_time,
    is_evidence_lasting,
    is_step_done,
    list_possible_transitions,
    list_tracked_images,
)
from bot.model.advisory import AdvisoryList, ListVersions
from bot.model.decision import (
    HeldUpdate,
    RefusedUpdate,
    SkippedReference,
    TrackedImage,
    UncheckedReference,
    UnresolvedReference,
    UpdateCandidate,
    UpToDate,
)
from bot.model.due_date import DueClass, DueDate
from bot.model.evidence import NotScanned, UnscannedReason
from bot.model.image_name import TagRef
from bot.model.policy import Policy, PolicyConfig
from bot.model.proposal import NoChange, NoChangeReason, RemoteRequest, RequestState
from bot.model.request_attributes import RequestAttributes
from bot.model.rules import AcceptedHold, ConfiguredEndOfLife
from bot.model.signature import NoSignature, TransitionSignatures
from bot.model.source import IgnoreComment
from bot.model.vocabulary import Reason

NGINX = TagRef("docker.io/library/nginx", "1")
IMAGE = TrackedImage(reference(f"nginx:1@{digest('old')}"), NGINX, Policy())
AGED = replace(IMAGE, policy=Policy(min_age=timedelta(days=3)))
UPDATE = update(f"nginx:1@{digest('old')}", "new")
REQUEST = RemoteRequest("basebump/nginx", RequestState.OPEN, "1" * 40, "intent", 7)
DONE = NoChange("basebump/nginx", NoChangeReason.UNCHANGED, REQUEST)


@pytest.mark.parametrize(
    ("decision", "is_lasting"),
    [
        (UpToDate(IMAGE), True),
        (UPDATE, True),
        (SkippedReference(IMAGE.reference, Reason.IGNORED), True),
        (SkippedReference(IMAGE.reference, Reason.TOO_MANY_IMAGES), False),
        (HeldUpdate(IMAGE, Reason.OLDER, ""), True),
        (HeldUpdate(AGED, Reason.OLDER, ""), False),
        (HeldUpdate(IMAGE, Reason.LOCKED, ""), False),
        (HeldUpdate(IMAGE, Reason.NOT_PULLABLE, ""), False),
        (RefusedUpdate(UPDATE, Reason.INTRODUCED), True),
        (RefusedUpdate(UPDATE, Reason.NOT_SCANNED), False),
        (RefusedUpdate(UPDATE, Reason.UNSIGNED), False),
        (UnresolvedReference(IMAGE, Reason.UNREACHABLE, ""), False),
        (UncheckedReference(IMAGE), False),
    ],
)
def test_decision_is_lasting_unless_time_or_failed_lookup_can_change_result(decision, is_lasting):
    assert are_decisions_lasting([decision]) is is_lasting


def test_decisions_are_not_lasting_if_a_single_decision_may_change():
    assert not are_decisions_lasting([UpToDate(IMAGE), UnresolvedReference(IMAGE, Reason.UNREACHABLE, "")])


@pytest.mark.parametrize(
    "step",
    [
        replace(DONE, reason=NoChangeReason.ACCEPTED),
        replace(DONE, reason=NoChangeReason.UNKNOWN),
        replace(DONE, must_comment=True),
        replace(DONE, attributes=RequestAttributes(labels=("security",))),
        replace(DONE, request=replace(REQUEST, state=RequestState.CLOSED)),
        replace(DONE, request=None),
    ],
)
def test_step_counts_as_done_only_if_pull_request_is_open_and_unchanged(step):
    assert is_step_done(DONE)
    assert not is_step_done(step)


@pytest.mark.parametrize(
    ("old", "new", "is_known", "is_lasting"),
    [
        (scan(), scan(), True, True),
        (None, scan(), True, True),
        (scan(), scan(), False, False),
        (scan(), NotScanned(UnscannedReason.TIMED_OUT), True, False),
        (scan(), NotScanned(UnscannedReason.OS_UNKNOWN), True, True),
        (scan(), NotScanned(UnscannedReason.OS_UNKNOWN), False, False),
        (NotScanned(UnscannedReason.NO_SCANNER), NotScanned(UnscannedReason.NO_SCANNER), False, True),
        (NotScanned(UnscannedReason.IMAGE_GONE), scan(), True, False),
    ],
)
def test_evidence_is_lasting_if_same_scanner_would_return_same_result(old, new, is_known, is_lasting):
    assert is_evidence_lasting(compare_scans(old, new), is_scanner_known=is_known) is is_lasting


def test_missing_evidence_unread_lists_and_missing_signatures_are_not_lasting():
    evidence = compare_scans(scan(), scan())
    unread = ListVersions(unread_lists=frozenset({AdvisoryList.KEV}))
    assert not is_evidence_lasting(None, is_scanner_known=True)
    assert not is_evidence_lasting(replace(evidence, list_versions=unread), is_scanner_known=True)
    unsigned = TransitionSignatures(None, NoSignature())
    assert not is_evidence_lasting(replace(evidence, signatures=unsigned), is_scanner_known=True)


def test_branch_is_due_at_earliest_time_when_a_decision_may_change():
    matures_at = NOW + timedelta(hours=5)
    young = replace(UPDATE, candidates=(UpdateCandidate(digest("new"), matures_at=matures_at),))
    comment = IgnoreComment(1, until=NOW.date() + timedelta(days=2))
    ignored = SkippedReference(replace(IMAGE.reference, ignore_comment=comment), Reason.IGNORED)
    accepted = replace(IMAGE, policy=Policy(accept=(AcceptedHold(Reason.OLDER, "a", "b", date(2027, 3, 1)),)))
    ends = PolicyConfig(end_of_life=(ConfiguredEndOfLife("*", "*", date(2027, 4, 1), None),))
    midnight = datetime.combine(NOW.date() + timedelta(days=3), time(), UTC)
    assert find_due_time([UpToDate(IMAGE)], [], PolicyConfig(), NOW) is None
    assert find_due_time([young, ignored], [], ends, NOW) == matures_at
    due, overdue = (DueDate(NOW + hours * timedelta(hours=1), DueClass.HIGH) for hours in (1, -1))
    assert find_due_time([young], [overdue, due], ends, NOW) == due.at
    assert find_due_time([ignored, UpToDate(accepted)], [], ends, NOW) == midnight
    assert find_due_time([UpToDate(accepted)], [], ends, NOW) == datetime(2027, 3, 2, tzinfo=UTC)
    assert find_due_time([UpToDate(IMAGE)], [], ends, NOW) == datetime(2027, 4, 2, tzinfo=UTC)


def test_past_end_of_life_date_does_not_make_branch_due():
    ends = PolicyConfig(end_of_life=(ConfiguredEndOfLife("*", "*", NOW.date() - timedelta(days=1), None),))
    assert find_due_time([UpToDate(IMAGE)], [], ends, NOW) is None


def test_tracked_images_of_branch_include_images_of_skipped_references():
    decisions = [
        UpToDate(IMAGE),
        SkippedReference(IMAGE.reference, Reason.IGNORED, AGED),
        SkippedReference(IMAGE.reference, Reason.NOT_PROVED, AGED),
    ]
    assert list(list_tracked_images(decisions)) == [IMAGE, AGED]


def test_possible_transitions_include_all_candidates_of_updates():
    both = replace(UPDATE, candidates=(UpdateCandidate(digest("new")), UpdateCandidate(digest("earlier"))))
    transitions = list(list_possible_transitions([UpToDate(IMAGE), RefusedUpdate(both, Reason.INTRODUCED), UPDATE]))
    assert [each.new for each in transitions] == [digest("new"), digest("earlier"), digest("new")]
