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


def held(digest_=OLD, since=START, ended_at=NOW, **more) -> HeldDigest:
    values = {"key": WEB, "repository": PYTHON.repository, "tag": "3.12", "is_since_first_visit": False} | more
    return HeldDigest(digest=digest_, since=since, ended_at=ended_at, **values)


def merged(number: int = 1, key=WEB, **more) -> BranchRequest:
    values = {"state": RequestState.MERGED, "opened_at": NOW - 5 * DAY, "ended_at": NOW - DAY, "fixes": {"high": 1}}
    return BranchRequest(key, build_request(number, **(values | more)))


def waiting(number: int = 1, **more) -> BranchRequest:
    return merged(number, **{"state": RequestState.OPEN, "ended_at": None} | more)


def seen(at, digest_=NEW, tag: str = "3.12") -> TagObservation:
    return TagObservation(TagRef(PYTHON.repository, tag), digest_, at, NOW)


HELD = held()


def find(*requests: BranchRequest, spans=(HELD,), observations=()) -> list[tuple]:
    patches = find_patches(FleetHistory(tuple(spans), requests, tuple(observations)))
    return [(NOW - each.available_at, each.patched_at and NOW - each.patched_at) for each in patches]


def test_fix_waits_from_first_observation_of_digest_to_merge():
    assert find(merged(), observations=[seen(NOW - 8 * DAY)]) == [(8 * DAY, DAY)]


def test_fix_waits_from_the_opening_if_the_request_was_updated_to_a_later_digest():
    assert find(merged(), observations=[seen(NOW - 2 * DAY)]) == [(5 * DAY, DAY)]


def test_fix_does_not_wait_before_the_branch_held_the_vulnerable_digest():
    spans = [held(since=NOW - 6 * DAY)]
    assert find(merged(), spans=spans, observations=[seen(NOW - 20 * DAY)]) == [(6 * DAY, DAY)]


def test_request_from_before_first_visit_counts_from_opening():
    spans = [held(since=NOW - 2 * DAY, is_since_first_visit=True)]
    assert find(merged(), spans=spans, observations=[seen(NOW - 20 * DAY)]) == [(5 * DAY, DAY)]


def test_fix_of_an_open_request_waits():
    spans = [held(ended_at=None)]
    assert find(waiting(), spans=spans) == [(5 * DAY, None)]
    assert find(waiting(opened_at=None), spans=spans, observations=[seen(NOW - 3 * DAY)]) == [(3 * DAY, None)]


def test_request_without_known_opening_counts_by_merge():
    """The local forge does not record when a request was opened."""
    assert find(merged(opened_at=None, ended_at=NOW), observations=[seen(NOW - 3 * DAY)]) == [(3 * DAY, timedelta())]
    assert find(merged(opened_at=None, ended_at=NOW + DAY)) == []
    assert find(merged(opened_at=None, ended_at=START - DAY)) == []
    assert find(merged(opened_at=None, ended_at=None)) == []


def test_closed_request_is_followed_by_next_request():
    """The time to patch begins with the first of them, because the branch held the same digest all the time."""
    closed = merged(1, state=RequestState.CLOSED, opened_at=NOW - 9 * DAY, ended_at=NOW - 7 * DAY)
    assert find(closed, merged(2)) == [(9 * DAY, DAY)]


def test_declined_fix_does_not_wait():
    assert find(merged(state=RequestState.CLOSED), spans=[held(ended_at=None)]) == []


def test_branch_that_was_updated_without_basebump_is_patched_then():
    (patch,) = find_patches(FleetHistory((held(),), (merged(state=RequestState.CLOSED),)))
    assert (patch.patched_at, patch.is_merged_by_basebump) == (NOW, False)


@pytest.mark.parametrize(
    "request_",
    [
        merged(fixes=None),
        merged(fixes={}),
        merged(fixes={"high": 0, "exploited": 0}),
        merged(key=API),
        merged(opened_at=START - 2 * DAY),
        merged(opened_at=NOW + DAY, ended_at=NOW + 2 * DAY),
        merged(targets=(f"docker.io/library/node:22@{NEW}",)),
        merged(targets=(f"{PYTHON}@{OLD}",)),
        merged(targets=("*@sha256:abc",)),
    ],
)
def test_request_without_known_fixes_for_held_digest_is_not_a_patch(request_):
    assert find(request_) == []


def test_unpinned_reference_is_not_a_patch():
    assert find(merged(), spans=[held(None)]) == []


def test_tags_have_own_requests():
    spans = [held(), held(tag="3.13")]
    other = merged(2, targets=(f"docker.io/library/python:3.13@{NEW}",), opened_at=NOW - 3 * DAY)
    assert find(merged(), other, spans=spans) == [(5 * DAY, DAY), (3 * DAY, DAY)]


def test_request_that_changes_the_tag_is_a_patch():
    later = held(NEW, since=NOW, ended_at=None, tag="3.13")
    assert find(merged(targets=(f"docker.io/library/python:3.13@{NEW}",)), spans=[held(), later]) == [(5 * DAY, DAY)]


def test_update_of_several_images_is_one_patch():
    node = held(repository="docker.io/library/node", tag="22")
    both = merged(targets=(f"{PYTHON}@{NEW}", f"docker.io/library/node:22@{digest('node')}"))
    assert find(both, spans=[held(), node]) == [(5 * DAY, DAY)]


@pytest.mark.parametrize(
    ("fixes", "severity"),
    [
        ({"low": 9, "exploited": 1}, FixSeverity.EXPLOITED),
        ({"high": 2, "critical": 1, "exploited": 0}, FixSeverity.CRITICAL),
        ({"unknown": 1}, FixSeverity.UNKNOWN),
    ],
)
def test_patch_has_highest_fixed_severity(fixes, severity):
    (patch,) = find_patches(FleetHistory((held(),), (merged(fixes=fixes),)))
    assert patch.severity is severity


def test_summary_has_median_percentile_and_oldest_open():
    spans = [held(key=replace(WEB, repository=f"acme/{number}")) for number in range(10)]
    requests = [merged(key=span.key, opened_at=NOW - (number + 2) * DAY) for number, span in enumerate(spans)]
    still = [held(key=API, ended_at=None), held(key=API, tag="3.13", ended_at=None)]
    python_13 = f"docker.io/library/python:3.13@{NEW}"
    requests += [waiting(key=API), waiting(2, key=API, targets=(python_13,), opened_at=NOW - 9 * DAY)]
    patches = find_patches(FleetHistory((*spans, *still), tuple(requests)))
    (summary,) = summarise_patches(patches, PatchGrouping.ALL, START, NOW)
    assert summary == PatchSummary(
        "all", WaitSummary(10, 5 * DAY, 9 * DAY, 2, 9 * DAY), WaitSummary(0, None, None, 0, None)
    )


def test_publication_summary_covers_only_fixes_with_publication_date():
    spans = [held(key=replace(WEB, repository=f"acme/{number}")) for number in range(3)]
    requests = [
        merged(key=spans[0].key, fix_published_at=NOW - 8 * DAY),
        merged(key=spans[1].key, fix_published_at=NOW - 4 * DAY),
        merged(key=spans[2].key),
        waiting(key=API, fix_published_at=NOW - 9 * DAY),
    ]
    patches = find_patches(FleetHistory((*spans, held(key=API, ended_at=None)), tuple(requests)))
    (summary,) = summarise_patches(patches, PatchGrouping.ALL, START, NOW)
    assert (summary.since_seen.fixes, summary.since_published.fixes) == (4, 3)
    assert summary.since_published == WaitSummary(2, 3 * DAY, 7 * DAY, 1, 9 * DAY)


@pytest.mark.parametrize(
    ("span", "published"),
    [
        (held(since=NOW - 20 * DAY), 12),
        (held(since=NOW - 9 * DAY), 9),
        (held(since=NOW - 9 * DAY, is_since_first_visit=True), 12),
        (held(since=NOW - 5 * DAY + timedelta(hours=1)), 5),
    ],
)
def test_publication_counts_since_the_branch_held_the_vulnerable_digest(span, published):
    (patch,) = find_patches(FleetHistory((span,), (merged(fix_published_at=NOW - 12 * DAY),)))
    assert patch.published_at == NOW - published * DAY
    assert patch.wait_since_published == (published - 1) * DAY


def test_publication_of_several_requests_is_the_first_of_the_highest_severity():
    requests = [
        merged(1, state=RequestState.CLOSED, fix_published_at=NOW - 12 * DAY),
        merged(2, fixes={"critical": 1}, fix_published_at=NOW - 7 * DAY),
        merged(3, fixes={"critical": 1}, fix_published_at=NOW - 8 * DAY),
        merged(4, fixes={"critical": 1}),
    ]
    (patch,) = find_patches(FleetHistory((held(),), tuple(requests)))
    assert (patch.severity, patch.published_at) == (FixSeverity.CRITICAL, NOW - 8 * DAY)


def test_fix_published_after_merge_did_not_wait():
    (patch,) = find_patches(FleetHistory((held(),), (merged(fix_published_at=NOW),)))
    assert patch.wait_since_published == timedelta()


def test_summary_omits_earlier_merges():
    patches = find_patches(FleetHistory((held(),), (merged(),)))
    assert summarise_patches(patches, PatchGrouping.ALL, NOW, NOW) == ()


def test_patches_are_grouped_by_severity_team_repository_and_month():
    spans = [held(owners=("@a", "@b")), held(key=API, ended_at=None)]
    requests = (merged(fixes={"low": 1}), waiting(key=API, fixes={"critical": 1}))
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
def test_percentile_is_one_of_the_values(share, expected):
    assert find_percentile([days * DAY for days in (4, 2, 1, 3)], share) == expected * DAY
    assert find_percentile([], share) is None
