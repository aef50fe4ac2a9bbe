"""The text output of `run`: notes of proposals, repeated images, and the sentence at its end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.runs.reports import (
    KNOWN,
    MOVED,
    build_failure,
    build_proposal,
    build_repository,
    build_run_report,
    build_update,
    build_verdict,
)
from support.values import digest

from bot.model.evidence import NotScanned, UnscannedReason
from bot.model.report import RunReport
from bot.model.vocabulary import ProposalOutcome, Reason, ReferenceStatus, RunLevel
from bot.reports.run.report_text import render_run_text

NOTE = f"Label `deps` could not be set: {'x' * 300}; hint: create the label by hand"


def test_text_of_run_shows_whole_note_of_proposal_with_hint():
    text = render_run_text(build_run_report(build_repository(proposals=(build_proposal(note=NOTE),))))
    assert f"               {NOTE}\n" in text


def test_text_of_run_shows_error_of_failed_proposal_only_once():
    failed = build_proposal(outcome=ProposalOutcome.FAILED, note="TF401027: no permission")
    text = render_run_text(
        build_run_report(build_repository(proposals=(failed,)), failed=[build_failure(error="TF401027: no permission")])
    )
    assert text.count("TF401027") == 1


OTHER = replace(MOVED, old=digest("older"))
NOT_SCANNED = replace(KNOWN, new=NotScanned(UnscannedReason.FAILED), delta=None)


@pytest.mark.parametrize(
    ("evidence", "sentence"),
    [
        (
            {MOVED: KNOWN},
            "Fixes 1 (1 critical), adds none, in 1 of 2 updates; 1 image has a newer",
        ),
        ({MOVED: KNOWN, OTHER: KNOWN}, "Fixes 1 (1 critical), adds none, in 2 updates; 1 image has a newer digest"),
        ({MOVED: KNOWN, OTHER: NOT_SCANNED}, "in 1 of 2 updates; 1 of 2 not scanned; 1 image has"),
        ({MOVED: KNOWN, OTHER: replace(KNOWN, old=None, delta=None)}, "; 1 pins an image that has no digest; 1 image"),
        ({}, "2 updates: what they fix is not known; 1 image has a newer digest that is held."),
    ],
)
def test_text_of_run_ends_with_the_effect_of_all_updates(evidence, sentence):
    held = build_verdict(ReferenceStatus.HELD, Reason.TOO_YOUNG, written="redis:7")
    other = replace(build_update(), transition=OTHER)
    tree = build_repository(build_update(), build_update(line_number=2), other, held, held)
    text = render_run_text(RunReport(RunLevel.PROPOSE, (tree,), evidence, (build_failure(),)))
    assert sentence in text.splitlines()[-1]
    assert text.index("\nsigns  ") < text.index("\nbasebump could not") < text.index("\n5 image references")


def test_text_of_run_without_updates_ends_with_this_fact_unless_no_registry_was_queried():
    def get_last_line(*verdicts):
        return render_run_text(build_run_report(build_repository(*verdicts))).splitlines()[-1]

    current = build_verdict(ReferenceStatus.UP_TO_DATE)
    assert get_last_line(current) == "No updates."
    assert "update" not in get_last_line(build_verdict(ReferenceStatus.NOT_CHECKED, Reason.OFFLINE))


def test_text_of_run_explains_a_repeated_image_only_once():
    held = [
        build_verdict(ReferenceStatus.HELD, Reason.TOO_YOUNG, written="redis:7", line_number=number, detail="1 day old")
        for number in (3, 4)
    ]
    lines = render_run_text(
        build_run_report(build_repository(build_update(), build_update(line_number=2), *held))
    ).splitlines()
    assert [line.partition("  ")[2].split("  ")[-1] for line in lines[2:6]] == [
        "fixes 1 (1 critical), adds none, 1 remains",
        lines[3].split("  ")[-1],
        "held (too-young): 1 day old",
        "held (too-young), as above",
    ]
    assert lines[3].endswith(", as above")
