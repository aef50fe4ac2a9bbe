"""The output of `doctor`, whatever text comes from servers."""

from __future__ import annotations

import json

import pytest

from bot.model.diagnosis import ConfigArea, Diagnosis, report_ok, report_problem, report_unknown
from bot.model.vocabulary import RunLevel
from bot.reports.diagnosis import render_diagnosis_document, render_diagnosis_text

WELL = report_ok("web", "read files", "it is answered")
WRONG = report_problem("web", "push branches", "the token may not; give it the right")
UNKNOWN = report_unknown("web", "open requests", "nobody says")


def diagnosis(*checks, area=ConfigArea.FORGES):
    return Diagnosis(RunLevel.PROPOSE, tuple((area, check) for check in checks))


def test_each_check_has_a_line_below_its_area():
    assert render_diagnosis_text(diagnosis(WELL, WRONG, UNKNOWN)).splitlines() == [
        "forges",
        "  ok           web: read files: it is answered",
        "  problem      web: push branches: the token may not; give it the right",
        "  cannot tell  web: open requests: nobody says",
        "",
        "1 of 3 checks for runs at the level propose found a problem; 1 could not be completed.",
    ]


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ([WELL], "No problem in 1 check for runs at the level propose."),
        ([WELL, UNKNOWN], "No problem in 2 checks for runs at the level propose; 1 could not be completed."),
        ([WRONG, WRONG], "2 of 2 checks for runs at the level propose found problems."),
    ],
)
def test_last_line_counts_problems(checks, said):
    assert render_diagnosis_text(diagnosis(*checks)).splitlines()[-1] == said


def test_text_of_a_server_is_one_line_without_control_characters():
    evil = report_problem(
        "\n::error::x\x1b[31m", "read\r\nfiles", "##vso[task.setvariable]x\n::set-output::y" + "z" * 5000
    )
    text = render_diagnosis_text(diagnosis(evil))
    assert len(text.splitlines()) == 4
    assert "\x1b" not in text
    assert "##vso[" not in text
    assert len(text) < 1500
    assert json.loads(render_diagnosis_document(diagnosis(evil)))["checks"][0]["subject"] == evil.subject
    assert "\x1b" not in render_diagnosis_document(diagnosis(evil))
