"""Tests that a text with evidence on one image is not replaced by a text with evidence on another image."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.core.report_scenes import build_report_scenes, load_recorded_fingerprints
from support.values import digest, finding, scan, update

from bot.core.evidence.compare import compare_scans
from bot.core.proposal import report_facts
from bot.core.proposal.fingerprint import MAX_TRANSITIONS, compute_fingerprint, has_less_evidence, is_outdated
from bot.core.proposal.marks import parse_mark, render_mark
from bot.core.transition import get_first_transition
from bot.model.blocklist import Block
from bot.model.decision import UpdateCause
from bot.model.evidence import FixDate, NotScanned, UnscannedReason
from bot.model.proposal import BodyMark

MOVES = tuple(update(f"{name}:1@{digest('old')}", "new") for name in ("alpine", "nginx", "redis"))
UNKNOWN = NotScanned(UnscannedReason.TIMED_OUT)
BLOCKS = (Block("malware"), Block("other"), Block("malware", "https://sec.example.com/42"))


def compute_report(*known: bool) -> str:
    """Return the fingerprint of a proposal with one image for each flag, which says whether the image was scanned."""
    moves = sorted((get_first_transition(each) for each in MOVES[: len(known)]), key=lambda move: move.sort_key)
    evidence = {
        move: compare_scans(scan(), scan()) if is_known else compare_scans(UNKNOWN, UNKNOWN)
        for move, is_known in zip(moves, known, strict=True)
    }
    return compute_fingerprint(MOVES[: len(known)], evidence)


def test_text_is_not_replaced_if_scan_of_one_image_is_lost_and_another_gained():
    assert not is_outdated(compute_report(True, False), compute_report(False, True))
    assert is_outdated(compute_report(True, False), compute_report(True, True))
    assert not is_outdated(compute_report(True, True), compute_report(True, False))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=3))
def test_report_has_less_evidence_only_if_a_scanned_image_became_unscanned(pairs):
    before, after = compute_report(*(first for first, _ in pairs)), compute_report(*(second for _, second in pairs))
    assert has_less_evidence(before, after) is any(first and not second for first, second in pairs)


@pytest.mark.parametrize("known", [(True,), (False,), (True, False), (False, False, False)])
def test_fingerprint_with_missing_evidence_round_trips_through_mark(known):
    body = render_mark(BodyMark(("x@y",), compute_report(*known)))
    assert parse_mark(body).report == compute_report(*known)


def test_fingerprint_of_one_image_or_complete_evidence_has_16_digits():
    assert {len(compute_report(True)), len(compute_report(False)), len(compute_report(True, True))} == {16}


def test_fingerprint_length_is_bounded_for_many_transitions():
    moves = tuple(update(f"alpine:{number}@{digest('old')}", "new") for number in range(3 * MAX_TRANSITIONS))
    known = {get_first_transition(each): compare_scans(UNKNOWN, UNKNOWN) for each in moves}
    assert len(compute_fingerprint(moves, known)) == 16 + 1 + MAX_TRANSITIONS // 4


# A change here makes basebump write every open request again.
@pytest.mark.parametrize("name", build_report_scenes())
def test_fingerprint_of_scene_equals_recorded_fingerprint(name):
    scene = build_report_scenes()[name]
    fingerprint = compute_fingerprint(
        scene.updates, scene.evidence, is_first=scene.is_first, protected_files=scene.protected_files
    )
    assert fingerprint == load_recorded_fingerprints()[name]


def test_fingerprint_module_does_not_import_template_views():
    source = Path(report_facts.__file__).read_text(encoding="utf-8")
    assert re.findall(r"^from bot\.core\.proposal\.view\.(.*)$", source, re.MULTILINE) == [
        "trust import get_signature_state"
    ]


def test_fingerprint_ignores_publication_date_of_fix():
    def compute(published_at: datetime | None) -> str:
        fixed = finding("CVE-2026-0001", fix_date=FixDate.from_advisory(published_at))
        transition = get_first_transition(MOVES[0])
        return compute_fingerprint(MOVES[:1], {transition: compare_scans(scan(fixed), scan())})

    assert compute(datetime(2026, 11, 3, tzinfo=UTC)) == compute(None)


def test_fingerprint_changes_with_reason_and_link_of_blocklist_entry():
    blocked = [replace(MOVES[0], cause=UpdateCause.BLOCKED, block=each) for each in BLOCKS]
    evidence = {get_first_transition(MOVES[0]): compare_scans(scan(), scan())}
    assert len({compute_fingerprint([each], evidence) for each in (MOVES[0], *blocked)}) == 1 + len(BLOCKS)
