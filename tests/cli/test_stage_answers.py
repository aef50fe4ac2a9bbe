"""How far updates got, as `usage` and `history` show it, from the state alone."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from support.stage_state import NGINX, WEB_IMAGE, write_config, write_fleet
from support.stages import DAY
from support.values import digest
from support.visits import NEW, OLD

NOW = datetime.now(UTC)


@pytest.fixture
def fleet(tmp_path):
    return write_fleet(tmp_path, NOW)


def test_usage_command_shows_for_each_file_if_the_update_was_rebuilt_and_is_running(basebump, fleet):
    code, out, _ = basebump("usage", "python:3.12", "-c", fleet)
    assert code == 0
    lines = out.splitlines()
    assert lines[2:15] == [
        "acme/api (main)",
        f"  Dockerfile:1  {NEW[7:19]}  since {NOW - 4 * DAY:%Y-%m-%d}",
        "    merged 5 days ago, not rebuilt",
        "      No image was built on the digest in the file: contoso.azurecr.io/apps/api.",
        "",
        "acme/web (main)",
        f"  Dockerfile:1  {NEW[7:19]}  since {NOW - 4 * DAY:%Y-%m-%d}",
        f"    rebuilt on {NOW - 4 * DAY:%Y-%m-%d}, running since at least {NOW - 2 * DAY:%Y-%m-%d}",
        "      prod/payments/Deployment/web (12 pods)",
        "",
        "docker.io/library/python:3.12: 1 merged, 1 running; 1 of them stuck",
        "",
        lines[14],
    ]
    assert lines[-2].startswith("Cluster edge was read 3 days ago")
    assert lines[-2].endswith("failed: forbidden.")


def test_usage_command_names_the_workload_that_runs_the_older_image(basebump, fleet):
    _, out, _ = basebump("usage", "nginx:1.27", "-c", fleet)
    assert (
        "    merged 5 days ago, not running\n"
        "      Containers still run the image before the update: prod/payments/Deployment/proxy (4 pods).\n"
    ) in out
    assert f"\nRunning in clusters\n  {OLD[7:19]}  prod/payments/Deployment/proxy (app)  4 pods\n" in out


def test_usage_command_marks_running_images_that_no_repository_contains(basebump, fleet):
    _, out, _ = basebump("usage", "busybox", "-c", fleet)
    assert f"  {digest('busybox')[7:19]}  prod/payments/Deployment/debug (app)  1 pod  in no repository\n" in out
    _, out, _ = basebump("usage", WEB_IMAGE, "-c", fleet)
    assert "Deployment/web (app)  12 pods\n" in out


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["nginx"], ["proxy"]),
        (["nginx:1.27"], ["proxy"]),
        (["nginx:1.26"], []),
        ([f"nginx@{OLD}"], ["proxy"]),
        (["nginx", "--not-on", OLD], []),
    ],
)
def test_usage_command_lists_only_running_images_that_match_the_tag_and_digest(basebump, fleet, arguments, found):
    _, out, _ = basebump("usage", *arguments, "-c", fleet, "--format", "json")
    assert [each["name"] for each in json.loads(out)["running"]] == found


def test_json_of_usage_has_stages_and_reasons_for_waiting(basebump, fleet):
    _, out, _ = basebump("usage", "nginx", "-c", fleet, "--format", "json")
    document = json.loads(out)
    (update,) = document["usages"][0]["updates"]
    assert (update["stage"], update["latest"], update["stuck"]) == ("merged", True, True)
    assert [each["stage"] for each in update["reached"]] == ["proposed", "merged"]
    assert update["waits_for"]["reason"] == "older-runs"
    assert [each["digest"] for each in update["waits_for"]["workloads"]] == [OLD]
    (funnel,) = document["funnels"]
    assert (funnel["image"], funnel["merged"]["stuck"], funnel["rebuilt"]) == (f"{NGINX}:1.27", 1, None)
    assert [(each["cluster"], each["problem"]) for each in document["clusters"]] == [
        ("edge", "forbidden"),
        ("prod", None),
    ]


def test_csv_of_usage_has_the_stage_of_the_latest_update_of_each_file(basebump, fleet):
    _, out, _ = basebump("usage", "python", "-c", fleet, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(each["repository"], each["stage"], each["waits_for"]) for each in rows] == [
        ("acme/api", "merged", "not-built"),
        ("acme/web", "running", ""),
    ]


def test_usage_command_omits_running_images_if_config_has_no_builds_and_clusters(basebump, fleet, tmp_path):
    """The state can still contain what an earlier config had."""
    plain = write_config(tmp_path, "state: sqlite:///state.db\n")
    _, out, _ = basebump("usage", "nginx", "-c", plain, "--format", "json")
    document = json.loads(out)
    assert (document["running"], document["clusters"]) == (None, None)
    assert document["usages"][0]["updates"][0]["waits_for"] is None
    _, out, _ = basebump("usage", "nginx", "-c", plain)
    assert "running" not in out
    assert "cluster" not in out


def test_history_of_a_repository_shows_rebuild_and_deployment_of_current_digest(basebump, fleet):
    code, out, _ = basebump("history", "acme/web", "-c", fleet)
    assert code == 0
    indent = " " * 28
    assert out.splitlines()[:6] == [
        "docker.io/library/python:3.12 in acme/web (main)",
        f"  {NOW - 5 * DAY:%Y-%m-%d}  {NEW[7:19]}  pull request #11: https://github.com/acme/web/pull/11",
        f"{indent}open for 2 days",
        f"{indent}rebuilt on {NOW - 4 * DAY:%Y-%m-%d}, running since at least {NOW - 2 * DAY:%Y-%m-%d}",
        f"{indent}  prod/payments/Deployment/web (12 pods)",
        f"  {NOW - 60 * DAY:%Y-%m-%d}  {OLD[7:19]}  found by the first run",
    ]


def test_history_of_an_image_shows_that_a_merged_update_is_not_running(basebump, fleet):
    _, out, _ = basebump("history", "nginx:1.27", "-c", fleet)
    assert "merged 5 days ago, not running\n" in out


def test_json_of_history_lists_files_only_for_the_newest_digest(basebump, fleet):
    _, out, _ = basebump("history", "acme/api", "-c", fleet, "--format", "json")
    now, before = json.loads(out)["moves"]
    assert [(each["path"], each["line"], each["stage"]) for each in now["uses"]] == [("Dockerfile", 1, "merged")]
    assert before["uses"] == []


def test_text_of_report_has_the_time_until_each_stage(basebump, fleet):
    code, out, _ = basebump("report", "--since", "90d", "-c", fleet)
    assert code == 0
    table = out[out.index("Until each stage") :].splitlines()
    assert [line.split()[:3] for line in table[1:6]] == [
        ["stage", "reached", "median"],
        ["proposed", "3", "less"],
        ["merged", "3", "2"],
        ["rebuilt", "1", "3"],
        ["running", "1", "5"],
    ]


def test_json_of_report_has_the_time_at_which_each_fix_reached_each_stage(basebump, fleet):
    _, out, _ = basebump("report", "--since", "90d", "-c", fleet, "--format", "json")
    ends = {each["repository"]: each["ends"] for each in json.loads(out)["patches"]}
    assert list(ends["acme/web"]) == ["proposed", "merged", "rebuilt", "running"]
    assert (ends["acme/api"]["rebuilt"], ends["acme/deploy"]["running"]) == (None, None)


def test_html_of_report_has_the_time_until_each_stage(basebump, fleet):
    _, out, _ = basebump("report", "--since", "90d", "-c", fleet, "--format", "html")
    assert "Time to patch until each stage" in out
    assert ">Reached<" in out
