"""Reports show how CI ended with a new digest in the repositories of the fleet."""

from __future__ import annotations

import json
from dataclasses import replace

from support.runs.reports import HOSTILE, KNOWN, MOVED, build_repository, build_run_report, build_update, build_verdict
from support.witnesses.pages import PageOutline

from bot.cli.outputs import read_page_parts
from bot.model.ci import FleetOutcome
from bot.model.vocabulary import Reason, ReferenceStatus
from bot.reports.page.fleet_html import render_html_page
from bot.reports.page.run_facts import read_document
from bot.reports.run.report_document import render_run_document

PARTS = read_page_parts()
WHY = "CI fails with 3e2d52064131 in 5 of 8 repositories of this fleet, and passes in 4 of these 5 without this digest"
OUTCOME = FleetOutcome(passed=12, failed=2, merged=9, broken=1)


def hold(detail=WHY, **more):
    return build_verdict(ReferenceStatus.HELD, Reason.FAILING_ELSEWHERE, detail=detail, **more)


def render_page(*repositories):
    return render_html_page([read_document(render_run_document(build_run_report(*repositories)))], PARTS)


def test_fleet_page_lists_paused_digests_before_all_other_sections():
    page = render_page(
        build_repository(hold(), hold(line_number=2), build_update(line_number=3)),
        build_repository(hold(), name="acme/api"),
        build_repository(hold("CI fails with another digest", written="redis:7"), name="acme/cache"),
    )
    outline = PageOutline(page)
    assert outline.rows("docker.io/library/node:22", WHY, "2")
    assert outline.rows("docker.io/library/redis:7", "CI fails with another digest", "1")
    headings = [name for name in ("paused", "risk", "images", "proposals") if f'<section id="{name}"' in page]
    assert headings == ["paused", "risk", "images", "proposals"]
    assert [page.index(f'<section id="{name}"') for name in headings] == sorted(
        page.index(f'<section id="{name}"') for name in headings
    )
    assert page.index(WHY) < page.index("docker.io/library/redis:7")


def test_fleet_page_omits_paused_section_if_no_digest_is_paused():
    assert 'id="paused"' not in render_page(build_repository(build_update()))


def test_fleet_page_escapes_reason_for_pausing_a_digest():
    shape = PageOutline(render_page(build_repository(hold(HOSTILE)))).shape()
    assert shape == PageOutline(render_page(build_repository(hold("plain")))).shape()


def test_run_json_contains_fleet_outcome_in_evidence_only_if_known():
    evidence = replace(KNOWN, fleet_outcome=OUTCOME)
    report = replace(build_run_report(build_repository(build_update())), evidence={MOVED: evidence})
    (tree,) = json.loads(render_run_document(report))["repositories"]
    assert tree["references"][0]["evidence"]["fleet"] == {
        "passed": 12,
        "failed": 2,
        "merged": 9,
        "broken": 1,
        "failing": False,
    }
    read_document(render_run_document(report))
    (tree,) = json.loads(render_run_document(replace(report, evidence={MOVED: KNOWN})))["repositories"]
    assert "fleet" not in tree["references"][0]["evidence"]
