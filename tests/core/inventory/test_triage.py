"""Triage: a settled base branch is read again if, and only if, something changed on which its last visit depended."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.values import digest

from bot.core.inventory.triage import READ_EVERY, find_tag_reason, find_visit_reason
from bot.model.image_name import TagRef
from bot.model.inventory import BranchConditions, BranchKey, SettledBranch, StoredBranch, VisitReason

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
KEY = BranchKey("github", "github.com", "acme/web", "main")
CONDITIONS = BranchConditions("1" * 40, "2" * 40, "activity", True, "reader", "rules", "evidence")
NGINX = TagRef("docker.io/library/nginx", "1.27")
SETTLED = SettledBranch(CONDITIONS, {NGINX: digest("a")}, {"docker.io/library/nginx": "list"})
STORED = StoredBranch(CONDITIONS.head, CONDITIONS.reader, NOW - timedelta(hours=1), settled=SETTLED)


def find(stored: StoredBranch | None = STORED, now: datetime = NOW, **changes) -> VisitReason | None:
    return find_visit_reason(KEY, stored, replace(CONDITIONS, **changes), now)


def test_settled_branch_is_not_read_again_if_unchanged():
    assert find() is None
    assert find_tag_reason(SETTLED, SETTLED.tags, SETTLED.tag_lists) is None


def test_branch_is_read_if_new_or_not_settled():
    assert find(None) is VisitReason.UNSETTLED
    assert find(replace(STORED, settled=None)) is VisitReason.UNSETTLED


def test_branch_with_a_visit_time_in_the_future_is_not_settled():
    future = NOW + timedelta(days=400)
    assert find(replace(STORED, read_at=future, settled=replace(SETTLED, due_at=future))) is VisitReason.UNSETTLED


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"head": "3" * 40, "tree": "4" * 40}, VisitReason.FILES_CHANGED),
        ({"head": "3" * 40, "tree": None}, VisitReason.FILES_CHANGED),
        ({"activity": "other"}, VisitReason.REQUESTS_CHANGED),
        ({"activity": None}, VisitReason.REQUESTS_CHANGED),
        ({"is_public": False}, VisitReason.VISIBILITY_CHANGED),
        ({"is_public": None}, VisitReason.VISIBILITY_CHANGED),
        ({"reader": "other"}, VisitReason.READER_CHANGED),
        ({"rules": "other"}, VisitReason.RULES_CHANGED),
        ({"evidence": "other"}, VisitReason.EVIDENCE_CHANGED),
    ],
)
def test_each_changed_condition_is_a_reason_to_read_the_branch(change, reason):
    assert find(**change) is reason


def test_unknown_activity_is_a_reason_to_read_the_branch():
    stored = replace(STORED, settled=replace(SETTLED, conditions=replace(CONDITIONS, activity=None)))
    assert find(stored, activity=None) is VisitReason.REQUESTS_CHANGED


def test_commit_without_file_changes_causes_reading_only_if_pull_request_is_open():
    assert find(head="3" * 40) is None
    with_request = replace(STORED, open_request_heads={"basebump/nginx": None})
    assert find(with_request, head="3" * 40) is VisitReason.FILES_CHANGED


def test_settled_branch_is_read_again_when_due():
    stored = replace(STORED, settled=replace(SETTLED, due_at=NOW))
    assert find(stored, NOW - timedelta(seconds=1)) is None
    assert find(stored) is VisitReason.DUE


def test_reads_of_settled_branches_are_spread_over_second_half_of_interval():
    keys = [BranchKey("github", "github.com", f"acme/web-{number}", "main") for number in range(200)]

    def count_read(age: timedelta) -> int:
        stored = replace(STORED, read_at=NOW - age)
        return sum(find_visit_reason(key, stored, CONDITIONS, NOW) is VisitReason.IN_TURN for key in keys)

    assert count_read(READ_EVERY / 2 - timedelta(seconds=1)) == 0
    assert 60 < count_read(READ_EVERY * 0.75) < 140
    assert count_read(READ_EVERY) == len(keys)


@pytest.mark.parametrize(
    ("tags", "tag_lists", "reason"),
    [
        ({NGINX: digest("b")}, SETTLED.tag_lists, VisitReason.TAG_MOVED),
        ({}, SETTLED.tag_lists, VisitReason.TAG_MOVED),
        (SETTLED.tags, {"docker.io/library/nginx": "other"}, VisitReason.TAGS_ADDED),
        (SETTLED.tags, {}, VisitReason.TAGS_ADDED),
    ],
)
def test_moved_or_unreadable_tags_are_a_reason_to_read_the_branch(tags, tag_lists, reason):
    assert find_tag_reason(SETTLED, tags, tag_lists) is reason
