"""Requests for golden images say what merging them leads to."""

from __future__ import annotations

import pytest
from support.git import DiskRepository
from support.own_builds import make_image
from support.runs.built_fleet import GOLDEN, BuiltFleet

from bot.model.image_name import ImageName
from bot.model.own_build import ConfiguredBuild
from bot.model.vocabulary import RunLevel

pytestmark = pytest.mark.real("git")

ROW = "| After merging | rebuilds 1 image, then {} |"


@pytest.fixture
def fleet(loopback, tmp_path):
    return BuiltFleet(loopback, tmp_path, [ConfiguredBuild(repository="golden", image=ImageName(GOLDEN, "3", None))])


def read_bodies(git: DiskRepository) -> list[str]:
    refs = git.refs("refs/basebump/proposals/")
    return [git.run("cat-file", "blob", oid).decode() for oid in refs.values()]


def test_pull_request_body_counts_repositories_that_build_on_the_image(fleet):
    old = fleet.push_base("os", "python 1")
    golden = fleet.push(make_image("os", "python 1", "tools"), GOLDEN, "3")
    repository = fleet.create("golden", dockerfile=f"FROM python:3.12@{old}\n")
    apps = [fleet.create(f"app-{number}", dockerfile=f"FROM golden/python:3@{golden}\n") for number in range(2)]
    fleet.run(0)
    fleet.push_base("os", "python 2")
    fleet.push(make_image("os", "python 1", "tools 2"), GOLDEN, "3")
    fleet.run(1, RunLevel.PROPOSE)
    (body,) = read_bodies(repository)
    assert ROW.format("2 repositories") in body
    assert [body for app in apps for body in read_bodies(app) if "After merging" in body] == []


def test_pull_request_is_unchanged_if_another_repository_builds_on_the_image(fleet):
    old = fleet.push_base("os", "python 1")
    golden = fleet.push(make_image("os", "python 1", "tools"), GOLDEN, "3")
    repository = fleet.create("golden", dockerfile=f"FROM python:3.12@{old}\n")
    fleet.create("app-1", dockerfile=f"FROM golden/python:3@{golden}\n")
    fleet.run(0)
    fleet.push_base("os", "python 2")
    fleet.run(1, RunLevel.PROPOSE)
    before = read_bodies(repository)
    assert ROW.format("1 repository") in before[0]
    fleet.create("app-2", dockerfile=f"FROM golden/python:3@{golden}\n")
    fleet.run(2, RunLevel.PROPOSE)
    fleet.run(24 * 9, RunLevel.PROPOSE)  # every repository is read again
    assert read_bodies(repository) == before
