"""How far updates got as metrics, parsed by Prometheus' own parser."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.runs.reports import build_repository, build_run_report
from support.stage_scene import build_scene
from support.visits import NOW

from bot.model.update_stages import StageScope
from bot.reports.parts.stage_metrics import render_stage_metrics
from bot.reports.run.report_metrics import render_metrics


def read(report) -> dict[str, dict[tuple[str, ...], float]]:
    """Return the values of each metric by the values of its labels."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families("\n".join(render_stage_metrics(report)) + "\n"):
        assert (family.type, bool(family.documentation)) == ("gauge", True)
        for each in family.samples:
            found.setdefault(each.name.removeprefix("basebump_"), {})[tuple(each.labels.values())] = each.value
    return found


def test_stuck_updates_are_counted_by_stage_and_reason():
    assert read(build_scene())["stuck"] == {
        ("proposed", "review"): 1,
        ("merged", "build-failed"): 1,
        ("merged", "not-built"): 0,
        ("merged", "older-runs"): 1,
        ("rebuilt", "not-deployed"): 0,
        ("rebuilt", "older-runs"): 1,
    }


def test_series_of_stuck_updates_add_up_to_number_of_stuck_updates():
    report = build_scene()
    assert sum(read(report)["stuck"].values()) == len(report.stages.list_stuck(report.now))


def test_image_uses_are_counted_by_stage():
    uses = read(build_scene())["stage_uses"]
    assert uses == {
        ("not-proposed",): 0,
        ("declined",): 0,
        ("held",): 1,
        ("proposed",): 1,
        ("merged",): 3,
        ("rebuilt",): 1,
        ("running",): 1,
        ("not-pinned",): 1,
    }


def test_unwanted_and_unlisted_running_digests_are_counted():
    found = read(build_scene())
    assert found["running_unwanted_digests"] == {("gone",): 1, ("blocked",): 1}
    assert found["running_unlisted_digests"] == {(): 2}
    assert found["clusters"] == {("done",): 1, ("failed",): 1}
    assert found["clusters_oldest_read_timestamp_seconds"][()] < NOW.timestamp()


@pytest.mark.parametrize(
    ("scope", "missing"),
    [
        (StageScope(has_builds=True), {"running", "older-runs", "not-deployed"}),
        (StageScope(has_clusters=True), {"rebuilt", "build-failed", "not-built", "not-deployed"}),
    ],
)
def test_metrics_have_no_series_for_stages_that_config_does_not_cover(scope, missing):
    found = read(build_scene(scope))
    assert not missing & {label for values in found.values() for labels in values for label in labels}
    assert ("running_unwanted_digests" in found) is scope.has_clusters


def test_metrics_omit_clusters_that_were_never_read():
    report = build_scene()
    clusters = tuple(replace(each, read_at=None) for each in report.stages.clusters)
    found = read(replace(report, stages=replace(report.stages, clusters=clusters)))
    assert set(found) == {"stuck", "stage_uses"}


def test_metrics_of_a_run_contain_stages_only_if_the_config_has_clusters_or_builds():
    report = build_run_report(build_repository())
    assert "basebump_stuck" not in render_metrics(report)
    assert 'basebump_stuck{state="merged",reason="build-failed"} 1' in render_metrics(report, None, build_scene())
