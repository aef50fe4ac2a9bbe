"""The text output of `run`: which notes of proposals it shows."""

from __future__ import annotations

from support.runs.reports import build_failure, build_proposal, build_repository, build_run_report

from bot.model.vocabulary import ProposalOutcome
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
