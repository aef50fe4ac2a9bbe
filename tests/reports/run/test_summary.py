"""The Markdown summary that CI services show with a job."""

from __future__ import annotations

from dataclasses import replace

from markdown_it import MarkdownIt
from support.runs.reports import (
    build_failure,
    build_hostile_report,
    build_proposal,
    build_repository,
    build_run_report,
    build_unsupported_text,
    build_update,
    build_verdict,
)
from support.values import digest, finding, scan

from bot.core.evidence.compare import compare_scans
from bot.model.evidence import NotScanned, Severity, UnscannedReason
from bot.model.vocabulary import ProposalOutcome, Reason, ReferenceStatus, RunLevel
from bot.reports.run.markdown_summary import MAX_BYTES, render_markdown_summary

MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})


def test_summary_shows_counts_and_tables_of_references_and_proposals():
    references = (
        build_update(),
        build_verdict(ReferenceStatus.HELD, Reason.TOO_YOUNG, line_number=2, detail="It is a day old."),
        build_verdict(ReferenceStatus.UP_TO_DATE, line_number=3),
        build_verdict(ReferenceStatus.SKIPPED, Reason.MAYBE_OWN, line_number=4),
    )
    opened = build_proposal(url="https://github.com/acme/web/pull/7")
    shown = render_markdown_summary(
        build_run_report(build_repository(*references, unsupported=(build_unsupported_text(),), proposals=(opened,)))
    )
    assert shown.startswith(
        "**Fixes 1 (1 critical), adds none, in 1 update; 1 image has a newer digest that is held.**\n\n"
        "4 image references: 1 up-to-date, 1 update, 1 held, 1 skipped. 1 "
    )
    assert "| `acme/web` (`main`) | [Update node:22](https://github.com/acme/web/pull/7) | opened |  |" in shown
    assert "| `Dockerfile:1` | `node:22` | update | `" in shown
    assert "` fixes 1 (1 critical), adds none, 1 remains |" in shown
    assert "| `Dockerfile:2` | `node:22` | held (too-young) | `It is a day old.` |" in shown
    assert "Besides: 1 skipped (maybe-own), 1 unresolved-argument, 1 up-to-date." in shown
    assert "<details><summary>2 references</summary>" in shown


def test_summary_explains_only_reasons_that_its_tables_do_not():
    references = (
        build_verdict(ReferenceStatus.GONE, Reason.DIGEST_GONE, new_digest=digest("new")),
        build_verdict(ReferenceStatus.UNRESOLVED, Reason.DENIED, line_number=2),
        build_verdict(ReferenceStatus.SKIPPED, Reason.COMPOSED_TAG, line_number=3),
    )
    shown = render_markdown_summary(
        build_run_report(build_repository(*references, unsupported=(build_unsupported_text(),)))
    )
    said = [reason for reason in Reason if f"- {reason}: {reason.sentence}" in shown]
    assert said == [Reason.DIGEST_GONE, Reason.COMPOSED_TAG, Reason.UNRESOLVED_ARGUMENT]
    assert f"| unresolved (denied) | {Reason.DENIED.sentence} |" in shown
    assert "contains no readable reference." in shown


def test_summary_lists_proposals_that_add_critical_vulnerabilities_first():
    worse = compare_scans(scan(), scan(finding("CVE-2026-0003", Severity.CRITICAL)))
    harmless = replace(build_proposal("Update redis:7"), images=())
    shown = render_markdown_summary(
        build_run_report(build_repository(build_update(), proposals=(harmless, build_proposal())), evidence=worse)
    )
    assert shown.startswith(
        "**Fixes none, adds 1 (1 critical), in 1 update; 1 proposal adds a critical or exploited vulnerability.**\n"
    )
    assert shown.index("Update node:22") < shown.index("Update redis:7")


def test_summary_lists_failures_before_repositories():
    shown = render_markdown_summary(build_run_report(build_repository(build_update()), failed=[build_failure()]))
    assert shown.index("- `docker.io` (resolve): `no answer`") < shown.index("### `acme/web`")


def test_summary_shows_reason_why_images_were_not_scanned():
    late = NotScanned(UnscannedReason.TIMED_OUT)
    shown = render_markdown_summary(
        build_run_report(build_repository(build_update()), evidence=compare_scans(late, late))
    )
    assert f"not scanned: {late.reason.sentence}" in shown
    assert "fixes 0" not in shown


def test_summary_notes_that_run_at_report_level_opened_no_proposals():
    would = build_proposal(outcome=ProposalOutcome.WOULD_OPEN)
    shown = render_markdown_summary(
        build_run_report(build_repository(build_update(), proposals=(would,)), level=RunLevel.REPORT)
    )
    assert "Level report: no proposal was opened or changed" in shown


def test_summary_has_no_section_for_repository_that_needs_no_action():
    assert "###" not in render_markdown_summary(
        build_run_report(build_repository(build_verdict(ReferenceStatus.UP_TO_DATE)))
    )


def test_summary_escapes_untrusted_text():
    tokens = MARKDOWN.parse(render_markdown_summary(build_hostile_report()))
    inline = [each for token in tokens for each in (token.children or ())]
    kinds = {each.type for each in inline}
    assert kinds <= {"text", "code_inline", "strong_open", "strong_close", "softbreak"}
    assert not [each for each in inline if each.type == "text" and ("@" in each.content or "evil" in each.content)]
    assert {token.content.strip() for token in tokens if token.type == "html_block"} <= {
        "<details><summary>3 references</summary>",
        "</details>",
    }


def test_summary_contains_no_ci_commands():
    shown = render_markdown_summary(build_hostile_report())
    assert "##[" not in shown
    assert not [line for line in shown.splitlines() if line.startswith("::")]


def test_untrusted_text_does_not_break_table_rows_of_summary():
    lines = render_markdown_summary(build_hostile_report()).splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    assert len(rows) > 6
    assert {line.count("|") for line in rows} == {5}


def test_summary_of_large_fleet_stays_below_size_limit_and_counts_omitted_rows():
    references = [build_update(path=f"service-{number}/Dockerfile", line_number=number + 1) for number in range(120)]
    fleet = [
        build_repository(*references, name=f"acme/{number}", proposals=(build_proposal(),)) for number in range(900)
    ]
    shown = render_markdown_summary(
        build_run_report(*fleet, failed=[build_failure(f"{number}.example") for number in range(900)])
    )
    assert len(shown.encode()) <= MAX_BYTES
    assert "\n108000 image references: 108000 update." in shown
    for what in ("references", "proposals", "failures", "repositories"):
        assert f" more {what} " in shown
