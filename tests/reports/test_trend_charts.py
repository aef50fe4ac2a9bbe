"""The section of the fleet page about fixes over time."""

from __future__ import annotations

from datetime import timedelta

from support.runs.reports import HOSTILE, repository, run_report
from support.visits import NOW
from support.witnesses.pages import Outline

from bot import resources
from bot.model.patch_times import FleetTrends, PatchSummary, TrendPoint
from bot.reports._trend_charts import MAX_TEAMS, build_trend_section
from bot.reports.html import PageParts, render_html_page
from bot.reports.json_document import render_run_document
from bot.reports.run_facts import read_document

DAY = timedelta(days=1)
PARTS = PageParts(*map(resources.read_template, ("report.html.j2", "report.css", "report.js")))


def trends(*medians: int | None, teams: tuple[str, ...] = ("@a",)) -> FleetTrends:
    points = tuple(
        TrendPoint(NOW + day * DAY, 2 * day, 0, 0, median * DAY if median is not None else None)
        for day, median in enumerate(medians)
    )
    summaries = tuple(PatchSummary(team, 1234, DAY, 3 * DAY, 0, None) for team in teams)
    return FleetTrends(points, summaries, summaries)


def test_line_is_scaled_to_its_highest_value():
    waiting, exploited, _ = build_trend_section(trends(1, 1, 1, 1, 1)).lines
    assert waiting.segments == ("0.0,80.0 75.0,60.0 150.0,40.0 225.0,20.0 300.0,0.0",)
    assert (waiting.highest, waiting.last) == ("at most 8", "8 now")
    assert exploited.segments == ("0.0,80.0 75.0,80.0 150.0,80.0 225.0,80.0 300.0,80.0",)


def test_line_has_a_gap_where_the_value_is_not_known():
    *_, median = build_trend_section(trends(4, None, 2, 3, None)).lines
    assert median.segments == ("0.0,0.0", "150.0,40.0 225.0,20.0")
    assert (median.highest, median.last) == ("at most 4 days", "none merged recently")


def test_line_without_any_value_is_empty():
    *_, median = build_trend_section(trends(None, None)).lines
    assert (median.segments, median.highest, median.last) == ((), "no fix was merged", "none merged recently")


def test_page_escapes_teams_and_counts_those_that_do_not_fit():
    found = trends(1, 2, teams=(HOSTILE, *(f"@team{number:02}" for number in range(MAX_TEAMS + 4))))
    page = render_html_page([read_document(render_run_document(run_report(repository())))], PARTS, found)
    assert HOSTILE not in page
    assert Outline(page).rows("@team00", "1,234", "24 hours", "3 days", "0")
    assert "@team18" in page
    assert "@team19" not in page
    assert "5 more groups do not fit here." in page


def test_overdue_fixes_have_a_line_only_if_there_were_any():
    def list_titles(overdue: int) -> list[str]:
        points = (TrendPoint(NOW, 3, 0, 0, None), TrendPoint(NOW + DAY, 3, 0, overdue, None))
        return [line.title for line in build_trend_section(FleetTrends(points, (), ())).lines]

    assert "Overdue fixes" not in list_titles(0)
    assert "Overdue fixes" in list_titles(2)
