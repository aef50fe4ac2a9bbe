"""How far updates got, as `report` and `run` show it for a whole fleet."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.runs.reports import build_repository, build_run_report
from support.stage_state import write_config, write_fleet

from bot.cli.run import FleetAnswers, load_answers, render_run_report
from bot.pipeline.failures import STATE_SUBJECT
from bot.reports.run.report_document import render_run_document
from bot.settings import load

NOW = datetime.now(UTC)
RUNNING = "prod/payments/Deployment/proxy (4 pods)"


@pytest.fixture
def fleet(tmp_path):
    return write_fleet(tmp_path, NOW)


def test_json_of_report_contains_stages_of_updates(basebump, fleet):
    code, out, _ = basebump("report", "--since", "90d", "-c", fleet, "--format", "json")
    stages = json.loads(out)["stages"]
    assert code == 0
    assert {each["image"]: each["merged"]["stuck"] for each in stages["funnels"]} == {
        "docker.io/library/nginx:1.27": 1,
        "docker.io/library/python:3.12": 1,
    }
    assert {(each["use"]["repository"], each["state"]) for each in stages["stuck"]} == {
        ("acme/api", "merged, not rebuilt"),
        ("acme/deploy", "merged, not running"),
    }
    assert [each["canonical"] for each in stages["unlisted"]] == ["docker.io/library/busybox"]
    assert [each["cluster"] for each in stages["clusters"]] == ["edge", "prod"]


def test_html_pages_of_report_contain_stages_of_updates(basebump, fleet, tmp_path):
    document = tmp_path / "run.json"
    document.write_text(render_run_document(build_run_report(build_repository())), encoding="utf-8")
    for files in ([], [str(document)]):
        page = tmp_path / "page.html"
        assert basebump("report", *files, "--since", "90d", "-c", fleet, "-o", str(page))[0] == 0
        text = page.read_text(encoding="utf-8")
        assert "How far updates got" in text
        assert RUNNING in text


def test_html_and_metrics_of_a_run_contain_stages_of_updates(fleet):
    report, answers = load_answers(
        build_run_report(build_repository()), load(Path(fleet), requires_forges=False), has_metrics=True
    )
    assert report.failed == ()
    assert RUNNING in render_run_report(report, answers, "html")
    assert 'basebump_stuck{state="merged",reason="not-built"} 1\n' in render_run_report(report, answers, "metrics")


def test_damaged_state_is_reported_as_failure_and_run_report_has_no_stages(fleet, tmp_path):
    (tmp_path / "state.db").write_bytes(b"damaged" * 1000)
    report, answers = load_answers(
        build_run_report(build_repository()), load(Path(fleet), requires_forges=False), has_metrics=False
    )
    assert answers == FleetAnswers()
    assert [each.subject for each in report.failed] == [STATE_SUBJECT]


def test_report_does_not_mention_running_images_if_config_has_no_builds_and_clusters(basebump, fleet, tmp_path):
    """The state can still contain what an earlier config had."""
    plain = write_config(tmp_path, "state: sqlite:///state.db\n")
    _, out, _ = basebump("report", "--since", "90d", "-c", plain, "--format", "json")
    stages = json.loads(out)["stages"]
    assert stages is None or (stages["unlisted"], stages["clusters"]) == (None, None)
    page = tmp_path / "page.html"
    basebump("report", "--since", "90d", "-c", plain, "-o", str(page))
    assert "running" not in page.read_text(encoding="utf-8").partition("<body>")[2].lower()
