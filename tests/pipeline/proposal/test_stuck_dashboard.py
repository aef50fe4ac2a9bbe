"""The dashboard names merged updates that do not get further, and is written only when this changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from support.forges.github.stand import GitHubStand
from support.own_builds import make_image
from support.runs.built_fleet import WEB, BuiltFleet
from support.runs.worlds import NOW

from bot.model.image_name import ImageName
from bot.model.own_build import ConfiguredBuild
from bot.model.vocabulary import RunLevel

pytestmark = pytest.mark.real("git")

RUN = "https://ci.example.com/runs/7"
DAY = 24


class DashboardScene:
    """A repository on a forge whose Dockerfile was updated, and runs that keep its dashboard."""

    def __init__(self, fleet: BuiltFleet, stand: GitHubStand) -> None:
        self.fleet, self.stand = fleet, stand
        fleet.use_configured([ConfiguredBuild(repository=stand.name, image=ImageName(WEB, "main", None))])
        fleet.use_fleet(stand.fleet)

    def run(self, hours: int) -> None:
        assert self.fleet.run(hours, RunLevel.PROPOSE, has_dashboards=True).failed == ()

    def read_body(self) -> str | None:
        """Return the body of the open dashboard issue; None if there is none."""
        return next((each.body for each in self.stand.repository.issues if each.state == "open"), None)

    def update_and_merge(self) -> str:
        """Push a newer base image, and merge it. Return the merged commit."""
        new = self.fleet.push_base("os", "python 2")
        return self.stand.commit("main", {"Dockerfile": f"FROM python:3.12@{new}\n"})


@pytest.fixture
def scene(loopback, tmp_path) -> Iterator[DashboardScene]:
    fleet = BuiltFleet(loopback, tmp_path)
    old = fleet.push_base("os", "python 1")
    fleet.push(make_image("os", "python 1", "app", created=NOW - timedelta(days=1)))
    stand = GitHubStand(tmp_path / "server", {"Dockerfile": f"FROM python:3.12@{old}\n"})
    yield DashboardScene(fleet, stand)
    stand.end()


def test_dashboard_names_merged_update_until_an_image_is_built(scene):
    scene.run(0)
    scene.update_and_merge()
    for hours in (1, 2, 2 * DAY):
        scene.run(hours)
    line = f"- **merged, not rebuilt** since {NOW:%Y-%m-%d}: `docker.io/library/python:3.12` · "
    assert scene.read_body() is not None
    assert line in scene.read_body()
    assert f"No image was built on the digest in the file: `{WEB}`" in scene.read_body()
    assert "1 stuck after the merge.**" in scene.read_body()
    scene.fleet.push(make_image("os", "python 2", "app", created=NOW + timedelta(days=2)))
    for hours in (2 * DAY + 1, 2 * DAY + 2):
        scene.run(hours)
    assert scene.read_body() is None


def test_dashboard_with_merged_update_is_not_rewritten_without_changes(scene):
    scene.run(0)
    scene.update_and_merge()
    for hours in (1, 2 * DAY, 2 * DAY + 1):
        scene.run(hours)
    body, writes = scene.read_body(), list(scene.stand.writes)
    assert "merged, not rebuilt" in body
    for hours in (2 * DAY + 2, 3 * DAY, 5 * DAY):
        scene.run(hours)
    assert (scene.read_body(), scene.stand.writes) == (body, writes)


def test_dashboard_names_the_failed_check_of_a_merged_update(scene):
    scene.run(0)
    head = scene.update_and_merge()
    scene.run(1)
    scene.stand.report_check(head, "failed", "build", RUN)
    for hours in (2, 3):
        scene.run(hours)
    assert f"· failed check: [`build`]({RUN})" in scene.read_body()


def test_runs_with_disabled_dashboards_write_no_dashboard(scene):
    scene.fleet.run(0, RunLevel.PROPOSE)
    scene.update_and_merge()
    for hours in (1, 2 * DAY, 2 * DAY + 1):
        scene.fleet.run(hours, RunLevel.PROPOSE)
    assert scene.read_body() is None
