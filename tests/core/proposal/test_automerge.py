"""Tests of automerge, which requires that every condition is known to be met."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.values import digest, finding, scan, update

from bot.core.choice.tags import is_within_mode
from bot.core.evidence.compare import compare_scans
from bot.core.evidence.private_evidence import WITHHELD_SCAN
from bot.core.proposal.automerge import can_automerge, describe_automerge_refusal, is_automerge_unknown
from bot.model.decision import UpdateCandidate
from bot.model.evidence import Evidence, NotScanned, UnscannedReason
from bot.model.modes import AutomergeLimit, UpdateMode
from bot.model.policy import Policy
from bot.model.rules import AutomergeConditions

DIGEST = AutomergeConditions(AutomergeLimit.DIGEST)
OLD = f"python:3.12-slim@{digest('old')}"
UNSCANNED = NotScanned(UnscannedReason.FAILED)
BETTER = compare_scans(scan(finding("CVE-1")), scan())


def can_automerge_update(
    evidence: Evidence, wanted: AutomergeConditions | None = DIGEST, tag: str | None = None, written: str = OLD
) -> bool:
    move = replace(
        update(written, "new", policy=Policy(automerge=wanted)), candidates=(UpdateCandidate(digest("new"), tag=tag),)
    )
    return can_automerge(move, evidence)


def test_automerge_is_refused_if_policy_does_not_allow_automerge():
    assert not can_automerge_update(BETTER, None)
    assert not can_automerge_update(BETTER, AutomergeConditions(AutomergeLimit.NONE))


@pytest.mark.parametrize(
    ("evidence", "wanted", "tag", "reason"),
    [
        (BETTER, None, None, ""),
        (BETTER, AutomergeConditions(AutomergeLimit.NONE), None, ""),
        (BETTER, DIGEST, None, ""),
        (BETTER, DIGEST, "3.13-slim", "an update to another tag needs a person"),
        (BETTER, AutomergeConditions(AutomergeLimit.PATCH), "3.13-slim", "an update beyond patch needs a person"),
        (compare_scans(scan(), UNSCANNED), DIGEST, None, "the new image was not scanned"),
        (compare_scans(WITHHELD_SCAN, WITHHELD_SCAN), DIGEST, None, "the findings are private"),
        (compare_scans(None, scan()), DIGEST, None, "no old image could be compared"),
        (compare_scans(scan(), scan(finding("CVE-2"))), DIGEST, None, "it adds vulnerabilities"),
    ],
)
def test_refused_automerge_is_explained_only_if_policy_allows_automerge(evidence, wanted, tag, reason):
    move = replace(
        update(OLD, "new", policy=Policy(automerge=wanted)), candidates=(UpdateCandidate(digest("new"), tag=tag),)
    )
    assert describe_automerge_refusal(move, evidence) == reason


def test_scanned_update_without_added_findings_can_automerge():
    assert can_automerge_update(BETTER)
    assert can_automerge_update(compare_scans(scan(finding("CVE-1")), scan(finding("CVE-1"))))


def test_update_that_adds_findings_can_automerge_only_if_new_findings_are_allowed():
    worse = compare_scans(scan(), scan(finding("CVE-2")))
    assert not can_automerge_update(worse)
    assert can_automerge_update(worse, replace(DIGEST, no_new=False))


@pytest.mark.parametrize(
    "evidence",
    [
        pytest.param(compare_scans(scan(), UNSCANNED), id="the-new-one-was-not-scanned"),
        pytest.param(compare_scans(UNSCANNED, UNSCANNED), id="none-was-scanned"),
        pytest.param(compare_scans(UNSCANNED, scan()), id="nothing-to-compare-with"),
        pytest.param(compare_scans(None, scan()), id="nothing-was-pinned"),
    ],
)
def test_automerge_is_refused_when_an_image_was_not_scanned(evidence):
    assert not can_automerge_update(evidence)


def test_automerge_decision_is_unknown_when_only_scans_are_missing():
    move = update(OLD, "new", policy=Policy(automerge=DIGEST))
    assert is_automerge_unknown(move, compare_scans(scan(), UNSCANNED))
    assert is_automerge_unknown(move, compare_scans(UNSCANNED, UNSCANNED))
    assert not is_automerge_unknown(move, compare_scans(scan(), scan(finding("CVE-2"))))
    assert not is_automerge_unknown(update(OLD, "new", policy=Policy()), compare_scans(UNSCANNED, UNSCANNED))
    farther = replace(move, candidates=(UpdateCandidate(digest("new"), tag="3.13-slim"),))
    assert not is_automerge_unknown(farther, compare_scans(UNSCANNED, UNSCANNED))


def test_automerge_conditions_on_new_findings_and_scans_can_be_switched_off():
    assert can_automerge_update(compare_scans(None, scan()), replace(DIGEST, no_new=False))
    assert not can_automerge_update(compare_scans(None, UNSCANNED), replace(DIGEST, no_new=False))
    assert can_automerge_update(
        compare_scans(None, UNSCANNED),
        AutomergeConditions(AutomergeLimit.DIGEST, require_scan=False, no_new=False),
    )


def test_automerge_of_digest_updates_excludes_update_to_other_tag():
    assert not can_automerge_update(BETTER, DIGEST, tag="3.12.1-slim", written=f"python:3.12.0-slim@{digest('old')}")
    assert can_automerge_update(
        BETTER,
        AutomergeConditions(AutomergeLimit.PATCH),
        tag="3.12.1-slim",
        written=f"python:3.12.0-slim@{digest('old')}",
    )


@pytest.mark.parametrize(
    ("tag", "goal", "nearest"),
    [
        ("3.12", "3.12", UpdateMode.DIGEST),
        ("3.12.0", "3.12.4", UpdateMode.PATCH),
        ("3.12.0", "3.13.0", UpdateMode.MINOR),
        ("3.12.0", "4.0.0", UpdateMode.MAJOR),
        ("3.12.0-alpine3.19", "3.12.1-alpine3.20", None),
        ("3.12.0", "latest", None),
        ("3.12.4", "3.12.0", None),
    ],
)
def test_tag_change_is_within_smallest_matching_update_mode_and_all_wider_modes(tag, goal, nearest):
    modes = list(UpdateMode)
    expected = set(modes[modes.index(nearest) :]) if nearest is not None else set()
    assert {mode for mode in modes if is_within_mode(tag, goal, mode)} == expected
