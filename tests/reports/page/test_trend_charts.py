"""The section of the fleet page about fixes over time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.runs.reports import HOSTILE, build_repository, build_run_report
from support.visits import NOW
from support.witnesses.chromium import browser
from support.witnesses.pages import PageOutline

from bot.cli.outputs import read_page_parts
from bot.model.patch_times import FleetTrends, PatchSummary, TeamTrend, TrendPoint, WaitSummary
from bot.model.update_stages import UpdateStage
from bot.reports.page.fleet_html import render_fixes_page, render_html_page
from bot.reports.page.run_facts import read_document
from bot.reports.page.trend_charts import MAX_TEAMS, build_trend_section
from bot.reports.run.report_document import render_run_document

DAY = timedelta(days=1)
PARTS = read_page_parts()


def build_trends(*medians: int | None, teams: tuple[str, ...] = ("@a",)) -> FleetTrends:
    points = tuple(
        TrendPoint(NOW + day * DAY, 2 * day, 0, 0, median * DAY if median is not None else None)
        for day, median in enumerate(medians)
    )
    seen, published = WaitSummary(1234, DAY, 3 * DAY, 0, None), WaitSummary(0, None, None, 0, None)
    summaries = tuple(PatchSummary(team, seen, published) for team in teams)
    return FleetTrends(points, summaries, summaries, tuple(TeamTrend(team, points) for team in teams))


def test_trend_line_is_scaled_to_highest_value():
    waiting, exploited, _ = build_trend_section(build_trends(1, 1, 1, 1, 1)).lines
    assert waiting.segments == ("0.0,80.0 75.0,60.0 150.0,40.0 225.0,20.0 300.0,0.0",)
    assert (waiting.highest, waiting.last) == ("at most 8", "8 now")
    assert exploited.segments == ("0.0,80.0 75.0,80.0 150.0,80.0 225.0,80.0 300.0,80.0",)


def test_trend_line_has_a_gap_if_value_is_unknown():
    *_, median = build_trend_section(build_trends(4, None, 2, 3, None)).lines
    assert median.segments == ("0.0,0.0", "150.0,40.0 225.0,20.0")
    assert (median.highest, median.last) == ("at most 4 days", "none merged recently")


def test_trend_line_is_empty_if_all_values_are_unknown():
    *_, median = build_trend_section(build_trends(None, None)).lines
    assert (median.segments, median.highest, median.last) == ((), "no fix was merged", "none merged recently")


def test_fleet_page_escapes_names_of_teams_and_counts_omitted_teams():
    found = build_trends(1, 2, teams=(HOSTILE, *(f"team{number:02}" for number in range(MAX_TEAMS + 4))))
    page = render_html_page([read_document(render_run_document(build_run_report(build_repository())))], PARTS, found)
    assert HOSTILE not in page
    assert PageOutline(page).rows("team00", "1,234", "24 hours", "3 days", "0")
    assert "team18" in page
    assert "team19" not in page
    assert "5 more groups do not fit here." in page


def build_team_trends(**counts: tuple[int, ...]) -> FleetTrends:
    """Return trends of teams with these numbers of waiting fixes over time. Each team has ten fixes in total."""
    nothing = WaitSummary(0, None, None, 0, None)
    teams = tuple(
        TeamTrend(
            f"@{team}", tuple(TrendPoint(NOW + day * DAY, open_, 0, 0, None) for day, open_ in enumerate(numbers))
        )
        for team, numbers in counts.items()
    )
    summaries = tuple(
        PatchSummary(each.team, WaitSummary(10 - each.points[-1].open, DAY, DAY, each.points[-1].open, None), nothing)
        for each in teams
    )
    return FleetTrends(teams[0].points, (), summaries, teams)


def test_trend_lines_of_teams_share_scale_and_are_sorted_by_waiting_fixes():
    found = build_trend_section(build_team_trends(a=(0, 2), b=(8, 4), c=(1, 0))).teams
    assert found.columns == (("Waiting", "up to 8"),)
    assert [(team, line.segments, line.last) for team, (line,) in found.rows] == [
        ("@b", ("0.0,0.0 120.0,12.0",), "4 now"),
        ("@a", ("0.0,24.0 120.0,18.0",), "2 now"),
        ("@c", ("0.0,21.0 120.0,24.0",), "0 now"),
    ]


def test_trend_section_shows_teams_up_to_limit_and_counts_the_rest():
    found = build_trend_section(
        build_trends(1, 2, teams=tuple(f"@{number:02}" for number in range(MAX_TEAMS + 3)))
    ).teams
    assert (len(found.rows), found.left_out) == (MAX_TEAMS, 3)


def test_fix_tables_contain_time_since_publication_only_if_known():
    (table, _) = build_trend_section(build_trends(1, 2)).tables
    assert (table.has_publications, table.rows[0]) == (False, ("@a", "1,234", "24 hours", "3 days", "0", ""))
    known = WaitSummary(7, 9 * DAY, 20 * DAY, 1, 30 * DAY)
    (summary,) = build_trends(1, 2).by_team
    (table,) = build_trend_section(
        replace(build_trends(1, 2), by_team=(replace(summary, since_published=known),), by_severity=())
    ).tables
    assert table.rows[0][6:] == ("7", "9 days", "20 days", "1", "30 days")


def test_stage_table_shows_median_time_until_each_known_stage_by_team():
    found = build_trends(1, 2, teams=("@a", "@b"))
    first, second = found.by_team
    known = {
        UpdateStage.MERGED: WaitSummary(5, 4 * DAY, 6 * DAY, 0, None),
        UpdateStage.RUNNING: WaitSummary(3, 9 * DAY, 9 * DAY, 2, 30 * DAY),
    }
    waiting = {UpdateStage.MERGED: WaitSummary(0, None, None, 7, DAY)}
    by_team = (replace(first, until_stages=known), replace(second, until_stages=waiting))
    *_, table = build_trend_section(replace(found, by_team=by_team)).tables
    assert (table.title, table.columns) == ("Median time until each stage by team", ("Merged", "Running"))
    assert table.rows == (("@a", "4 days", "9 days, 2 waiting"), ("@b", "7 waiting", "unknown"))
    page = render_fixes_page(replace(found, by_team=by_team), PARTS)
    assert '<td class="count" data-title="Running">9 days, 2 waiting</td>' in page
    assert len(build_trend_section(found).tables) == 2


def test_trend_line_of_time_since_publication_is_shown_only_if_values_exist():
    points = tuple(TrendPoint(NOW + day * DAY, 0, 0, 0, DAY, 6 * DAY) for day in range(2))
    *_, last = build_trend_section(FleetTrends(points, (), ())).lines
    assert (last.title, last.last) == ("Median time to patch since the publication of the fix", "6 days now")
    assert len(build_trend_section(build_trends(1, 2)).lines) == 3


def test_fixes_page_has_trend_lines_of_teams_with_escaped_names():
    page = render_fixes_page(build_trends(1, 2, teams=(HOSTILE, "@web")), PARTS)
    assert HOSTILE not in page
    labels = [each.get("aria-label") for each in PageOutline(page).all("svg")]
    assert "Waiting fixes of @web: 2 now, at most 2" in labels
    assert "<h1>The fixes of a fleet</h1>" in page
    assert "contains no base branches yet" in render_fixes_page(None, PARTS)


def test_trend_line_of_overdue_fixes_is_shown_only_if_any_fix_was_overdue():
    def list_titles(overdue: int) -> list[str]:
        points = (TrendPoint(NOW, 3, 0, 0, None), TrendPoint(NOW + DAY, 3, 0, overdue, None))
        return [line.title for line in build_trend_section(FleetTrends(points, (), ())).lines]

    assert "Overdue fixes" not in list_titles(0)
    assert "Overdue fixes" in list_titles(2)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("browser")) as started:
        yield started


@pytest.mark.real("chromium")
@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (390, "dark")])
def test_trend_lines_of_teams_fit_browser_window(chromium, tmp_path, width, scheme):
    path = tmp_path / "fixes.html"
    path.write_text(
        render_fixes_page(build_trends(1, None, 12, 4, teams=("@acme/a-team-with-a-long-name", "@web")), PARTS)
    )
    chromium.show(path, width=width, scheme=scheme)
    assert chromium.evaluate("document.documentElement.scrollWidth") == width
    assert chromium.evaluate("document.querySelector('.team-trends').scrollWidth <= document.body.clientWidth")
    assert chromium.evaluate(
        "[...document.querySelectorAll('.team-trends svg')].every((each) => each.clientWidth > 90)"
    )
    assert not chromium.said("Log.entryAdded")
