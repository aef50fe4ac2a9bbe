"""How long a fleet took to merge fixes of vulnerabilities."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.values import digest
from support.visits import API, NEW, NOW, OLD, PYTHON, WEB, build_request

from bot.core.inventory.patch_times import NO_OWNER, find_patches, find_percentile, summarise_patches
from bot.model.fleet_history import BranchRequest, FleetHistory, HeldDigest
from bot.model.history import TagObservation
from bot.model.image_name import TagRef
from bot.model.patch_times import FixSeverity, PatchGrouping, PatchSummary, WaitSummary
from bot.model.proposal import RequestState

DAY = timedelta(days=1)
START = NOW - 30 * DAY


def build_held_digest(digest_=OLD, since=START, ended_at=NOW, **more) -> HeldDigest:
    values = {"key": WEB, "repository": PYTHON.repository, "tag": "3.12", "is_since_first_visit": False} | more
    return HeldDigest(digest=digest_, since=since, ended_at=ended_at, **values)


def build_merged_request(number: int = 1, key=WEB, **more) -> BranchRequest:
    values = {"state": RequestState.MERGED, "opened_at": NOW - 5 * DAY, "ended_at": NOW - DAY, "fixes": {"high": 1}}
    return BranchRequest(key, build_request(number, **(values | more)))


def build_open_request(number: int = 1, **more) -> BranchRequest:
    return build_merged_request(number, **{"state": RequestState.OPEN, "ended_at": None} | more)


def build_observation(at, digest_=NEW, tag: str = "3.12") -> TagObservation:
    return TagObservation(TagRef(PYTHON.repository, tag), digest_, at, NOW)


HELD = build_held_digest()


def find(*requests: BranchRequest, spans=(HELD,), observations=()) -> list[tuple]:
    patches = find_patches(FleetHistory(tuple(spans), requests, tuple(observations)))
    return [(NOW - each.available_at, each.patched_at and NOW - each.patched_at) for each in patches]


def test_wait_for_fix_lasts_from_first_observation_of_digest_until_merge():
    assert find(build_merged_request(), observations=[build_observation(NOW - 8 * DAY)]) == [(8 * DAY, DAY)]


def test_wait_for_fix_starts_when_pull_request_opened_if_digest_appeared_later():
    assert find(build_merged_request(), observations=[build_observation(NOW - 2 * DAY)]) == [(5 * DAY, DAY)]


def test_wait_for_fix_is_not_counted_before_branch_had_vulnerable_digest():
    spans = [build_held_digest(since=NOW - 6 * DAY)]
    assert find(build_merged_request(), spans=spans, observations=[build_observation(NOW - 20 * DAY)]) == [
        (6 * DAY, DAY)
    ]


def test_wait_for_fix_starts_when_pull_request_opened_if_that_precedes_first_visit():
    spans = [build_held_digest(since=NOW - 2 * DAY, is_since_first_visit=True)]
    assert find(build_merged_request(), spans=spans, observations=[build_observation(NOW - 20 * DAY)]) == [
        (5 * DAY, DAY)
    ]


def test_fix_in_open_pull_request_is_still_waiting():
    spans = [build_held_digest(ended_at=None)]
    assert find(build_open_request(), spans=spans) == [(5 * DAY, None)]
    assert find(build_open_request(opened_at=None), spans=spans, observations=[build_observation(NOW - 3 * DAY)]) == [
        (3 * DAY, None)
    ]


def test_merge_outside_the_period_is_not_counted_if_opening_time_is_unknown():
    """The local forge does not record when a request was opened."""
    assert find(
        build_merged_request(opened_at=None, ended_at=NOW), observations=[build_observation(NOW - 3 * DAY)]
    ) == [(3 * DAY, timedelta())]
    assert find(build_merged_request(opened_at=None, ended_at=NOW + DAY)) == []
    assert find(build_merged_request(opened_at=None, ended_at=START - DAY)) == []
    assert find(build_merged_request(opened_at=None, ended_at=None)) == []


def test_wait_for_fix_is_counted_from_first_pull_request_for_vulnerable_digest():
    """The time to patch begins with the first of them, because the branch held the same digest all the time."""
    closed = build_merged_request(1, state=RequestState.CLOSED, opened_at=NOW - 9 * DAY, ended_at=NOW - 7 * DAY)
    assert find(closed, build_merged_request(2)) == [(9 * DAY, DAY)]


def test_fix_in_closed_pull_request_is_not_counted_as_waiting():
    assert find(build_merged_request(state=RequestState.CLOSED), spans=[build_held_digest(ended_at=None)]) == []


def test_branch_updated_without_basebump_counts_as_patched_at_time_of_change():
    (patch,) = find_patches(FleetHistory((build_held_digest(),), (build_merged_request(state=RequestState.CLOSED),)))
    assert (patch.patched_at, patch.is_merged_by_basebump) == (NOW, False)


@pytest.mark.parametrize(
    "request_",
    [
        build_merged_request(fixes=None),
        build_merged_request(fixes={}),
        build_merged_request(fixes={"high": 0, "exploited": 0}),
        build_merged_request(key=API),
        build_merged_request(opened_at=START - 2 * DAY),
        build_merged_request(opened_at=NOW + DAY, ended_at=NOW + 2 * DAY),
        build_merged_request(targets=(f"docker.io/library/node:22@{NEW}",)),
        build_merged_request(targets=(f"{PYTHON}@{OLD}",)),
        build_merged_request(targets=("*@sha256:abc",)),
    ],
)
def test_pull_request_without_fixes_or_matching_digest_is_not_a_patch(request_):
    assert find(request_) == []


def test_update_of_unpinned_reference_is_not_a_patch():
    assert find(build_merged_request(), spans=[build_held_digest(None)]) == []


def test_each_tag_is_patched_by_the_pull_request_for_that_tag():
    spans = [build_held_digest(), build_held_digest(tag="3.13")]
    other = build_merged_request(2, targets=(f"docker.io/library/python:3.13@{NEW}",), opened_at=NOW - 3 * DAY)
    assert find(build_merged_request(), other, spans=spans) == [(5 * DAY, DAY), (3 * DAY, DAY)]


def test_pull_request_that_changes_the_tag_is_a_patch():
    later = build_held_digest(NEW, since=NOW, ended_at=None, tag="3.13")
    assert find(
        build_merged_request(targets=(f"docker.io/library/python:3.13@{NEW}",)), spans=[build_held_digest(), later]
    ) == [(5 * DAY, DAY)]


def test_pull_request_for_several_images_is_a_single_patch():
    node = build_held_digest(repository="docker.io/library/node", tag="22")
    both = build_merged_request(targets=(f"{PYTHON}@{NEW}", f"docker.io/library/node:22@{digest('node')}"))
    assert find(both, spans=[build_held_digest(), node]) == [(5 * DAY, DAY)]


@pytest.mark.parametrize(
    ("fixes", "severity"),
    [
        ({"low": 9, "exploited": 1}, FixSeverity.EXPLOITED),
        ({"high": 2, "critical": 1, "exploited": 0}, FixSeverity.CRITICAL),
        ({"unknown": 1}, FixSeverity.UNKNOWN),
    ],
)
def test_severity_of_patch_is_the_highest_fixed_severity(fixes, severity):
    (patch,) = find_patches(FleetHistory((build_held_digest(),), (build_merged_request(fixes=fixes),)))
    assert patch.severity is severity


def test_summary_has_median_and_percentile_of_waits_and_oldest_open_fix():
    spans = [build_held_digest(key=replace(WEB, repository=f"acme/{number}")) for number in range(10)]
    requests = [
        build_merged_request(key=span.key, opened_at=NOW - (number + 2) * DAY) for number, span in enumerate(spans)
    ]
    still = [build_held_digest(key=API, ended_at=None), build_held_digest(key=API, tag="3.13", ended_at=None)]
    python_13 = f"docker.io/library/python:3.13@{NEW}"
    requests += [
        build_open_request(key=API),
        build_open_request(2, key=API, targets=(python_13,), opened_at=NOW - 9 * DAY),
    ]
    patches = find_patches(FleetHistory((*spans, *still), tuple(requests)))
    (summary,) = summarise_patches(patches, PatchGrouping.ALL, START, NOW)
    assert summary == PatchSummary(
        "all", WaitSummary(10, 5 * DAY, 9 * DAY, 2, 9 * DAY), WaitSummary(0, None, None, 0, None)
    )


def test_summary_since_publication_covers_only_fixes_with_publication_date():
    spans = [build_held_digest(key=replace(WEB, repository=f"acme/{number}")) for number in range(3)]
    requests = [
        build_merged_request(key=spans[0].key, fix_published_at=NOW - 8 * DAY),
        build_merged_request(key=spans[1].key, fix_published_at=NOW - 4 * DAY),
        build_merged_request(key=spans[2].key),
        build_open_request(key=API, fix_published_at=NOW - 9 * DAY),
    ]
    patches = find_patches(FleetHistory((*spans, build_held_digest(key=API, ended_at=None)), tuple(requests)))
    (summary,) = summarise_patches(patches, PatchGrouping.ALL, START, NOW)
    assert (summary.since_seen.fixes, summary.since_published.fixes) == (4, 3)
    assert summary.since_published == WaitSummary(2, 3 * DAY, 7 * DAY, 1, 9 * DAY)


@pytest.mark.parametrize(
    ("span", "published"),
    [
        (build_held_digest(since=NOW - 20 * DAY), 12),
        (build_held_digest(since=NOW - 9 * DAY), 9),
        (build_held_digest(since=NOW - 9 * DAY, is_since_first_visit=True), 12),
        (build_held_digest(since=NOW - 5 * DAY + timedelta(hours=1)), 5),
    ],
)
def test_wait_since_publication_is_not_counted_before_vulnerable_digest(span, published):
    (patch,) = find_patches(FleetHistory((span,), (build_merged_request(fix_published_at=NOW - 12 * DAY),)))
    assert patch.published_at == NOW - published * DAY
    assert patch.wait_since_published == (published - 1) * DAY


def test_patch_has_first_publication_date_among_pull_requests_of_highest_severity():
    requests = [
        build_merged_request(1, state=RequestState.CLOSED, fix_published_at=NOW - 12 * DAY),
        build_merged_request(2, fixes={"critical": 1}, fix_published_at=NOW - 7 * DAY),
        build_merged_request(3, fixes={"critical": 1}, fix_published_at=NOW - 8 * DAY),
        build_merged_request(4, fixes={"critical": 1}),
    ]
    (patch,) = find_patches(FleetHistory((build_held_digest(),), tuple(requests)))
    assert (patch.severity, patch.published_at) == (FixSeverity.CRITICAL, NOW - 8 * DAY)


def test_fix_published_after_merge_has_zero_wait_since_publication():
    (patch,) = find_patches(FleetHistory((build_held_digest(),), (build_merged_request(fix_published_at=NOW),)))
    assert patch.wait_since_published == timedelta()


def test_summary_omits_patches_merged_before_start_of_period():
    patches = find_patches(FleetHistory((build_held_digest(),), (build_merged_request(),)))
    assert summarise_patches(patches, PatchGrouping.ALL, NOW, NOW) == ()


def test_patches_are_grouped_by_severity_team_repository_and_month():
    spans = [build_held_digest(owners=("@a", "@b")), build_held_digest(key=API, ended_at=None)]
    requests = (build_merged_request(fixes={"low": 1}), build_open_request(key=API, fixes={"critical": 1}))
    patches = find_patches(FleetHistory(tuple(spans), requests))
    groups = {
        grouping: [each.group for each in summarise_patches(patches, grouping, START, NOW)]
        for grouping in PatchGrouping
    }
    assert groups == {
        PatchGrouping.ALL: ["all"],
        PatchGrouping.SEVERITY: ["critical", "low"],
        PatchGrouping.TEAM: [NO_OWNER, "@a", "@b"],
        PatchGrouping.REPOSITORY: ["acme/api", "acme/web"],
        PatchGrouping.MONTH: ["2026-11"],
        PatchGrouping.STAGE: [],
    }


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2), (0.9, 4), (0.25, 1), (1, 4)])
def test_percentile_of_waits_is_always_a_measured_value(share, expected):
    assert find_percentile([days * DAY for days in (4, 2, 1, 3)], share) == expected * DAY
    assert find_percentile([], share) is None
