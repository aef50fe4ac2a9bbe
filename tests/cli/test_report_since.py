"""`basebump report --since`: how long fixes waited, from the state alone."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from support.git import DiskRepository
from support.runs.reports import build_repository, build_run_report
from support.service.exposure import save_waiting_exposure
from support.visits import API, NEW, OLD, PYTHON, build_request, build_verdict, build_visit
from support.witnesses.pages import PageOutline

from bot.model.image import TagDescriptor
from bot.model.proposal import RequestState
from bot.reports.parts.publisher_tables import render_publisher_tables
from bot.reports.parts.styled_lines import join_blocks, join_lines
from bot.reports.run.report_document import render_run_document
from bot.state.database import Database
from bot.state.exposure.summaries import DatabaseExposureSummaries
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.lookups.lookup_store import DatabaseLookupStore

DAY = timedelta(days=1)
NOW = datetime.now(UTC)


@pytest.fixture
def fleet(tmp_path, config):
    """Write a state in which one fix was merged after four days, and another one waits for nine days.

    The first one was published 15 days before the merge.
    """
    database = Database.sqlite(tmp_path / "state.db")
    inventory, observations = DatabaseInventoryStore(database), DatabaseLookupStore(database, lambda: NOW)
    for days, digest in ((30, OLD), (9, NEW)):
        observations.record_tags({PYTHON: TagDescriptor(digest, "")}, NOW - days * DAY)
    old, new = (build_verdict(f"python:3.12@{each}", owners=("@acme/web",)) for each in (OLD, NEW))
    opened = {"opened_at": NOW - 8 * DAY, "url": "https://x/7"}
    first = build_request(7, **opened, fixes={"critical": 1}, fix_published_at=NOW - 20 * DAY)
    second = build_request(7, **opened, fixes={"high": 2})
    visits = [build_visit(old, requests=(first,)), build_visit(old, key=API, requests=(second,))]
    inventory.record_visits(visits, {}, NOW - 10 * DAY)
    merged = build_request(7, RequestState.MERGED, ended_at=NOW - 5 * DAY)
    inventory.record_visits([build_visit(new, requests=(merged,))], {}, NOW - 4 * DAY)
    return config("state: sqlite:///state.db\n")


def test_text_of_report_has_a_table_of_fixes_for_each_grouping(basebump, fleet):
    code, out, err = basebump("report", "--since", "90d", "-c", fleet)
    assert (code, err) == (0, "")
    blocks = [block.splitlines() for block in out.split("\n\n")]
    assert blocks[0] == ["1 fix merged in 90 days, 1 waiting."]
    assert blocks[1] == [
        "All fixes",
        "  group  merged  median  9 of 10 within  open  oldest open",
        "  all    1       4 days  4 days          1     9 days",
    ]
    assert [row.split() for row in blocks[2][2:]] == [
        ["critical", "1", "4", "days", "4", "days", "0", "-"],
        ["high", "0", "-", "-", "1", "9", "days"],
    ]
    assert [block[0] for block in blocks[3:6]] == ["By team", "By repository, slowest first", "By month of the merge"]
    assert [row.split()[0] for row in blocks[4][2:]] == ["acme/api", "acme/web"]
    assert blocks[6] == ["For 1 of these 2 fixes, the scanner states when they were published:"]
    assert [block[0] for block in blocks[7:10]] == [
        "All fixes, since the fix was published",
        "By the most severe vulnerability, since the fix was published",
        "By team, since the fix was published",
    ]
    assert blocks[8][2].split() == ["critical", "1", "15", "days", "15", "days", "0", "-"]
    assert max(map(len, out.splitlines())) <= 110


def test_trends_csv_of_report_has_rows_for_the_fleet_and_each_team(basebump, fleet):
    text = basebump("report", "--since", "90d", "-c", fleet, "--format", "trends-csv")[1]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["by"], row["group"]) for row in (rows[0], rows[-1])] == [("all", "all"), ("team", "'@acme/web")]
    assert (rows[-1]["open"], rows[-1]["published_median_seconds"]) == ("1", str(15 * 24 * 3600))


@pytest.mark.parametrize(("name", "arguments"), [("fixes.html", ()), ("fixes.txt", ("--format", "html"))])
def test_html_page_of_fixes_has_a_trend_line_for_each_team(basebump, fleet, tmp_path, name, arguments):
    assert basebump("report", "--since", "90d", "-c", fleet, "-o", tmp_path / name, *arguments)[0] == 0
    page = (tmp_path / name).read_text()
    assert 'aria-label="Waiting fixes of @acme/web: 1 now, at most 2"' in page
    assert PageOutline(page).rows("critical", "1", "4 days", "4 days", "0", "1", "15 days", "15 days", "0")


def test_json_of_report_has_summaries_and_an_entry_for_each_fix(basebump, fleet):
    document = json.loads(basebump("report", "--since", "90d", "-c", fleet, "--format", "json")[1])
    assert document["summaries"][0] == {
        "by": "all",
        "group": "all",
        "merged": 1,
        "median_seconds": 4 * 24 * 3600,
        "percentile_90_seconds": 4 * 24 * 3600,
        "open": 1,
        "oldest_open_seconds": pytest.approx(9 * 24 * 3600, abs=12 * 3600),
        "published_merged": 1,
        "published_median_seconds": 15 * 24 * 3600,
        "published_percentile_90_seconds": 15 * 24 * 3600,
        "published_open": 0,
        "published_oldest_open_seconds": None,
        "stages": {},
    }
    assert [each["published_at"] is None for each in document["patches"]] == [True, False]
    fleet_line, team_line = document["trends"]
    assert (fleet_line["by"], team_line["by"], team_line["group"]) == ("all", "team", "@acme/web")
    assert fleet_line["points"][-1] | {"at": None} == {
        "at": None,
        "open": 1,
        "exploited_open": 0,
        "overdue": 0,
        "median_seconds": 4 * 24 * 3600,
        "published_median_seconds": 15 * 24 * 3600,
    }
    assert [(each["repository"], each["severity"], each["merged_by_basebump"]) for each in document["patches"]] == [
        ("acme/api", "high", False),
        ("acme/web", "critical", True),
    ]


def test_csv_of_report_has_rows_for_every_grouping(basebump, fleet):
    rows = list(csv.DictReader(io.StringIO(basebump("report", "--since", "90d", "-c", fleet, "--format", "csv")[1])))
    assert {row["by"] for row in rows} == {"all", "severity", "team", "repository", "month"}
    assert [row["median_seconds"] for row in rows if row["group"] == "high"] == [""]


def test_report_on_period_without_fixes_counts_zero_merges_and_lists_no_months(basebump, fleet):
    code, out, _ = basebump("report", "--since", "3d", "-c", fleet, "--format", "json")
    summaries = json.loads(out)["summaries"]
    assert (code, summaries[0]["merged"], summaries[0]["median_seconds"]) == (0, 0, None)
    assert "month" not in {each["by"] for each in summaries}


def test_report_with_since_option_writes_result_to_output_file(basebump, fleet, tmp_path):
    file = tmp_path / "fixes.txt"
    code, out, err = basebump("report", "--since", "90d", "-c", fleet, "-o", file)
    assert (code, out, err) == (0, "", f"note: wrote the result to {file}\n")
    assert file.read_text().startswith("1 fix merged in 90 days, 1 waiting.\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name files that `run` or `scan` wrote with --format json, or a period with --since"),
        (("--since", "90d", "--fail-overdue"), "--fail-overdue reads the results of runs: name files that `run` wrote"),
    ],
)
def test_report_requires_files_or_a_period(basebump, fleet, arguments, message):
    code, out, err = basebump("report", *arguments, "-c", fleet)
    assert (code, out) == (2, "")
    assert message in err


def test_report_on_json_documents_refuses_format_option(basebump, fleet):
    code, _, err = basebump("report", "run.json", "--format", "csv", "-c", fleet)
    assert code == 2
    assert "--format is only for --since without files" in err


def test_report_on_json_documents_with_since_option_shows_fixes_over_time(basebump, fleet, tmp_path):
    document = tmp_path / "run.json"
    document.write_text(render_run_document(build_run_report(build_repository())), encoding="utf-8")
    code, page, _ = basebump("report", document, "--since", "90d", "-c", fleet)
    assert code == 0
    assert PageOutline(page).rows("@acme/web", "1", "4 days", "4 days", "1", "9 days")
    assert 'aria-label="Waiting fixes: 1 now, at most 2"' in page
    assert "Fixes over time" not in basebump("report", document)[1]


def test_html_of_report_on_an_empty_state_has_no_fixes(basebump, config, tmp_path):
    Database.sqlite(tmp_path / "state.db")
    document = tmp_path / "run.json"
    document.write_text(render_run_document(build_run_report(build_repository())), encoding="utf-8")
    code, page, _ = basebump("report", document, "--since", "90d", "-c", config("state: sqlite:///state.db\n"))
    assert code == 0
    assert "Fixes over time" not in page


@pytest.mark.real("git")
@pytest.mark.usefixtures("fleet")
def test_metrics_of_a_run_include_time_to_patch_from_the_state(basebump, config, tmp_path, loopback):
    path = config(f"forges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\nstate: sqlite:///state.db\n")
    digest = loopback.move("python", "3.12", "now")
    DiskRepository.create(tmp_path / "repositories" / "web.git", {"Dockerfile": f"FROM python:3.12@{digest}\n"})
    code, out, _ = basebump("run", "--config", path, "--format", "metrics")
    assert code == 0
    labels = 'fixes="critical",since="published",percentile="50"'
    assert f"basebump_time_to_patch_seconds{{{labels}}} {15 * 24 * 3600}\n" in out


@pytest.mark.parametrize("period", ["90", "3w", "500d"])
def test_report_refuses_invalid_or_too_long_period(basebump, fleet, period):
    code, _, err = basebump("report", "--since", period, "-c", fleet)
    assert code == 2
    assert "invalid value for '--since'" in err


@pytest.fixture
def waiting_fleet(tmp_path, fleet):
    """Add the summary of a fleet in which an image waits for its publisher."""
    save_waiting_exposure(Database.sqlite(tmp_path / "state.db"), NOW)
    return fleet


def test_text_of_report_lists_waiting_images_and_publishers(basebump, waiting_fleet):
    code, out, _ = basebump("report", "--since", "90d", "-c", waiting_fleet)
    blocks = [block.splitlines() for block in out.split("\n\n")]
    waiting, publishers = blocks[-3:-1]
    assert code == 0
    assert waiting[0] == f"Images that wait for their publishers, on {NOW:%Y-%m-%d}"
    assert waiting[2].split() == [
        *("docker.io/library/python:3.12", "exploited", "2", "4", "for", "9", "days", "@acme/web,", "@ops"),
    ]
    assert publishers[0] == f"How far publishers were behind in the year before {NOW:%Y-%m-%d}"
    assert publishers[2].split() == [
        *("docker.io/library/python", "Debian", "1", "12", "days", "12", "days", "2", "9", "days")
    ]


def test_tables_of_publishers_fit_a_narrow_terminal(waiting_fleet, tmp_path):
    summary = DatabaseExposureSummaries(Database.sqlite(tmp_path / "state.db")).load_last_summary().private
    text = join_lines(join_blocks(*render_publisher_tables(summary, 100)))
    assert max(map(len, text.splitlines())) <= 100
    assert "docker.io/library/python:3.12  exploited" in text


def test_json_of_report_has_waiting_images_and_publishers(basebump, waiting_fleet):
    document = json.loads(basebump("report", "--since", "90d", "-c", waiting_fleet, "--format", "json")[1])
    assert document["exposure_at"] == f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
    assert document["waiting_images"] == [
        {
            "image": "docker.io/library/python:3.12",
            "digest": OLD,
            "distribution": "debian",
            "class": "exploited",
            "vulnerabilities": 2,
            "references": 4,
            "owners": ["@acme/web", "@ops"],
            "fix_published": f"{NOW - 9 * DAY:%Y-%m-%dT%H:%M:%SZ}",
            "fix_published_origin": "advisory",
        }
    ]
    assert document["publishers"] == [
        {
            "image": "docker.io/library/python",
            "distribution": "debian",
            "fixes": 1,
            "median_seconds": 12 * 24 * 3600,
            "percentile_90_seconds": 12 * 24 * 3600,
            "waiting": 2,
            "oldest_waiting_at": f"{NOW - 9 * DAY:%Y-%m-%dT%H:%M:%SZ}",
        }
    ]


def test_html_of_report_lists_waiting_images_with_and_without_runs(basebump, waiting_fleet, tmp_path):
    document = tmp_path / "run.json"
    document.write_text(render_run_document(build_run_report(build_repository())), encoding="utf-8")
    for arguments in ((document,), ("--format", "html")):
        page = basebump("report", *arguments, "--since", "90d", "-c", waiting_fleet)[1]
        assert PageOutline(page).rows("docker.io/library/python:3.12", "exploited", "2", "4", "for 9 days")
        assert PageOutline(page).rows("docker.io/library/python", "Debian", "1", "12 days", "12 days", "2", "9 days")


def test_report_without_a_summary_of_exposure_has_no_tables_of_publishers(basebump, fleet):
    assert "publishers" not in basebump("report", "--since", "90d", "-c", fleet)[1]
    assert "publishers" not in basebump("report", "--since", "90d", "-c", fleet, "--format", "html")[1]
