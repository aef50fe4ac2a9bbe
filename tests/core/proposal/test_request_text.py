from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.core.bodies import CRITICAL, MOVE, build_evidence
from support.core.report_scenes import build_report_scenes
from support.runs.worlds import APPENDIX_TEMPLATE, SUMMARY_TEMPLATE
from support.values import digest, finding, scan, update

from bot.core.evidence.compare import compare_scans
from bot.core.proposal.marks import parse_mark, record_status, render_mark
from bot.core.proposal.render import render_body
from bot.core.proposal.request_text import (
    APPENDIX_LINE,
    RequestText,
    check_text_length,
    count_characters,
    split_text,
)
from bot.core.proposal.requested_actions import parse_checkboxes
from bot.core.proposal.view.proposal import build_proposal_view
from bot.core.transition import get_first_transition
from bot.model.errors import ForgeError
from bot.model.evidence import Severity
from bot.model.forge import ForgeLimits
from bot.model.proposal import BodyMark
from bot.model.request_attributes import CommitStatus, StatusState

MARK = render_mark(BodyMark(("docker.io/library/python:3.12@" + digest("new"),), "0" * 16))
SHORT = ForgeLimits(body_characters=4_000, title_characters=400, appendix_characters=150_000)
SPACE = 3_100
"""The characters of a short body without those that are reserved for later sentences."""

PARTS = st.text(st.sampled_from("ab `\n|<>!-é\U0001f600"), max_size=60).map(str.strip)


def render_summary(updates, known, **options):
    return render_body(SUMMARY_TEMPLATE, lambda rows: build_proposal_view(updates, known, rows, **options), SPACE)


def render_appendix(updates, known, **options):
    return render_body(APPENDIX_TEMPLATE, lambda rows: build_proposal_view(updates, known, rows, **options), 150_000)


@given(PARTS, PARTS, st.sampled_from(["", MARK]))
def test_body_appendix_and_mark_are_unchanged_after_joining_and_splitting_the_text(body, evidence_text, mark):
    parts = RequestText(body, evidence_text, mark)
    assert split_text(parts.join()) == parts


def test_text_without_appendix_consists_of_body_and_mark():
    text = RequestText("words", mark=MARK).join()
    assert text == f"words\n\n{MARK}\n"
    assert APPENDIX_LINE not in text


def test_quoted_separator_within_a_line_does_not_start_the_appendix():
    quoted = f"| `{APPENDIX_LINE}` |"
    assert split_text(quoted) == RequestText(quoted)


def test_commit_status_is_recorded_in_mark_of_text_with_appendix():
    text = record_status(
        RequestText("words", "evidence", MARK).join(), "a" * 40, CommitStatus(StatusState.SUCCESS, "ok")
    )
    parts = split_text(text)
    assert (parts.body, parts.appendix) == ("words", "evidence")
    assert parse_mark(parts.mark).status_attempt is not None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (RequestText("x" * 4_001), "the body has 4001 characters"),
        (RequestText("\U0001f600" * 2_001), "the body has 4002 characters"),
        (RequestText("x", "y" * 150_001), "the appendix has 150001 characters"),
    ],
)
def test_error_names_the_part_of_pull_request_text_that_is_too_long(text, named):
    with pytest.raises(ForgeError, match=named):
        check_text_length(SHORT, "title", text.join())


def test_mark_does_not_count_towards_body_limit_if_stored_with_appendix():
    check_text_length(SHORT, "title", RequestText("x" * 4_000, "y" * 150_000, MARK).join())
    with pytest.raises(ForgeError, match="the body has"):
        check_text_length(ForgeLimits(4_000, 400), "title", RequestText("x" * 4_000, mark=MARK).join())


@pytest.mark.parametrize("name", build_report_scenes())
def test_short_body_states_effect_and_appendix_has_full_evidence(name):
    scene = build_report_scenes()[name]
    options = {"is_first": scene.is_first, "protected_files": scene.protected_files}
    text = render_summary(scene.updates, scene.evidence, **options)
    assert "**Not now?**" in text
    assert "| Files changed |" in text
    assert "<details>" not in text
    evidence_text = render_appendix(scene.updates, scene.evidence, **options)
    assert "Full digests" in evidence_text
    assert "**Not now?**" not in evidence_text
    assert parse_checkboxes((text + evidence_text).replace("[ ]", "[x]")) == frozenset()


def test_short_body_names_each_image_of_group_of_28():
    updates = [update(f"registry.example.com/team/service-{n:02}:1.{n}@{digest('old')}", "new") for n in range(28)]
    known = {
        get_first_transition(each): compare_scans(scan(finding(f"CVE-2026-1{n:03}", Severity.CRITICAL)), scan())
        for n, each in enumerate(updates)
    }
    text = render_summary(updates, known)
    assert all(str(each.reference.image.name) in text for each in updates)


def test_short_body_fits_limit_for_50_images_with_400_findings():
    findings = [finding(f"CVE-2026-{n}", Severity.CRITICAL, package=f"package-{'x' * 190}-{n}") for n in range(400)]
    updates = [
        update(f"registry.example.com/{'y' * 200}{n}:1@{digest('old')}", "new", path=f"{'z' * 200}/{n}")
        for n in range(50)
    ]
    known = {get_first_transition(each): compare_scans(scan(), scan(*findings)) for each in updates}
    for several in (updates, updates[:1]):
        text = render_summary(several, known, is_first=True, protected_files=["w" * 300] * 30)
        assert count_characters(text) <= SPACE
        assert "adds 400" in text


def test_short_body_names_worst_fixes_and_appendix_names_all_fixes():
    fixed = [CRITICAL, *(finding(f"CVE-1900-1{number:03}", Severity.LOW) for number in range(30))]
    known = build_evidence(scan(*fixed), scan())
    text, evidence_text = render_summary((MOVE,), known), render_appendix((MOVE,), known)
    assert CRITICAL.id in text
    assert fixed[-1].id not in text
    assert all(each.id in evidence_text for each in fixed)
