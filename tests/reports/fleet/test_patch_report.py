"""The output of `report --since` about the stages of fixes, for the rows of severities and teams."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import pytest
from support.visits import NOW

from bot.model.patch_times import PatchGrouping, PatchSummary, WaitSummary
from bot.model.update_stages import UpdateStage
from bot.model.usage import InventoryCoverage
from bot.reports.fleet.patch_times import PatchReport, render_patch_csv, render_patch_document, render_patch_lines
from bot.reports.parts.styled_lines import join_lines

DAY = timedelta(days=1)
WAITS = WaitSummary(5, 4 * DAY, 6 * DAY, 0, None)
LATE = WaitSummary(3, 9 * DAY, 9 * DAY, 2, 30 * DAY)
NOTHING = WaitSummary(0, None, None, 0, None)
UNTIL = {UpdateStage.PROPOSED: WAITS, UpdateStage.MERGED: WAITS, UpdateStage.RUNNING: LATE}


def build_report(team: str = "@acme/web", until=UNTIL) -> PatchReport:
    """Return a report with one team."""
    rows = (PatchSummary(team, WAITS, NOTHING, until), PatchSummary("@other", WAITS, NOTHING))
    return PatchReport(NOW - 90 * DAY, NOW, (), {PatchGrouping.TEAM: rows}, InventoryCoverage(1, 0, NOW, NOW))


def render(*args, width=80) -> list[list[str]]:
    return [block.splitlines() for block in join_lines(render_patch_lines(build_report(*args), width)).split("\n\n")]


def test_patch_report_text_shows_median_time_until_each_stage():
    assert render()[2] == [
        "By team, median until each stage (and waiting fixes)",
        "  group      proposed  merged   running",
        "  @acme/web  4 days    4 days   9 days (2)",
        "  @other     unknown   unknown  unknown",
    ]


def test_stage_table_omits_first_stage_if_terminal_is_too_narrow():
    table = render("@acme/" + "x" * 50)[2]
    assert table[-1] == "  (no room for: proposed)"
    assert max(map(len, table)) <= 80


def test_patch_report_text_has_no_stage_table_if_no_stage_is_known():
    assert len(render("@acme/web", {})) == len(render()) - 1


@pytest.mark.parametrize("until", [UNTIL, {}])
def test_patch_report_json_and_csv_contain_times_until_each_known_stage(until):
    (summary, _) = json.loads(render_patch_document(build_report(until=until)))["summaries"]
    (row, _) = csv.DictReader(io.StringIO(render_patch_csv(build_report(until=until))))
    assert (summary["merged"], row["merged"]) == (5, "5")
    assert list(summary["stages"]) == [each.value for each in until]
    if until:
        assert summary["stages"]["running"] == {
            "reached": 3,
            "median_seconds": 9 * 24 * 3600,
            "percentile_90_seconds": 9 * 24 * 3600,
            "waiting": 2,
            "oldest_waiting_seconds": 30 * 24 * 3600,
        }
    assert (row["running_reached"], row["running_waiting"]) == (("3", "2") if until else ("", ""))
    assert (row["rebuilt_reached"], row["rebuilt_median_seconds"]) == ("", "")
