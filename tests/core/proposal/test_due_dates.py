"""Tests of due dates: from when they are counted, and that they never move to a later time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.core.decisions import DAY, NOW, build_index
from support.values import digest, finding, scan, update

from bot.core.evidence.compare import compare_scans
from bot.core.proposal.due_dates import (
    NEAR,
    FixTimes,
    compute_due_date,
    compute_waiting_limit,
    find_recorded_due_date,
    is_due_date_unknown,
)
from bot.core.proposal.marks import parse_mark, render_mark
from bot.core.transition import get_first_transition
from bot.model.decision import Transition
from bot.model.due_date import DueClass, DueDate, DueFrom, DuePeriods, DueUntil, select_shorter_periods
from bot.model.evidence import Evidence, FixDate, FixDateOrigin, NotScanned, Severity, UnscannedReason
from bot.model.history import TagObservation
from bot.model.image import RegistryRecord, ResolvedTag, UnresolvedTag
from bot.model.image_name import TagRef
from bot.model.policy import Policy
from bot.model.proposal import BodyMark, RemoteRequest, RequestState
from bot.model.vocabulary import Reason

NGINX = TagRef("docker.io/library/nginx", "1")
PERIODS = DuePeriods(exploited=3 * DAY, critical=7 * DAY, high=30 * DAY)
UNKNOWN = Evidence(NotScanned(UnscannedReason.FAILED), NotScanned(UnscannedReason.FAILED), None)
EXPLOITED = "CVE-2026-9"


def build_fix_evidence(*severities: Severity, exploited: bool = False, built: datetime | None = None) -> Evidence:
    found = [finding(f"CVE-2026-{severity}", severity) for severity in severities]
    found += [finding(EXPLOITED, Severity.LOW)] if exploited else []
    compared = compare_scans(scan(*found), replace(scan(), created=built))
    return replace(compared, exploited_ids=frozenset({EXPLOITED}))


def build_update(due: DuePeriods | None = PERIODS, operator: DuePeriods | None = PERIODS):
    return update(f"nginx:1@{digest('old')}", "new", policy=Policy(due=due, operator_due=operator))


def build_fix_times(
    pushed: datetime | None = None, seen: datetime | None = None, now: datetime = NOW, word: str = "new"
) -> FixTimes:
    records = {digest(word): RegistryRecord(pushed)} if pushed is not None else {}
    observations = (TagObservation(NGINX, digest(word), seen, seen),) if seen is not None else ()
    resolved = ResolvedTag(NGINX, digest(word), observations=observations, registry_records=records)
    return FixTimes({NGINX: resolved}, now)


def compute_due_date_of_evidence(
    evidence: Evidence, recorded: DueDate | None = None, since: FixTimes | None = None
) -> DueDate | None:
    return compute_due_date([(build_update(), evidence)], recorded, since or build_fix_times(pushed=NOW))


# From when it counts


def test_due_date_is_counted_from_push_to_registry():
    since = build_fix_times(pushed=NOW - 2 * DAY, seen=NOW - 4 * DAY)
    built = build_fix_evidence(Severity.CRITICAL, built=NOW - 9 * DAY)
    assert compute_due_date_of_evidence(built, since=since) == DueDate(NOW + 5 * DAY, DueClass.CRITICAL)


@pytest.mark.parametrize(
    ("seen", "built", "since"), [(4, 9, 9), (9, 4, 9), (4, None, 4), (None, 4, 4), (None, None, 0)]
)
def test_due_date_is_counted_from_first_observation_or_build_if_push_is_unknown(seen, built, since):
    evidence = build_fix_evidence(Severity.HIGH, built=None if built is None else NOW - built * DAY)
    found = compute_due_date_of_evidence(
        evidence, since=build_fix_times(seen=None if seen is None else NOW - seen * DAY)
    )
    assert found == DueDate(NOW + (30 - since) * DAY, DueClass.HIGH)


def test_due_date_is_counted_from_now_if_build_or_push_is_in_the_future():
    for evidence, since in (
        (build_fix_evidence(Severity.HIGH, built=NOW + 90 * DAY), build_fix_times()),
        (build_fix_evidence(Severity.HIGH), build_fix_times(pushed=NOW + 90 * DAY)),
    ):
        assert compute_due_date_of_evidence(evidence, since=since) == DueDate(NOW + 30 * DAY, DueClass.HIGH)


def test_due_date_of_image_in_index_is_counted_from_push_of_index():
    resolved = ResolvedTag(
        NGINX,
        digest("index"),
        manifest=build_index("index", "new"),
        registry_records={digest("index"): RegistryRecord(NOW - DAY)},
    )
    assert compute_due_date_of_evidence(
        build_fix_evidence(Severity.HIGH), since=FixTimes({NGINX: resolved}, NOW)
    ) == DueDate(NOW + 29 * DAY, DueClass.HIGH)


def test_fix_time_of_unresolved_tag_is_build_time_of_image():
    unresolved = FixTimes({NGINX: UnresolvedTag(NGINX, Reason.UNREACHABLE, "")}, NOW)
    transition = get_first_transition(build_update())
    assert unresolved.find_fix_time(transition, build_fix_evidence(Severity.HIGH, built=NOW - DAY)) == NOW - DAY


def test_fix_time_of_update_to_other_tag_is_push_time_of_that_tag():
    other = Transition(NGINX, digest("old"), digest("new"), ("linux/amd64",), "2")
    resolved = ResolvedTag(
        replace(NGINX, tag="2"), digest("new"), registry_records={digest("new"): RegistryRecord(NOW - DAY)}
    )
    fix_times = FixTimes({replace(NGINX, tag="2"): resolved}, NOW)
    assert fix_times.find_fix_time(other, build_fix_evidence(Severity.HIGH)) == NOW - DAY


# Which class counts


@pytest.mark.parametrize(
    ("evidence", "periods", "expected"),
    [
        (build_fix_evidence(Severity.HIGH, Severity.CRITICAL), PERIODS, (7, DueClass.CRITICAL)),
        (build_fix_evidence(Severity.CRITICAL, exploited=True), PERIODS, (3, DueClass.EXPLOITED)),
        (build_fix_evidence(Severity.CRITICAL, exploited=True), DuePeriods(critical=7 * DAY), (7, DueClass.CRITICAL)),
        (build_fix_evidence(Severity.CRITICAL), DuePeriods(high=30 * DAY), (30, DueClass.HIGH)),
        (build_fix_evidence(Severity.MEDIUM), DuePeriods(medium=90 * DAY), (90, DueClass.MEDIUM)),
        (build_fix_evidence(Severity.CRITICAL), DuePeriods(critical=7 * DAY, high=2 * DAY), (2, DueClass.HIGH)),
        (build_fix_evidence(Severity.MEDIUM), PERIODS, None),
        (build_fix_evidence(exploited=True), DuePeriods(critical=7 * DAY), None),
        (build_fix_evidence(), PERIODS, None),
        (UNKNOWN, PERIODS, None),
        (build_fix_evidence(Severity.CRITICAL), None, None),
    ],
)
def test_most_urgent_class_of_fixes_determines_due_date(evidence, periods, expected):
    found = compute_due_date([(build_update(periods), evidence)], None, build_fix_times(pushed=NOW))
    assert found == (expected and DueDate(NOW + expected[0] * DAY, expected[1]))


def test_due_date_of_group_is_earliest_due_date_of_updates():
    updates = [
        (build_update(DuePeriods(high=9 * DAY)), build_fix_evidence(Severity.HIGH)),
        (build_update(), build_fix_evidence(Severity.CRITICAL)),
        (build_update(None), build_fix_evidence()),
    ]
    assert compute_due_date(updates, None, build_fix_times(pushed=NOW)) == DueDate(NOW + 7 * DAY, DueClass.CRITICAL)


def test_proposal_is_overdue_as_soon_as_due_date_is_reached():
    for passed, overdue in ((7 * DAY - timedelta(seconds=1), False), (7 * DAY, True)):
        found = compute_due_date_of_evidence(
            build_fix_evidence(Severity.CRITICAL), since=build_fix_times(pushed=NOW - passed)
        )
        assert found is not None
        assert found.is_overdue is overdue


# What the mark keeps


def test_recorded_due_date_stays_when_newer_digest_is_proposed():
    recorded = DueDate(NOW + DAY, DueClass.CRITICAL)
    assert (
        compute_due_date_of_evidence(build_fix_evidence(Severity.CRITICAL), recorded, build_fix_times(pushed=NOW))
        == recorded
    )


@pytest.mark.parametrize("evidence", [UNKNOWN, build_fix_evidence(), build_fix_evidence(Severity.HIGH)])
def test_recorded_due_date_stays_when_fixes_are_unknown_or_less_severe(evidence):
    recorded = DueDate(NOW + DAY, DueClass.CRITICAL)
    assert compute_due_date_of_evidence(evidence, recorded) == recorded


def test_recorded_due_date_is_removed_when_policy_has_no_due_dates():
    recorded = DueDate(NOW + DAY, DueClass.CRITICAL)
    assert (
        compute_due_date(
            [(build_update(None), build_fix_evidence(Severity.CRITICAL))], recorded, build_fix_times(pushed=NOW)
        )
        is None
    )


def test_more_urgent_finding_sets_earlier_due_date_counted_from_current_run():
    recorded = DueDate(NOW + 20 * DAY, DueClass.HIGH)
    since = build_fix_times(pushed=NOW - 10 * DAY)
    assert compute_due_date_of_evidence(build_fix_evidence(exploited=True), recorded, since) == DueDate(
        NOW + 3 * DAY, DueClass.EXPLOITED
    )


def test_more_urgent_finding_never_makes_due_date_later():
    recorded = DueDate(NOW + DAY, DueClass.HIGH)
    assert compute_due_date_of_evidence(build_fix_evidence(Severity.CRITICAL), recorded) == DueDate(
        NOW + DAY, DueClass.CRITICAL
    )


def test_due_date_in_edited_mark_is_limited_to_longest_period_of_policy():
    recorded = DueDate(NOW + 4000 * DAY, DueClass.CRITICAL)
    assert compute_due_date_of_evidence(build_fix_evidence(Severity.CRITICAL), recorded) == DueDate(
        NOW + 30 * DAY, DueClass.CRITICAL
    )


def build_request(state: RequestState, due: DueDate | None = None, **more) -> RemoteRequest:
    mark = BodyMark(("x@y",), None, is_withdrawn=more.pop("withdrawn", False), due=due)
    return RemoteRequest("basebump/a", state, "0" * 40, "1" * 16, body=render_mark(mark), mark=mark, **more)


DATE, EARLIER = DueDate(NOW + DAY, DueClass.HIGH), DueDate(NOW - DAY, DueClass.CRITICAL)


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        ([], None),
        ([build_request(RequestState.OPEN, DATE), build_request(RequestState.CLOSED, EARLIER)], DATE),
        ([build_request(RequestState.OPEN), build_request(RequestState.CLOSED, EARLIER)], None),
        ([build_request(RequestState.CLOSED, DATE)], None),
        ([build_request(RequestState.CLOSED, DATE, is_closed_by_branch_deletion=True)], DATE),
        (
            [
                build_request(RequestState.BRANCH),
                build_request(RequestState.CLOSED, DATE, is_closed_by_branch_deletion=True),
            ],
            DATE,
        ),
        ([build_request(RequestState.CLOSED, DATE, is_closed_by_branch_deletion=True, withdrawn=True)], None),
        ([build_request(RequestState.MERGED, DATE)], None),
    ],
)
def test_proposal_keeps_due_date_of_open_pull_request_or_deleted_branch(requests, expected):
    assert find_recorded_due_date(requests) == expected


@pytest.mark.parametrize(
    ("update", "evidence", "expected"),
    [
        (build_update(), UNKNOWN, True),
        (build_update(), build_fix_evidence(), False),
        (build_update(None), UNKNOWN, False),
        (build_update(), replace(UNKNOWN, old=None), False),
    ],
)
def test_due_date_is_unknown_if_policy_sets_due_dates_but_images_were_not_scanned(update, evidence, expected):
    assert is_due_date_unknown([(update, evidence)]) is expected


# From the publication of the fix

FROM_FIX = replace(PERIODS, from_=DueFrom.FIX)


def build_published_evidence(*ages: int | None, severity: Severity = Severity.CRITICAL) -> Evidence:
    """Return evidence of an update that fixes vulnerabilities whose fixes were published this many days ago."""
    dates = [FixDate.from_advisory(NOW - age * DAY if age is not None else None) for age in ages]
    found = [finding(f"CVE-2026-{number}", severity, fix_date=date) for number, date in enumerate(dates)]
    return compare_scans(scan(*found), scan())


def compute_due_at(evidence: Evidence, periods: DuePeriods, pushed: datetime = NOW) -> datetime:
    return compute_due_date([(build_update(periods), evidence)], None, build_fix_times(pushed=pushed)).at


def test_due_date_is_counted_from_the_first_publication_of_a_fix_if_the_policy_says_so():
    evidence = build_published_evidence(2, 5, None)
    assert compute_due_at(evidence, FROM_FIX) == NOW + 2 * DAY
    assert compute_due_at(evidence, PERIODS) == NOW + 7 * DAY


@pytest.mark.parametrize("origin", FixDateOrigin)
def test_date_of_a_fix_counts_whatever_its_origin(origin):
    dated = finding("CVE-2026-9", Severity.CRITICAL, fix_date=FixDate(NOW - 5 * DAY, origin))
    assert compute_due_at(compare_scans(scan(dated), scan()), FROM_FIX) == NOW + 2 * DAY


def test_due_date_is_counted_from_the_digest_if_no_publication_is_known():
    assert compute_due_at(build_published_evidence(None), FROM_FIX, pushed=NOW - DAY) == NOW + 6 * DAY


def test_due_date_is_never_counted_from_a_publication_after_the_digest():
    assert compute_due_at(build_published_evidence(1), FROM_FIX, pushed=NOW - 3 * DAY) == NOW + 4 * DAY


def test_publication_of_a_less_urgent_fix_does_not_move_the_due_date_of_a_class():
    high = finding("CVE-2026-9", Severity.HIGH, fix_date=FixDate.from_advisory(NOW - 20 * DAY))
    critical = finding("CVE-2026-8", Severity.CRITICAL, fix_date=FixDate.from_advisory(NOW - DAY))
    periods = DuePeriods(critical=7 * DAY, from_=DueFrom.FIX)
    assert compute_due_at(compare_scans(scan(high, critical), scan()), periods) == NOW + 6 * DAY


def test_earlier_event_wins_when_policies_are_combined():
    assert select_shorter_periods(PERIODS, FROM_FIX).from_ is DueFrom.FIX
    assert select_shorter_periods(FROM_FIX, PERIODS).from_ is DueFrom.FIX


# Limits


def test_waiting_ends_three_days_before_due_date_set_by_operator():
    updates = [(build_update(DuePeriods(critical=DAY), PERIODS), build_fix_evidence(Severity.CRITICAL))]
    assert compute_waiting_limit(updates, build_fix_times(pushed=NOW)) == NOW + 7 * DAY - NEAR


def test_due_date_set_only_by_repository_config_does_not_end_the_wait():
    updates = [(build_update(PERIODS, None), build_fix_evidence(Severity.CRITICAL))]
    assert compute_waiting_limit(updates, build_fix_times(pushed=NOW)) is None


def test_shorter_due_period_of_each_class_wins_when_policies_are_combined():
    other = DuePeriods(critical=9 * DAY, high=2 * DAY, medium=60 * DAY)
    assert select_shorter_periods(PERIODS, other) == DuePeriods(3 * DAY, 7 * DAY, 2 * DAY, 60 * DAY)
    assert select_shorter_periods(PERIODS, None) == select_shorter_periods(None, PERIODS) == PERIODS
    assert select_shorter_periods(None, None) is None


def test_later_due_stage_wins_when_policies_are_combined():
    running = DuePeriods(critical=DAY, until=DueUntil.RUNNING)
    assert select_shorter_periods(PERIODS, running).until is DueUntil.RUNNING
    assert select_shorter_periods(running, PERIODS).until is DueUntil.RUNNING
    assert select_shorter_periods(PERIODS, PERIODS).until is DueUntil.MERGED


def test_due_stage_comes_from_policy_and_not_from_mark():
    """Users can edit a mark."""
    recorded = DueDate(NOW + DAY, DueClass.CRITICAL, until=DueUntil.RUNNING)
    assert (
        compute_due_date([(build_update(), build_fix_evidence(Severity.CRITICAL))], recorded, build_fix_times()).until
        is DueUntil.MERGED
    )
    stricter = replace(PERIODS, until=DueUntil.RUNNING)
    both = [
        (build_update(), build_fix_evidence(Severity.CRITICAL)),
        (build_update(stricter), build_fix_evidence(Severity.HIGH)),
    ]
    assert compute_due_date(both, None, build_fix_times()).until is DueUntil.RUNNING


def test_mark_contains_due_stage_only_if_due_stage_is_running():
    for until in DueUntil:
        due = DueDate(NOW, DueClass.HIGH, until=until)
        mark = render_mark(BodyMark(due=due))
        assert parse_mark(mark).due == due
        assert ("until" in mark) is (until is DueUntil.RUNNING)
    assert parse_mark(mark.replace('"running"', '"soon"')).due.until is DueUntil.MERGED


# Any sequence of runs


@dataclass(frozen=True)
class RunFindings:
    """What one run finds: how much time passed, whether the tag moved, what is known, and what is fixed."""

    hours: int
    is_new_digest: bool
    is_pushed_known: bool
    is_state_lost: bool
    is_build_known: bool
    is_scanned: bool
    severities: tuple[Severity, ...]
    is_exploited: bool


RUNS = st.builds(
    RunFindings,
    hours=st.integers(0, 24 * 40),
    is_new_digest=st.booleans(),
    is_pushed_known=st.booleans(),
    is_state_lost=st.booleans(),
    is_build_known=st.booleans(),
    is_scanned=st.booleans(),
    severities=st.lists(st.sampled_from(list(Severity)), max_size=3).map(tuple),
    is_exploited=st.booleans(),
)


@given(st.lists(RUNS, min_size=1, max_size=12))
def test_due_date_never_becomes_later_across_runs_with_lost_states(runs):
    now, pushed, seen, recorded, body = NOW, NOW, None, None, ""
    for run in runs:
        now += timedelta(hours=run.hours)
        if run.is_new_digest:
            pushed, seen = now - timedelta(hours=run.hours // 2), None
        seen = now if run.is_state_lost or seen is None else seen
        evidence = (
            build_fix_evidence(
                *run.severities, exploited=run.is_exploited, built=pushed - DAY if run.is_build_known else None
            )
            if run.is_scanned
            else UNKNOWN
        )
        since = build_fix_times(pushed if run.is_pushed_known else None, seen, now)
        due = compute_due_date_of_evidence(evidence, recorded, since)
        if recorded is not None:
            assert due is not None
            assert due.at <= recorded.at
            assert due.fixes.position <= recorded.fixes.position
            if due.at < recorded.at:
                assert due.fixes.position < recorded.fixes.position
        body = f"text\n\n{render_mark(BodyMark(('x@y',), None, due=due))}"
        recorded = parse_mark(body).due
        assert recorded == (due and replace(due, is_overdue=False))
