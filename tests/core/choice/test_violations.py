"""Tests of the violations that follow from the decision on an image reference."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from support.values import digest, reference, update

from bot.core.choice.violations import check_build_age, find_violations, format_short_reference
from bot.model.decision import (
    HeldUpdate,
    RefusedUpdate,
    SkippedReference,
    SupersededReference,
    TrackedImage,
    UncheckedReference,
    UnresolvedReference,
    UpdateCause,
    UpToDate,
)
from bot.model.image_name import TagRef
from bot.model.policy import Policy
from bot.model.rules import ConfiguredEndOfLife
from bot.model.vocabulary import REASONS_BY_STATUS, Reason, ReferenceStatus, ViolatedRule, ViolationKind

TODAY = date(2027, 1, 15)
NOW = datetime(2027, 1, 15, 12, tzinfo=UTC)
LINE = TagRef("docker.io/library/python", "3.12")
LOOSE, PINNED = "python:3.12", f"python:3.12@{digest('old')}"
FIX = "basebump scan . --write"


def build_tracked_image(written: str = PINNED) -> TrackedImage:
    return TrackedImage(reference(written), LINE, Policy())


def list_violation_kinds(decision, known=()) -> list[ViolationKind]:
    return [each.kind for each in find_violations(decision, FIX, known, TODAY)]


def build_update(cause: UpdateCause):
    return replace(update(PINNED, "new"), cause=cause)


def test_unpinned_reference_is_a_violation_even_without_registry_lookup():
    assert (
        list_violation_kinds(update(LOOSE, "new"))
        == list_violation_kinds(UncheckedReference(build_tracked_image(LOOSE)))
        == [ViolationKind.UNPINNED]
    )
    assert (
        list_violation_kinds(build_update(UpdateCause.MOVED))
        == list_violation_kinds(UncheckedReference(build_tracked_image()))
        == []
    )


@pytest.mark.parametrize("reason", REASONS_BY_STATUS[ReferenceStatus.SKIPPED])
def test_skipped_unpinned_reference_is_a_violation_if_untagged_or_registry_unknown(reason):
    unpinned_reasons = (Reason.NO_TAG, Reason.UNKNOWN_REGISTRY)
    expected = [ViolationKind.UNPINNED] if reason in unpinned_reasons else []
    assert list_violation_kinds(SkippedReference(reference("python"), reason)) == expected
    assert list_violation_kinds(SkippedReference(reference(f"python@{digest('old')}"), reason)) == []


@pytest.mark.parametrize("written", [LOOSE, PINNED])
def test_held_refused_and_current_references_are_not_violations(written):
    tracked_image = build_tracked_image(written)
    decisions = [
        *(HeldUpdate(tracked_image, reason, "why") for reason in REASONS_BY_STATUS[ReferenceStatus.HELD]),
        *(
            RefusedUpdate(update(written, "new"), reason, "why")
            for reason in REASONS_BY_STATUS[ReferenceStatus.REFUSED]
        ),
        UpToDate(tracked_image),
    ]
    assert [list_violation_kinds(each) for each in decisions] == [[]] * len(decisions)


@pytest.mark.parametrize("reason", REASONS_BY_STATUS[ReferenceStatus.UNRESOLVED])
def test_unpinned_reference_is_a_violation_even_if_lookup_failed(reason):
    assert list_violation_kinds(UnresolvedReference(build_tracked_image(LOOSE), reason, "why")) == [
        ViolationKind.UNPINNED
    ]
    assert list_violation_kinds(UnresolvedReference(build_tracked_image(), reason, "why")) == []


@pytest.mark.parametrize(
    ("cause", "fault", "breach"),
    [
        (UpdateCause.GONE, ViolationKind.GONE, None),
        (UpdateCause.WITHDRAWN, ViolationKind.POLICY, ViolatedRule.TAKEN_BACK),
    ],
)
def test_gone_or_withdrawn_digest_is_a_violation_even_if_update_is_refused(cause, fault, breach):
    update_of_it = build_update(cause)
    (taken,) = find_violations(update_of_it, FIX, (), TODAY)
    (refused,) = find_violations(RefusedUpdate(update_of_it, Reason.UNSIGNED, "why"), FIX, (), TODAY)
    assert (taken.kind, taken.violated_rule) == (refused.kind, refused.violated_rule) == (fault, breach)
    assert taken.message.endswith(f"; {FIX} moves it to {digest('new')[7:19]}")
    assert refused.message.endswith("(unsigned): why")


def test_superseded_tag_is_a_violation_only_at_end_of_life():
    ends = {
        reason: list_violation_kinds(SupersededReference(build_tracked_image(), reason, "why"))
        for reason in REASONS_BY_STATUS[ReferenceStatus.SUPERSEDED]
    }
    assert ends == {Reason.TAG_STOPPED: [], Reason.VARIANT_DROPPED: [], Reason.END_OF_LIFE: [ViolationKind.POLICY]}


def test_tag_past_configured_end_of_life_is_a_violation_unless_skipped():
    known = [ConfiguredEndOfLife("docker.io/library/python", "3.12", TODAY - timedelta(days=1))]
    for each in (
        UpToDate(build_tracked_image()),
        HeldUpdate(build_tracked_image(), Reason.OLDER, ""),
        UnresolvedReference(build_tracked_image(), Reason.DENIED, ""),
    ):
        assert list_violation_kinds(each, known) == [ViolationKind.POLICY]
    assert list_violation_kinds(SupersededReference(build_tracked_image(), Reason.END_OF_LIFE, "why"), known) == [
        ViolationKind.POLICY
    ]
    assert list_violation_kinds(update(LOOSE, "new"), known) == [ViolationKind.UNPINNED, ViolationKind.POLICY]
    assert list_violation_kinds(SkippedReference(reference(PINNED), Reason.IGNORED, build_tracked_image()), known) == []
    assert list_violation_kinds(UpToDate(build_tracked_image()), [replace(known[0], date=TODAY)]) == []


@pytest.mark.parametrize(
    ("age", "says"),
    [
        (timedelta(days=1), None),
        (timedelta(days=1, seconds=1), "was built 1 day ago (2027-01-14)"),
        (timedelta(days=40), "was built 40 days ago (2026-12-06)"),
        (timedelta(days=-3), None),
    ],
)
def test_image_older_than_maximum_build_age_is_a_violation(age, says):
    found = check_build_age(build_update(UpdateCause.MOVED), NOW - age, timedelta(days=1), NOW, FIX)
    assert (found is None) if says is None else says in found.message


def test_short_reference_keeps_tag_and_abbreviates_digest():
    written = ["python", LOOSE, PINNED, f"ghcr.io:443/a/b@{digest('x')}"]
    names = [format_short_reference(reference(each).image) for each in written]
    assert names == ["python", LOOSE, f"{LOOSE}@{digest('old')[7:19]}", f"ghcr.io:443/a/b@{digest('x')[7:19]}"]
