"""One update of a base image passes all stages, with real parts."""

from __future__ import annotations

import pytest
from support.loop_walk import BASE, CI_RUN, WEB, open_walk
from support.runs.fleet_pages import PARTS
from support.witnesses.pages import PageOutline

from bot.model.ci import FailedCheck
from bot.model.update_stages import RebuildEvidence, UpdateStage, WaitReason
from bot.reports.page.fleet_html import render_fixes_page

pytestmark = [pytest.mark.real("git"), pytest.mark.real("buildah"), pytest.mark.real("docker-registry")]


def test_update_passes_the_stages_proposed_merged_rebuilt_and_running(loopback, tmp_path):
    with open_walk(loopback, tmp_path) as walk:
        walk.run()
        walk.push_update()
        walk.wait()
        walk.run()
        update = walk.find_update()
        assert (update.stage, update.wait.reason) == (UpdateStage.PROPOSED, WaitReason.REVIEW)

        walk.wait()
        walk.merge()
        walk.run()
        update = walk.find_update()
        assert (update.stage, update.wait.reason) == (UpdateStage.MERGED, WaitReason.BUILD_FAILED)
        assert (update.wait.images, update.wait.check) == ((WEB,), FailedCheck("build and push", CI_RUN))
        assert f"      build and push: {CI_RUN}\n" in walk.print_usage()
        walk.run()
        assert "- **merged, not rebuilt** since 2026-11-19: " in walk.read_dashboard()

        walk.wait()
        new_web = walk.rebuild()
        walk.run()
        update = walk.find_update()
        assert (update.stage, update.wait.reason) == (UpdateStage.REBUILT, WaitReason.NOT_DEPLOYED)
        assert [(each.digest, each.evidence) for each in update.builds] == [(new_web, RebuildEvidence.LAYERS)]
        assert [each.path for each in update.wait.manifests] == ["deploy/web.yaml"]

        walk.wait()
        walk.write_manifest(new_web)
        walk.run()
        update = walk.find_update()
        assert (update.stage, update.wait.reason) == (UpdateStage.REBUILT, WaitReason.OLDER_RUNS)
        assert [each.workload.title for each in update.wait.workloads] == ["prod/payments/Deployment/web"]
        assert "not running" in walk.print_usage()

        walk.wait()
        walk.deploy(new_web)
        walk.cluster.allowed.clear()
        walk.run()
        update = walk.find_update()
        assert update.stage is UpdateStage.REBUILT, "the cluster refused to list pods, so nothing was seen"
        walk.cluster.allowed |= {(each, None) for each in ("pods", "replicasets", "jobs")}
        walk.run()
        update = walk.find_update()
        assert (update.stage, update.wait) == (UpdateStage.RUNNING, None)
        assert [each.stage for each in update.reached] == list(UpdateStage)
        report = walk.build_patch_report()
        shown = PageOutline(render_fixes_page(report.trends, PARTS, report.stages))
        assert shown.rows("running", "1", "4 days", "4 days")
        assert shown.rows(f"{BASE}:3.12", "0", "0", "0", "0", "1", "0")
