"""The sections of pages about how far updates got."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.runs.fleet_pages import PARTS
from support.runs.reports import HOSTILE, build_repository, build_run_report
from support.stage_scene import CHECK, build_scene
from support.stages import build_use
from support.witnesses.pages import PageOutline

from bot.model.fleet_stages import FleetStages
from bot.model.update_stages import StageScope, UpdateStage, UpdateWait, UseKind, WaitReason
from bot.reports.fleet.stage_documents import MAX_WORKLOADS, build_updates
from bot.reports.fleet.stage_lines import describe_progress
from bot.reports.page.fleet_html import render_html_page
from bot.reports.page.run_facts import read_document
from bot.reports.parts.stage_section import StageReport, build_stage_section
from bot.reports.parts.stage_words import MAX_DETAILS, describe_clusters, describe_wait, describe_workloads
from bot.reports.parts.styled_lines import join_lines
from bot.reports.run.report_document import render_run_document

RUN = read_document(render_run_document(build_run_report(build_repository())))
BUILDS_ONLY, CLUSTERS_ONLY = StageScope(has_builds=True), StageScope(has_clusters=True)


def render(report: StageReport | None) -> str:
    return render_html_page([RUN], PARTS, None, report)


def test_stage_bars_count_each_use_once_and_stuck_updates_separately():
    bars = {bar.label: bar.counts for bar in build_stage_section(build_scene(), 50).bars}
    assert bars == {
        "not proposed": (0, 0, 0, 0),
        "declined": (0, 0, 0, 0),
        "held": (0, 1, 0, 0),
        "proposed": (0, 0, 1, 0),
        "merged": (1, 0, 2, 0),
        "rebuilt": (0, 0, 1, 0),
        "running": (1, 0, 0, 0),
        "not pinned": (0, 0, 0, 1),
    }


def test_parts_of_a_stage_bar_are_drawn_side_by_side():
    (merged,) = (bar for bar in build_stage_section(build_scene(), 50).bars if bar.label == "merged")
    assert [(part.column, part.start, part.width) for part in merged.parts] == [(1, 0, 33.33), (3, 33.33, 66.67)]


def test_page_shows_stuck_updates_with_reasons_and_workloads():
    shown = PageOutline(render(build_scene()))
    assert shown.rows("merged, not rebuilt", "10 days", "acme/checkout (main)", "services/checkout/Dockerfile:1")
    assert shown.rows("rebuilt, not running", "9 days", "acme/shop (main)", "Dockerfile:1")
    assert shown.rows("Containers still run the image before the update: prod/payments/Deployment/shop (12 pods).")
    assert {"href": CHECK.url, "rel": "noopener noreferrer"} in shown.all("a")


def test_page_shows_running_digests_to_replace_before_all_other_sections():
    page = render(build_scene())
    headings = [page.index(f'id="{name}-heading"') for name in ("unwanted", "risk", "stages", "images")]
    assert headings == sorted(headings)
    assert PageOutline(page).rows(
        "A list of blocked images contains the digest.", "prod/payments/Deployment/proxy (4 pods)"
    )


def test_page_shows_running_images_that_are_in_no_repository():
    assert PageOutline(render(build_scene())).rows(
        "registry.k8s.io/ingress-nginx/controller:v1.11.3", "487a0a9a3903", "prod/payments/Deployment/ingress (2 pods)"
    )


@pytest.mark.parametrize(("scope", "missing"), [(BUILDS_ONLY, "running"), (CLUSTERS_ONLY, "rebuilt")])
def test_page_omits_stages_that_config_does_not_cover(scope, missing):
    page = render(build_scene(scope))
    assert "merged" in page
    assert missing not in page.lower().partition("<body>")[2].partition("<script")[0]


def test_page_mentions_no_stages_if_no_stage_report_exists():
    page = render(None)
    assert "stages" not in page.partition("<body>")[2]
    assert "Running" not in page


def test_stage_section_has_no_chart_if_no_use_is_known():
    section = build_stage_section(StageReport(FleetStages(CLUSTERS_ONLY), build_scene().now), 50)
    assert (section.bars, section.funnels.rows) == ((), ())
    assert section.coverage == ("No cluster was read yet, so nothing is known about running images.",)


def test_stage_lists_show_at_most_the_given_number_of_rows_and_count_the_rest():
    section = build_stage_section(build_scene(), 1)
    assert (len(section.stuck.rows), section.stuck.left_out) == (1, 3)
    assert (len(section.unwanted.rows), section.unwanted.left_out) == (1, 1)


def test_stage_section_escapes_untrusted_check_names():
    report = build_scene()
    hostile = [
        replace(each, wait=replace(each.wait, check=replace(CHECK, name=HOSTILE, url="javascript:alert(1)")))
        if each.wait is not None and each.wait.check is not None
        else each
        for each in report.stages.updates
    ]
    page = render(replace(report, stages=replace(report.stages, updates=tuple(hostile))))
    assert HOSTILE not in page
    assert "javascript:" not in page
    assert "&lt;img src=x&gt;" in page


def test_descriptions_omit_workload_and_cluster_names_on_request():
    report = build_scene()
    waits = [each.wait for each in report.stages.updates if each.wait is not None]
    text = " ".join(describe_wait(each, shows_workloads=False) for each in waits)
    text += " ".join(describe_clusters(report.stages.clusters, report.now, shows_names=False))
    for name in ("prod", "payments", "edge", "Deployment"):
        assert name not in text
    assert "Containers still run the image before the update: 1 workload with 12 pods." in text
    assert "2 clusters. The oldest of the last readings is 30 days old." in text
    assert "The last attempt failed for 1 cluster." in text


def test_description_names_workloads_up_to_limit_and_counts_the_rest():
    (image, *_) = build_scene().stages.unlisted
    images = [
        replace(image, workload=replace(image.workload, name=f"job-{number}")) for number in range(MAX_DETAILS + 3)
    ]
    assert describe_workloads(images, shows_workloads=True).endswith("job-4 (1 pod), and 3 more")


def test_description_names_clusters_up_to_limit_and_counts_the_rest():
    clusters = tuple(f"prod-{number}" for number in range(MAX_DETAILS + 2))
    wait = UpdateWait(WaitReason.CLUSTER_NOT_READ, None, clusters=clusters)
    assert describe_wait(wait, shows_workloads=True).endswith("prod-4, and 2 more.")


def test_description_of_undeployed_build_names_manifests_and_old_containers():
    manifest = build_use(UseKind.WORKLOAD)
    (image, *_) = build_scene().stages.unlisted
    wait = UpdateWait(WaitReason.NOT_DEPLOYED, None, manifests=(manifest,), workloads=(image,))
    assert describe_wait(wait, shows_workloads=False) == (
        "The manifests of the fleet name older builds of the image, and none names the new build: acme/web "
        "deploy/web.yaml:1. Containers still run the image before the update: 1 workload with 1 pod."
    )


def test_json_document_lists_workloads_of_an_update_only_up_to_limit():
    report = build_scene()
    (image, *_) = report.stages.unlisted
    update = replace(report.stages.updates[0], workloads=(image,) * (MAX_WORKLOADS + 1))
    (document,) = build_updates([update], report)
    assert len(document["workloads"]) == MAX_WORKLOADS


def test_description_states_if_no_container_runs_the_update_any_more():
    report = build_scene()
    runs = next(each for each in report.stages.updates if each.stage is UpdateStage.RUNNING)
    lines = describe_progress(replace(runs, workloads=()), report.stages, report.now, "")
    assert join_lines(lines).endswith("\n  No container runs it now.")


def test_age_of_waiting_update_is_shown_with_last_known_stage():
    report = build_scene()
    merged = next(each for each in report.stages.updates if each.stage is UpdateStage.MERGED)
    since = report.now - timedelta(days=3)
    waits = (UpdateWait(WaitReason.NOT_BUILT, since), UpdateWait(WaitReason.BASE_UNKNOWN, since))
    lines = [
        join_lines(describe_progress(replace(merged, wait=each), report.stages, report.now, "")).splitlines()[0]
        for each in waits
    ]
    assert lines == ["merged 3 days ago, not rebuilt", "merged 3 days ago, not known whether rebuilt"]


def test_description_names_image_whose_builds_are_unknown():
    wait = UpdateWait(WaitReason.IMAGE_UNKNOWN, None, images=("contoso.azurecr.io/apps/web",))
    assert describe_wait(wait, shows_workloads=False).endswith("was read: contoso.azurecr.io/apps/web.")
