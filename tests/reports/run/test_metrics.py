"""A run as metrics, parsed by Prometheus' own parser."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from support.parts import ROOT
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
from support.stage_scene import build_scene

from bot.core.evidence.compare import compare_scans
from bot.model.evidence import NotScanned, UnscannedReason
from bot.model.patch_times import PatchSummary, WaitSummary
from bot.model.vocabulary import FailureStage, ProposalOutcome, Reason, ReferenceStatus
from bot.reports.run.report_metrics import render_metrics

BEGAN = datetime(2026, 11, 26, 6, tzinfo=UTC)
DAY = timedelta(days=1)
CRITICAL = PatchSummary(
    "critical", WaitSummary(9, 4 * DAY, 8 * DAY, 1, DAY), WaitSummary(5, 20 * DAY, 30 * DAY, 1, DAY)
)
"""The times to patch of fixes of critical vulnerabilities."""


def read_samples(report, patches=None, stages=None) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return the value of every sample by its name and labels."""
    families = list(text_string_to_metric_families(render_metrics(report, patches, stages) + "\n"))
    assert {family.type for family in families} == {"gauge"}
    assert all(family.documentation for family in families)
    every = [each for family in families for each in family.samples]
    found = {(each.name, frozenset(each.labels.items())): each.value for each in every}
    assert len(found) == len(every)
    return found


def get_value(found, name, **labels):
    return found.get((f"basebump_{name}", frozenset(labels.items())))


def test_metrics_count_references_proposals_unsupported_texts_and_failures():
    unpinned = build_verdict(ReferenceStatus.HELD, Reason.TOO_YOUNG, written="redis:7")
    tree = build_repository(
        build_update(),
        build_update(line_number=2),
        unpinned,
        unsupported=(build_unsupported_text(),),
        proposals=(build_proposal(),),
    )
    found = read_samples(build_run_report(tree, failed=[build_failure()]))
    assert get_value(found, "references", forge="github", status="update", pinned="true") == 2
    assert get_value(found, "references", forge="github", status="update", pinned="false") == 0
    assert get_value(found, "references", forge="github", status="held", pinned="false") == 1
    assert get_value(found, "proposals", forge="github", outcome="opened") == 1
    assert get_value(found, "unsupported_texts", forge="github") == 1
    assert get_value(found, "repositories", forge="github") == 1
    assert get_value(found, "failures", stage="resolve") == 1


def test_metrics_have_a_series_for_every_label_value_even_at_zero():
    found = read_samples(build_run_report(build_repository()))
    assert sum(name == "basebump_references" for name, _ in found) == 2 * len(ReferenceStatus)
    assert sum(name == "basebump_proposals" for name, _ in found) == len(ProposalOutcome)
    assert {get_value(found, "failures", stage=stage) for stage in FailureStage} == {0}


def test_time_to_patch_is_measured_from_publication_and_from_first_observation():
    low = PatchSummary("low", WaitSummary(2, DAY, 2 * DAY, 0, None), WaitSummary(0, None, None, 0, None))
    found = read_samples(build_run_report(build_repository()), [CRITICAL, low])
    times = {
        (labels["fixes"], labels["since"], labels["percentile"]): number / DAY.total_seconds()
        for (name, label_items), number in found.items()
        if name == "basebump_time_to_patch_seconds"
        for labels in [dict(label_items)]
    }
    assert times == {
        ("critical", "first-seen", "50"): 4,
        ("critical", "first-seen", "90"): 8,
        ("critical", "published", "50"): 20,
        ("critical", "published", "90"): 30,
        ("low", "first-seen", "50"): 1,
        ("low", "first-seen", "90"): 2,
    }
    assert get_value(found, "time_to_patch_fixes", fixes="critical", since="published") == 5
    assert get_value(found, "time_to_patch_fixes", fixes="low", since="published") == 0
    assert get_value(found, "time_to_patch_fixes", fixes="exploited", since="first-seen") == 0


def test_metrics_omit_time_to_patch_if_no_patches_are_given():
    assert not any("time_to_patch" in name for name, _ in read_samples(build_run_report(build_repository())))


def test_metrics_count_vulnerabilities_of_each_scanned_image_once():
    found = read_samples(
        build_run_report(
            build_repository(build_update(), build_update(line_number=2)),
            build_repository(build_update(), name="acme/other"),
        )
    )
    for image, critical in (("in-use", 1), ("offered", 0)):
        assert get_value(found, "vulnerabilities", image=image, severity="critical") == critical
        assert get_value(found, "vulnerabilities", image=image, severity="high") == 1
        assert get_value(found, "assessed_images", image=image, state="scanned") == 1


def test_metrics_have_reason_and_no_count_for_image_that_was_not_scanned():
    late = NotScanned(UnscannedReason.TIMED_OUT)
    found = read_samples(build_run_report(build_repository(build_update()), evidence=compare_scans(late, late)))
    assert not [name for name, _ in found if name == "basebump_vulnerabilities"]
    assert get_value(found, "assessed_images", image="in-use", state="timed-out") == 1
    assert get_value(found, "assessed_images", image="in-use", state="scanned") == 0


def test_metrics_contain_start_end_and_duration_only_if_run_has_times():
    timed = replace(build_run_report(), started=BEGAN, ended=BEGAN + timedelta(seconds=90.5))
    found = read_samples(timed)
    assert get_value(found, "run_start_timestamp_seconds") == BEGAN.timestamp()
    assert get_value(found, "run_end_timestamp_seconds") == BEGAN.timestamp() + 90.5
    assert get_value(found, "run_duration_seconds") == 90.5
    assert get_value(read_samples(build_run_report()), "run_duration_seconds") is None


def test_metrics_label_scanned_folder_as_forge_folder():
    found = read_samples(
        build_run_report(build_repository(build_verdict(ReferenceStatus.UP_TO_DATE), forge="", name="."))
    )
    assert get_value(found, "references", forge="folder", status="up-to-date", pinned="true") == 1


@given(st.text())
def test_metrics_contain_no_text_from_outside(word):
    assert render_metrics(build_hostile_report(word)) == render_metrics(build_hostile_report("plain"))


def test_documentation_lists_every_metric_with_exact_labels():
    page = (ROOT / "docs" / "output.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(basebump_\w+)` \| (.*?) ?\|", page, re.MULTILINE)
    told = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
    timed = replace(build_run_report(build_repository(build_update())), started=BEGAN, ended=BEGAN)
    found = read_samples(timed, [CRITICAL], build_scene())
    assert told == {name: {label for label, _ in labels} for name, labels in found}


@pytest.mark.parametrize("unit", ["_seconds", "_info"])
def test_metric_names_follow_conventions_of_prometheus(unit):
    names = {name for name, _ in read_samples(replace(build_run_report(), started=BEGAN, ended=BEGAN), [CRITICAL])}
    assert [name for name in names if name.endswith(unit)]
    assert not [name for name in names if name.endswith(("_total", "_count", "_sum", "_bucket"))]
