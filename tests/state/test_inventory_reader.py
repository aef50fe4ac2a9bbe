"""Questions about a fleet that the inventory answers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.visits import API, NEW, OLD, WEB, build_request, build_verdict, build_visit

from bot.model.proposal import RequestState
from bot.model.reference import ImageReference
from bot.model.usage import InventoryCoverage, UpdateRequest
from bot.model.vocabulary import OccurrenceStatus, Reason
from bot.state.inventory_reader import DatabaseInventoryReader

DAY = timedelta(days=1)


@pytest.fixture
def reader(place) -> DatabaseInventoryReader:
    return DatabaseInventoryReader(place.database())


def test_usage_has_the_file_the_digest_and_the_time_since_when(place, inventory, reader):
    held = build_verdict(
        f"python:3.12@{OLD}",
        OccurrenceStatus.HELD,
        reason=Reason.TOO_YOUNG,
        path="a/Dockerfile",
        line_number=3,
        owners=("@a", "@b"),
    )
    inventory.record_visits([build_visit("node:22")], {}, place.now)
    inventory.record_visits([build_visit(held)], {}, place.now + DAY)
    inventory.record_visits([build_visit(held)], {}, place.now + 2 * DAY)
    (usage,) = reader.list_usages(ImageReference.parse("python"))
    assert (usage.key, usage.path, usage.line_number, usage.written) == (WEB, "a/Dockerfile", 3, f"python:3.12@{OLD}")
    assert (usage.tag, usage.digest, usage.status, usage.reason) == ("3.12", OLD, "held", "too-young")
    assert (usage.since, usage.read_at, usage.owners) == (place.now + DAY, place.now + 2 * DAY, ("@a", "@b"))
    assert not usage.is_since_first_visit


def test_usage_that_the_first_visit_found_may_be_older(place, inventory, reader):
    inventory.record_visits([build_visit("python:3.12")], {}, place.now)
    (usage,) = reader.list_usages(ImageReference.parse("python:3.12"))
    assert (usage.since, usage.is_since_first_visit, usage.digest) == (place.now, True, None)


@pytest.mark.parametrize(
    ("image", "tags"),
    [
        ("python", [None, "3.12", "3.12", "latest"]),
        ("python:3.12", ["3.12", "3.12"]),
        (f"python:3.12@{OLD}", ["3.12"]),
        (f"python@{NEW}", ["3.12"]),
        ("python:latest", [None, "latest"]),
        ("ghcr.io/acme/python", []),
    ],
)
def test_usages_match_the_tag_and_the_digest_if_the_image_has_them(place, inventory, reader, image, tags):
    written = ("python", f"python:3.12@{OLD}", f"python:3.12@{NEW}", "python:latest", "node")
    found = [build_verdict(each, path=str(number)) for number, each in enumerate(written)]
    inventory.record_visits([build_visit(*found)], {}, place.now)
    assert [usage.tag for usage in reader.list_usages(ImageReference.parse(image))] == tags


def test_usages_are_sorted_by_repository_and_file(place, inventory, reader):
    found = [build_verdict("python", path=path, locator=path) for path in ("b", "a")]
    inventory.record_visits([build_visit(*found), build_visit(*found, key=API)], {}, place.now)
    usages = reader.list_usages(ImageReference.parse("python"))
    assert [(usage.key, usage.path) for usage in usages] == [(API, "a"), (API, "b"), (WEB, "a"), (WEB, "b")]


def test_usage_names_the_open_requests_for_its_tag(place, inventory, reader):
    requests = (
        build_request(1, state=RequestState.MERGED),
        build_request(2, url="https://x/2", opened_at=place.now),
        build_request(3, branch="basebump/node", targets=(f"docker.io/library/node:22@{NEW}",)),
        build_request(4, branch="basebump/many", targets=("*@sha256:abc",)),
    )
    inventory.record_visits([build_visit("python:3.12", "python:3.13", requests=requests)], {}, place.now)
    found = {usage.tag: usage.requests for usage in reader.list_usages(ImageReference.parse("python"))}
    assert found == {"3.12": (UpdateRequest(2, "https://x/2", place.now),), "3.13": ()}


def test_request_that_changes_the_tag_belongs_to_the_tags_without_a_request(place, inventory, reader):
    requests = (build_request(2), build_request(3, branch="b", targets=(f"docker.io/library/python:3.14@{NEW}",)))
    inventory.record_visits([build_visit("python:3.12", "python:3.13", requests=requests)], {}, place.now)
    found = {
        usage.tag: [each.number for each in usage.requests]
        for usage in reader.list_usages(ImageReference.parse("python"))
    }
    assert found == {"3.12": [2], "3.13": [3]}


def test_coverage_counts_branches_and_finds_the_oldest_visit(place, inventory, reader):
    assert reader.load_coverage() == InventoryCoverage(0, 0, None)
    inventory.record_visits([build_visit()], {}, place.now)
    inventory.record_visits([build_visit(key=API, has_unread_files=True)], {}, place.now + DAY)
    assert reader.load_coverage() == InventoryCoverage(2, 1, place.now)
