"""Own images and base images in the files of a fleet, on every database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.values import digest
from support.visits import API, NEW, OLD, WEB, build_verdict, build_visit

from bot.model.image_name import ImageName
from bot.model.vocabulary import Role
from bot.state.inventory.build_inventory import MAX_HELD_PER_TAG, DatabaseBuildInventory

HOUR = timedelta(hours=1)
PYTHON, IMAGE = "docker.io/library/python", "r.example.com/acme/web"


@pytest.fixture
def files(state_location):
    return DatabaseBuildInventory(state_location.database())


def build_manifest_verdict(written: str, **more):
    return build_verdict(written, path="deploy.yaml", format="kubernetes", role=Role.THIRD_PARTY, **more)


def test_references_to_selected_images_are_listed_without_duplicates(inventory, files, state_location):
    references = [f"{IMAGE}:main@{NEW}", f"{IMAGE}:main", f"{IMAGE}@{OLD}"]
    inventory.record_visits(
        [build_visit("python:3.12", *map(build_manifest_verdict, references), key=key) for key in (WEB, API)],
        {},
        state_location.now,
    )
    assert files.list_references(IMAGE.__eq__) == [
        ImageName(IMAGE, None, OLD),
        ImageName(IMAGE, "main", None),
        ImageName(IMAGE, "main", NEW),
    ]
    assert files.list_references(lambda _: False) == []


def test_base_image_digests_of_dockerfiles_are_listed_newest_first(inventory, files, state_location):
    for hour, held in enumerate((OLD, NEW)):
        visit = build_visit(f"python:3.12@{held}", build_manifest_verdict(f"{IMAGE}@{held}"), key=WEB)
        inventory.record_visits([visit], {}, state_location.now + hour * HOUR)
    node = digest("node")
    inventory.record_visits([build_visit(f"node:22@{node}", key=API)], {}, state_location.now - HOUR)
    expected = [ImageName(PYTHON, "3.12", NEW), ImageName(PYTHON, "3.12", OLD)]
    assert files.list_base_digests() == [*expected, ImageName("docker.io/library/node", "22", node)]
    assert files.list_base_digests(["acme/web"]) == expected
    assert files.list_base_digests(["acme/other"]) == []


def test_only_the_newest_base_image_digests_of_each_tag_are_listed(inventory, files, state_location):
    held = [digest(str(number)) for number in range(MAX_HELD_PER_TAG + 3)]
    for hour, each in enumerate(held):
        inventory.record_visits([build_visit(f"python:3.12@{each}", key=WEB)], {}, state_location.now + hour * HOUR)
    assert [each.digest for each in files.list_base_digests()] == held[: -MAX_HELD_PER_TAG - 1 : -1]


def test_build_files_are_dockerfiles_with_the_base_images(inventory, files, state_location):
    web = build_visit(
        "python:3.12", build_verdict("node:22", path="api/Dockerfile"), build_manifest_verdict(IMAGE), key=WEB
    )
    inventory.record_visits([web, build_visit("python:3.12", key=API)], {}, state_location.now)
    expected = {(WEB, "Dockerfile"): {PYTHON}, (WEB, "api/Dockerfile"): {"docker.io/library/node"}}
    assert files.list_build_files(["acme/web"]) == expected
    assert files.list_build_files() == {**expected, (API, "Dockerfile"): {PYTHON}}
