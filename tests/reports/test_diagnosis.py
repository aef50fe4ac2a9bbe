"""The output of `doctor`, whatever text comes from servers."""

from __future__ import annotations

import json

import pytest

from bot.model.diagnosis import ConfigArea, Diagnosis, report_incomplete, report_ok, report_problem, report_unknown
from bot.model.vocabulary import RunLevel
from bot.reports.diagnosis import render_diagnosis_document, render_diagnosis_text

WELL = report_ok("web", "read files", "it is answered")
WRONG = report_problem("web", "push branches", "the token may not; hint: give it the right")
UNKNOWN = report_unknown("web", "open requests", "nobody says")


def build_diagnosis(*checks, area=ConfigArea.FORGES):
    return Diagnosis(RunLevel.PROPOSE, tuple((area, check) for check in checks))


def test_text_of_doctor_lists_each_check_below_the_config_area_of_the_check():
    assert render_diagnosis_text(build_diagnosis(WELL, WRONG, UNKNOWN)).splitlines() == [
        "forges",
        "  ✓ web: read files: it is answered",
        "  ✗ web: push branches: the token may not",
        "    hint: give it the right",
        "  ! web: open requests: nobody says",
        "",
        "signs: ✓ works, ✗ problem, ! cannot tell",
        "3 checks for runs at the level propose: 1 found a problem, 1 passed, 1 had no clear result.",
    ]


def test_text_of_doctor_shows_equal_results_of_many_repositories_on_one_line():
    checks = [report_ok(f"acme/{number}", "read files", "it is answered") for number in range(12)]
    lines = render_diagnosis_text(build_diagnosis(*checks, WRONG)).splitlines()
    assert lines[1] == "  ✓ acme/0, acme/1, acme/2 and 9 more: read files: it is answered"
    assert lines[-1] == "13 checks for runs at the level propose: 1 found a problem, 12 passed."


def test_text_of_doctor_shows_equal_results_of_config_areas_separately():
    both = Diagnosis(RunLevel.PROPOSE, ((ConfigArea.FORGES, WELL), (ConfigArea.STATE, WELL)))
    assert render_diagnosis_text(both).splitlines()[:4:2] == ["forges", "state"]


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ([WELL], "1 check for runs at the level propose: 1 passed."),
        ([WELL, UNKNOWN], "2 checks for runs at the level propose: 1 passed, 1 had no clear result."),
        ([WRONG, WRONG], "2 checks for runs at the level propose: 2 found a problem."),
    ],
)
def test_last_line_of_doctor_text_counts_checks_by_result(checks, said):
    assert render_diagnosis_text(build_diagnosis(*checks)).splitlines()[-1] == said


def test_text_of_doctor_shortens_server_message_to_one_line_without_commands():
    evil = report_problem(
        "\n::error::x\x1b[31m", "read\r\nfiles", "##vso[task.setvariable]x\n::set-output::y" + "z" * 5000
    )
    text = render_diagnosis_text(build_diagnosis(evil))
    assert len(text.splitlines()) == 5
    assert "\x1b" not in text
    assert "##vso[" not in text
    assert len(text) < 1500
    assert json.loads(render_diagnosis_document(build_diagnosis(evil)))["checks"][0]["subject"] == evil.subject
    assert "\x1b" not in render_diagnosis_document(build_diagnosis(evil))


def test_text_of_doctor_shows_each_hint_on_a_separate_line():
    problem = report_problem("web", "read files", "it fails; hint: try this; hint: or that")
    assert render_diagnosis_text(build_diagnosis(problem)).splitlines()[1:4] == [
        "  ✗ web: read files: it fails",
        "    hint: try this",
        "    hint: or that",
    ]


def test_checks_that_were_not_completed_are_in_a_group_at_the_end():
    incomplete = report_incomplete("docker.io", "look up a tag", "no answer")
    diagnosis = Diagnosis(RunLevel.PROPOSE, ((ConfigArea.REGISTRIES, incomplete), (ConfigArea.STATE, WELL)))
    lines = render_diagnosis_text(diagnosis).splitlines()
    assert lines[:2] == ["state", lines[1]]
    assert lines[2:4] == ["could not be completed", "  ? docker.io: look up a tag: no answer"]
    assert lines[-1].endswith(": 1 passed, 1 could not be completed.")
