"""The whole service: a push to a real registry becomes pull requests in exactly the repositories that use the image."""

from __future__ import annotations

import pytest
from support.runs.served_fleet import ServedFleet
from support.waiting import wait_until

pytestmark = pytest.mark.real("docker-registry")


@pytest.fixture
def fleet(tmp_path):
    with ServedFleet(tmp_path) as fleet:
        digests = {name: fleet.push(name, f"{name} first") for name in ("base", "other")}
        names = ("base", "other", "base", "other")
        fleet.add_repositories({"Dockerfile": f"FROM {name}:1@{digests[name]}\nRUN true\n"} for name in names)
        yield fleet


def test_pushed_image_causes_pull_requests_only_in_repositories_using_the_image(fleet):
    service = fleet.start()
    fleet.wait_until_read(4)
    assert fleet.list_proposals() == {}
    fleet.push("base", "base patched")
    fleet.push("base", "base patched", "unused")
    wait_until(lambda: len(fleet.list_proposals()) >= 2)
    assert fleet.list_proposals() == {"acme/r0": 1, "acme/r2": 1}

    def list_visits() -> list[tuple[str, str]]:
        ended = service.entries("work-done")
        return [
            (each["subject"], each["trace"]) for each in ended if each["reason"] == "image-pushed" if each["opened"]
        ]

    wait_until(lambda: len(list_visits()) >= 2)
    assert {subject for subject, _ in list_visits()} == {"acme/r0", "acme/r2"}
    accepted = {each["trace"] for each in service.entries("delivery") if each["outcome"] == "accepted"}
    assert {trace for _, trace in list_visits()} <= accepted
    assert service.end() == 0
