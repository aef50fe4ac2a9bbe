"""Runs name the check that failed in a base branch that merged an update, and from which no image was built yet."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.forges.github.stand import GitHubStand
from support.own_builds import make_image
from support.runs.built_fleet import WEB, BuiltFleet
from support.runs.worlds import NOW

from bot.core.inventory.stage_funnels import find_fleet_stages
from bot.model.ci import FailedCheck
from bot.model.image_name import ImageName
from bot.model.own_build import ConfiguredBuild
from bot.model.update_stages import UpdateStage, WaitReason

pytestmark = pytest.mark.real("git")

RUN = "https://ci.example.com/runs/7"


@pytest.fixture
def fleet(loopback, tmp_path):
    return BuiltFleet(loopback, tmp_path)


def find_update(fleet, hours):
    """Return how far the update of the base image in the Dockerfile got."""
    stages = find_fleet_stages(fleet.loopback.state.stages.load_fleet_facts(), NOW + timedelta(hours=hours))
    (update,) = [each for each in stages.updates if each.is_latest]
    return update


def test_failed_check_of_merged_update_is_reported_until_an_image_is_built(fleet, tmp_path):
    old = fleet.push_base("os", "python 1")
    fleet.push(make_image("os", "python 1", "app", created=NOW - timedelta(days=1)))
    stand = GitHubStand(tmp_path / "server", {"Dockerfile": f"FROM python:3.12@{old}\n"})
    fleet.use_configured([ConfiguredBuild(repository=stand.name, image=ImageName(WEB, "main", None))])
    fleet.use_fleet(stand.fleet)
    try:
        fleet.run(0)
        new = fleet.push_base("os", "python 2")
        head = stand.commit("main", {"Dockerfile": f"FROM python:3.12@{new}\n"})
        fleet.run(1)
        update = find_update(fleet, 1)
        assert (update.stage, update.wait.reason, update.wait.check) == (UpdateStage.MERGED, WaitReason.NOT_BUILT, None)
        stand.report_check(head, "failed", "build", RUN)
        assert fleet.sweep(2).failures == ()
        update = find_update(fleet, 2)
        assert (update.wait.reason, update.wait.check) == (WaitReason.BUILD_FAILED, FailedCheck("build", RUN))
        stand.report_check(head, "passed", "build", RUN)
        fleet.push(make_image("os", "python 2", "app", created=NOW + timedelta(hours=2)))
        fleet.run(3)
        update = find_update(fleet, 3)
        assert (update.stage, update.wait.check if update.wait else None) == (UpdateStage.REBUILT, None)
    finally:
        stand.end()
