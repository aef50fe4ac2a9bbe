"""Tests of how a proposal shows data of public lists, and when this data changes its fingerprint."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from markdown_it import MarkdownIt
from support.runs.worlds import BODY_TEMPLATE
from support.values import digest, finding, scan, update

from bot.core.evidence.compare import compare_scans
from bot.core.proposal.fingerprint import PROPOSED_DIGITS, compute_fingerprint, is_outdated
from bot.core.proposal.render import render_body
from bot.core.proposal.view.proposal import build_proposal_view
from bot.core.transition import get_first_transition
from bot.model.advisory import AdvisoryList, ListVersions
from bot.model.evidence import Evidence, NotScanned, Severity, UnscannedReason
from bot.model.modes import OnClose
from bot.model.policy import Policy

MOVE = update(f"python:3.12-slim@{digest('old')}", "new")
CRITICAL, LOW = finding("CVE-1900-0001", Severity.CRITICAL), finding("CVE-1900-0002", Severity.LOW)
STAYS, NEW = finding("CVE-1900-0003", Severity.HIGH), finding("CVE-1900-0004", Severity.MEDIUM)
FOUND = compare_scans(scan(CRITICAL, LOW, STAYS), scan(STAYS, NEW))
BOTH = ListVersions(date(2026, 11, 24), date(2026, 11, 25))
UNREAD = replace(FOUND, list_versions=ListVersions(unread_lists=frozenset({AdvisoryList.KEV})))


def build_listed_evidence(*ids: str, scores=None, asked=BOTH) -> Evidence:
    return replace(FOUND, exploited_ids=frozenset(ids), epss_scores=scores, list_versions=asked)


def render_evidence_body(found: Evidence) -> str:
    known = {get_first_transition(MOVE): found}
    return render_body(BODY_TEMPLATE, lambda rows: build_proposal_view((MOVE,), known, rows), 60_000)


def compute_report(found: Evidence) -> str:
    known = {get_first_transition(MOVE): found}
    return compute_fingerprint((MOVE,), known)


def list_finding_rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if "nvd.nist.gov" in line]


def test_exploited_findings_are_counted_in_first_sentence_and_listed_first():
    text = render_evidence_body(build_listed_evidence(LOW.id, NEW.id, asked=ListVersions(date(2026, 11, 24))))
    assert (
        "fixes 2 known vulnerabilities of `python:3.12-slim` (1 critical, 1 exploited) and adds 1 (1 medium, 1 " in text
    )
    fixed = list_finding_rows(text.partition("### Fixed")[2])
    assert fixed[0].startswith(f"| **exploited**,\u00a0low | [`{LOW.id}`]")
    assert fixed[1].startswith(f"| critical | [`{CRITICAL.id}`]")


def test_epss_column_is_shown_only_if_epss_was_looked_up():
    text = render_evidence_body(build_listed_evidence(scores={CRITICAL.id: 0.9412, LOW.id: 0.00042}))
    assert "| Severity | Vulnerability | Fixed by | EPSS |" in text
    by_id = {
        identifier: line
        for line in list_finding_rows(text)
        for identifier in (CRITICAL.id, LOW.id, NEW.id)
        if identifier in line
    }
    assert by_id[CRITICAL.id].endswith(" | 94.1\u00a0% |")
    assert by_id[LOW.id].endswith(" | <\u00a00.1\u00a0% |")
    assert by_id[NEW.id].endswith(" | \N{EN DASH} |")
    without = render_evidence_body(build_listed_evidence(LOW.id, asked=ListVersions(date(2026, 11, 24))))
    assert "| EPSS |" not in without
    assert "EPSS not looked up" in without
    tables = [each for each in MarkdownIt("gfm-like", {"linkify": False}).parse(text) if each.type == "table_open"]
    assert len(tables) == 4


def test_dates_of_kev_and_epss_lists_are_shown_in_body():
    assert " · KEV of 2026-11-24 · EPSS of 2026-11-25</sub>" in render_evidence_body(build_listed_evidence())
    assert " · exploitation (KEV) not looked up · EPSS not looked up</sub>" in render_evidence_body(FOUND)


def test_exploited_count_is_shown_as_unknown_if_kev_list_was_not_read():
    assert "KEV could not be read" in render_evidence_body(UNREAD)
    assert "| now | unknown | 1 | 1 | 0 | 1 |" in render_evidence_body(UNREAD)
    assert "**exploited**" not in render_evidence_body(UNREAD)


def test_body_names_fixes_proposed_even_after_closing_has_muted_the_tag():
    muting = update(f"python:3.12-slim@{digest('old')}", "new", policy=Policy(on_close=OnClose.LINE))
    known = {get_first_transition(muting): build_listed_evidence()}
    text = render_body(BODY_TEMPLATE, lambda rows: build_proposal_view((muting,), known, rows), 60_000)
    assert "something critical or known " in text


# ---- fingerprints ------------------------------------------------------------------------------------------------


def test_fingerprint_ignores_epss_scores_and_dates_of_lists():
    later = build_listed_evidence(
        LOW.id, scores={LOW.id: 0.9}, asked=ListVersions(date(2026, 12, 1), date(2026, 12, 1))
    )
    assert compute_report(build_listed_evidence(LOW.id, scores={LOW.id: 0.1})) == compute_report(later)


def test_newly_exploited_finding_changes_only_evidence_part_of_fingerprint():
    before, after = (
        compute_report(build_listed_evidence(CRITICAL.id)),
        compute_report(build_listed_evidence(CRITICAL.id, LOW.id)),
    )
    assert before[:PROPOSED_DIGITS] == after[:PROPOSED_DIGITS] == compute_report(FOUND)[:PROPOSED_DIGITS]
    assert is_outdated(before, after)


@pytest.mark.parametrize("found", [FOUND, build_listed_evidence(LOW.id)])
def test_unread_kev_list_does_not_make_pull_request_text_outdated(found):
    assert not is_outdated(compute_report(found), compute_report(UNREAD))
    assert is_outdated(compute_report(UNREAD), compute_report(build_listed_evidence(LOW.id)))
    assert compute_report(UNREAD)[-1] == "1"
    assert compute_report(replace(UNREAD, new=NotScanned(UnscannedReason.TIMED_OUT), delta=None))[-1] == "2"
