"""Questions about a fleet that the inventory answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, update
from support.visits import API, NEW, OLD, PYTHON, WEB, build_request, build_verdict, build_visit

from bot.model.errors import StateError
from bot.model.fleet_history import FleetHistory
from bot.model.history import TagObservation
from bot.model.image import TagDescriptor
from bot.model.image_name import ImageName
from bot.model.proposal import DeclineScope, RequestState
from bot.model.usage import DeclinedRequest, InventoryCoverage, RequestLink
from bot.model.vocabulary import Reason, ReferenceStatus
from bot.state.database import Database
from bot.state.inventory.reader import DatabaseInventoryReader
from bot.state.migration import MIGRATIONS, get_version
from bot.state.tables import METADATA, SCHEMA_VERSION

DAY = timedelta(days=1)
PRESENT = 1 + len(MIGRATIONS)


@pytest.fixture
def reader(state_location) -> DatabaseInventoryReader:
    return DatabaseInventoryReader(state_location.database())


def test_usage_has_file_and_digest_and_time_of_the_visit_that_first_found_the_digest(state_location, inventory, reader):
    held = build_verdict(
        f"python:3.12@{OLD}",
        ReferenceStatus.HELD,
        reason=Reason.TOO_YOUNG,
        path="a/Dockerfile",
        line_number=3,
        owners=("@a", "@b"),
    )
    inventory.record_visits([build_visit("node:22")], {}, state_location.now)
    inventory.record_visits([build_visit(held)], {}, state_location.now + DAY)
    inventory.record_visits([build_visit(held)], {}, state_location.now + 2 * DAY)
    (usage,) = reader.list_usages(ImageName.parse("python"))
    assert (usage.key, usage.path, usage.line_number, usage.written) == (WEB, "a/Dockerfile", 3, f"python:3.12@{OLD}")
    assert (usage.tag, usage.digest, usage.status, usage.reason) == ("3.12", OLD, "held", "too-young")
    assert (usage.since, usage.read_at, usage.owners) == (
        state_location.now + DAY,
        state_location.now + 2 * DAY,
        ("@a", "@b"),
    )
    assert not usage.is_since_first_visit


def test_usage_found_by_the_first_visit_is_marked_as_possibly_older(state_location, inventory, reader):
    inventory.record_visits([build_visit("python:3.12")], {}, state_location.now)
    (usage,) = reader.list_usages(ImageName.parse("python:3.12"))
    assert (usage.since, usage.is_since_first_visit, usage.digest) == (state_location.now, True, None)


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
def test_usages_match_the_tag_and_the_digest_of_the_image_if_given(state_location, inventory, reader, image, tags):
    written = ("python", f"python:3.12@{OLD}", f"python:3.12@{NEW}", "python:latest", "node")
    found = [build_verdict(each, path=str(number)) for number, each in enumerate(written)]
    inventory.record_visits([build_visit(*found)], {}, state_location.now)
    assert [usage.tag for usage in reader.list_usages(ImageName.parse(image))] == tags


def test_usages_are_sorted_by_repository_and_file(state_location, inventory, reader):
    found = [build_verdict("python", path=path, locator=path) for path in ("b", "a")]
    inventory.record_visits([build_visit(*found), build_visit(*found, key=API)], {}, state_location.now)
    usages = reader.list_usages(ImageName.parse("python"))
    assert [(usage.key, usage.path) for usage in usages] == [(API, "a"), (API, "b"), (WEB, "a"), (WEB, "b")]


def test_usage_names_open_pull_requests_that_update_the_tag(state_location, inventory, reader):
    requests = (
        build_request(1, state=RequestState.MERGED),
        build_request(2, url="https://x/2", opened_at=state_location.now),
        build_request(3, branch="basebump/node", targets=(f"docker.io/library/node:22@{NEW}",)),
        build_request(4, branch="basebump/many", targets=("*@sha256:abc",)),
    )
    inventory.record_visits([build_visit("python:3.12", "python:3.13", requests=requests)], {}, state_location.now)
    found = {usage.tag: usage.requests for usage in reader.list_usages(ImageName.parse("python"))}
    assert found == {"3.12": (RequestLink(2, "https://x/2", state_location.now),), "3.13": ()}


@pytest.mark.parametrize(
    ("scope", "targets", "declined"),
    [
        (DeclineScope.DIGEST, (f"{PYTHON}@{NEW}",), {"3.12"}),
        (DeclineScope.LATER_DIGESTS, (f"docker.io/library/python:3.14@{NEW}",), {"3.12", "3.13"}),
        (DeclineScope.REPOSITORY, (f"docker.io/library/node:22@{NEW}",), {"3.12", "3.13"}),
        (None, (f"{PYTHON}@{NEW}",), set()),
    ],
)
def test_usage_names_the_closed_pull_request_that_declines_the_update(
    state_location, inventory, reader, scope, targets, declined
):
    request = build_request(2, RequestState.CLOSED, targets=targets, ended_at=state_location.now, declines=scope)
    found = [build_verdict(f"python:{tag}", ReferenceStatus.UPDATE, path=tag) for tag in ("3.12", "3.13")]
    inventory.record_visits(
        [build_visit(*found, build_verdict("python:3.12"), requests=(request,))], {}, state_location.now
    )
    usages = [each for each in reader.list_usages(ImageName.parse("python")) if each.declined is not None]
    assert {(each.tag, each.status) for each in usages} == {(tag, "update") for tag in declined}
    expected = {DeclinedRequest(RequestLink(2, None, None), state_location.now, scope)} if declined else set()
    assert {each.declined for each in usages} == expected


def test_pull_request_declines_no_update_when_the_forge_no_longer_lists_it(state_location, inventory, reader):
    outdated = build_verdict("python:3.12", ReferenceStatus.UPDATE)
    closed = build_request(2, RequestState.CLOSED, ended_at=state_location.now, declines=DeclineScope.DIGEST)
    for at, requests in ((state_location.now, (closed,)), (state_location.now + DAY, ())):
        inventory.record_visits([build_visit(outdated, requests=requests)], {}, at)
    (usage,) = reader.list_usages(ImageName.parse("python"))
    assert (usage.requests, usage.declined) == ((), None)


def test_pull_request_that_changes_the_tag_is_shown_for_tags_without_pull_request(state_location, inventory, reader):
    requests = (build_request(2), build_request(3, branch="b", targets=(f"docker.io/library/python:3.14@{NEW}",)))
    inventory.record_visits([build_visit("python:3.12", "python:3.13", requests=requests)], {}, state_location.now)
    found = {
        usage.tag: [each.number for each in usage.requests] for usage in reader.list_usages(ImageName.parse("python"))
    }
    assert found == {"3.12": [2], "3.13": [3]}


def test_coverage_counts_branches_and_has_the_time_of_the_oldest_visit(state_location, inventory, reader):
    assert reader.load_coverage() == InventoryCoverage(0, 0, None, None)
    inventory.record_visits([build_visit()], {}, state_location.now)
    inventory.record_visits([build_visit(key=API, has_unread_files=True)], {}, state_location.now + DAY)
    inventory.record_visits([build_visit()], {}, state_location.now + 2 * DAY)
    assert reader.load_coverage() == InventoryCoverage(2, 1, state_location.now + DAY, state_location.now)


def record_history(location, inventory) -> None:
    """Record two branches. The first one had a request that was merged after three days."""
    location.memory().record_tags({PYTHON: TagDescriptor(OLD, "m")}, location.now)
    request = build_request(7, opened_at=location.now, fixes={"high": 1}, url="https://x/7")
    old = build_verdict(f"python:3.12@{OLD}", owners=("@b", "@a"))
    inventory.record_visits([build_visit(old, requests=(request,)), build_visit("node", key=API)], {}, location.now)
    ended = build_request(7, RequestState.MERGED, ended_at=location.now + 3 * DAY)
    new = build_verdict(f"python:3.12@{NEW}", owners=("@b", "@a"))
    inventory.record_visits([build_visit(new, "python", requests=(ended,))], {}, location.now + 4 * DAY)


def list_held(history) -> list[tuple]:
    return sorted((each.key, each.name, each.digest or "", each.since, each.ended_at) for each in history.held)


def test_history_of_a_repository_has_digests_with_periods_and_pull_requests(state_location, inventory, reader):
    record_history(state_location, inventory)
    history, end = reader.load_repository_history("acme/web"), state_location.now + 4 * DAY
    assert set(list_held(history)) == {
        (WEB, str(PYTHON), OLD, state_location.now, end),
        (WEB, str(PYTHON), NEW, end, None),
        (WEB, PYTHON.repository, "", end, None),
    }
    assert {each.digest: each.is_since_first_visit for each in history.held if each.digest} == {OLD: True, NEW: False}
    (found,) = history.requests
    merged = build_request(7, RequestState.MERGED, url="https://x/7", opened_at=state_location.now, fixes={"high": 1})
    assert (found.key, found.request) == (WEB, replace(merged, ended_at=state_location.now + 3 * DAY))
    assert history.observations == (TagObservation(PYTHON, OLD, state_location.now, state_location.now),)


def test_history_of_an_image_with_tag_omits_other_tags(state_location, inventory, reader):
    record_history(state_location, inventory)
    history = reader.load_image_history(ImageName.parse("python:3.12"))
    assert {each.name for each in history.held} == {str(PYTHON)}
    assert [each.request.number for each in history.requests] == [7]
    assert len(reader.load_image_history(ImageName.parse("python")).held) == 3
    assert reader.load_image_history(ImageName.parse("redis")) == FleetHistory()


def test_patch_history_has_only_branches_with_recent_fixes(state_location, inventory, reader):
    record_history(state_location, inventory)
    history = reader.load_patch_history(state_location.now + 2 * DAY)
    assert {each.key for each in history.held} == {WEB}
    assert {each.owners for each in history.held if each.digest == NEW} == {("@a", "@b")}
    assert [each.request.number for each in history.requests] == [7]
    assert reader.load_patch_history(state_location.now + 5 * DAY) == FleetHistory()


def open_unchecked(location) -> Database:
    opening = location.opening.replace("(", "_for_queries(", 1)
    return eval(opening, {"Database": Database, "Path": Path})


def open_for_queries(location) -> Database:
    return open_unchecked(location).check_version()


def test_inventory_can_be_read_while_a_run_writes(state_location, inventory):
    inventory.record_visits([build_visit("python:3.12")], {}, state_location.now)
    with state_location.database().open_for_writing():
        reader = DatabaseInventoryReader(open_for_queries(state_location))
        assert len(reader.list_usages(ImageName.parse("python"))) == 1


def test_open_reader_returns_visits_that_are_recorded_later(state_location, inventory):
    inventory.record_visits([build_visit("python:3.12")], {}, state_location.now)
    reader = DatabaseInventoryReader(open_for_queries(state_location))
    assert reader.list_usages(ImageName.parse("node")) == []
    inventory.record_visits([build_visit("node:22")], {}, state_location.now + DAY)
    assert len(reader.list_usages(ImageName.parse("node"))) == 1


def test_database_for_queries_refuses_writes(state_location):
    state_location.database()
    with pytest.raises(StateError), open_for_queries(state_location).open_for_writing() as connection:
        connection.execute(delete(SCHEMA_VERSION))


def test_reading_an_empty_database_creates_no_tables(state_location):
    with state_location.database().open_for_writing() as connection:
        METADATA.drop_all(connection)
    with pytest.raises(StateError, match=r"there is no state in .*; hint: `basebump run`"):
        open_for_queries(state_location)
    with open_unchecked(state_location).open_for_reading() as connection:
        assert get_version(connection) is None


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (PRESENT - 1, r"its tables have version \d+, .*; hint: `basebump run` with this config migrates them"),
        (PRESENT + 1, "supports only versions up to .*; hint: update basebump"),
    ],
)
def test_reader_refuses_and_keeps_tables_of_another_release(state_location, version, message):
    with state_location.database().open_for_writing() as connection:
        connection.execute(update(SCHEMA_VERSION).values(version=version))
    with pytest.raises(StateError, match=message):
        open_for_queries(state_location)
    with open_unchecked(state_location).open_for_reading() as connection:
        assert get_version(connection) == version
