"""Lists, searches and figures for the pages of the service, in SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.values import digest
from support.visits import API, CONDITIONS, NEW, NOW, OLD, PYTHON, WEB, build_request, build_verdict, build_visit

from bot.model.fleet_overview import ListSection, RequestFigures, RequestFilter
from bot.model.inventory import BranchKey, SettledBranch
from bot.model.proposal import RequestState
from bot.model.vocabulary import ReferenceStatus
from bot.state.inventory.fleet_reader import DatabaseFleetReader

ALL = ListSection(0, 100)
DAY = timedelta(days=1)
PINNED = f"{PYTHON}@{OLD}"
UPDATE = build_verdict(PINNED, ReferenceStatus.UPDATE, new_digest=NEW)
NESTED = BranchKey("gitea", "git.example.com/forge", "team/app", "main")


@pytest.fixture
def reader(state_location) -> DatabaseFleetReader:
    return DatabaseFleetReader(state_location.database())


def settle(*, is_public: bool | None = None) -> SettledBranch:
    return SettledBranch(replace(CONDITIONS, is_public=is_public), {PYTHON: OLD})


def test_images_are_listed_with_counts_and_the_most_used_first(inventory, reader):
    visits = [
        build_visit(UPDATE, "redis:7"),
        build_visit(PINNED, "python:3.12", key=API),
        build_visit("nginx", key=NESTED),
    ]
    inventory.record_visits(visits, {}, NOW)
    found = reader.find_images("", ALL)
    assert found.total == 3
    assert [(each.name, each.branches, each.references, each.outdated, each.unpinned) for each in found.entries] == [
        ("docker.io/library/python:3.12", 2, 3, 1, 1),
        ("docker.io/library/nginx", 1, 1, 0, 1),
        ("docker.io/library/redis:7", 1, 1, 0, 1),
    ]
    assert [each.name for each in reader.find_images("", ListSection(1, 1)).entries] == ["docker.io/library/nginx"]
    assert reader.find_images("PYTHON:3", ALL).total == 1
    assert reader.find_images("%", ALL).total == 0


def test_blocked_images_are_listed_first(inventory, reader):
    blocked = build_verdict("redis:7", ReferenceStatus.BLOCKED)
    inventory.record_visits([build_visit(UPDATE, blocked, "redis:7"), build_visit(PINNED, key=API)], {}, NOW)
    found = reader.find_images("", ALL).entries
    assert [(each.name, each.blocked, each.references) for each in found] == [
        ("docker.io/library/redis:7", 1, 2),
        ("docker.io/library/python:3.12", 0, 2),
    ]


def test_branches_are_found_by_a_part_of_the_name_of_the_repository(inventory, reader):
    requests = (build_request(1), build_request(2, RequestState.MERGED))
    visits = [
        build_visit(UPDATE, "redis:7", requests=requests, settled=settle(is_public=True)),
        build_visit(PINNED, key=API, has_unread_files=True),
    ]
    inventory.record_visits(visits, {}, NOW)
    found = reader.find_branches("ACME/", ALL)
    api, web = found.entries
    assert (found.total, api.key, web.key) == (2, API, WEB)
    assert (web.references, web.outdated, web.unpinned, web.open_requests) == (2, 1, 1, 1)
    assert (web.is_settled, web.is_public, web.has_unread_files) == (True, True, False)
    assert (api.is_settled, api.is_public, api.has_unread_files) == (False, False, True)
    assert reader.find_branches("acme_", ALL).total == 0
    assert [each.key for each in reader.find_branches("", ListSection(1, 1)).entries] == [WEB]


def test_branch_without_references_is_listed_with_zero_counts(inventory, reader):
    inventory.record_visits([build_visit()], {}, NOW)
    (found,) = reader.find_branches("", ALL).entries
    assert (found.references, found.outdated, found.unpinned, found.open_requests) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("forge", "path", "keys"),
    [
        ("github", "github.com/acme/web", [WEB]),
        ("gitea", "git.example.com/forge/team/app", [NESTED]),
        ("gitea", "git.example.com/team/app", []),
        ("gitea", "github.com/acme/web", []),
        ("github", "acme/web", []),
        ("local", "/team/app", []),
        ("github", "web", []),
    ],
)
def test_repository_is_found_by_forge_host_and_name(inventory, reader, forge, path, keys):
    inventory.record_visits([build_visit(PINNED), build_visit(PINNED, key=NESTED)], {}, NOW)
    assert [each.key for each in reader.list_repository_branches(forge, path)] == keys


def test_repository_of_unknown_visibility_is_not_selected_as_public(inventory, reader):
    visits = [
        build_visit(key=WEB, settled=settle(is_public=True)),
        build_visit(key=API, settled=settle(is_public=False)),
        build_visit(key=NESTED, settled=settle()),
    ]
    inventory.record_visits(visits, {}, NOW)
    assert reader.select_public([WEB, API, NESTED]) == {WEB}
    assert reader.select_public([API]) == reader.select_public([]) == frozenset()


REQUESTS = (
    build_request(1, branch="1", opened_at=NOW - 3 * DAY, due_at=NOW + DAY, fixes={"high": 2}),
    build_request(2, branch="2", opened_at=NOW - 2 * DAY, due_at=NOW, fixes={"exploited": 1, "critical": 1}),
    build_request(3, branch="3", opened_at=NOW - 5 * DAY, fixes={"critical": 2}),
    build_request(4, branch="4", opened_at=NOW - 4 * DAY),
    build_request(5, branch="5", opened_at=NOW - 4 * DAY, fixes={}),
    build_request(6, RequestState.MERGED, branch="6", ended_at=NOW - 2 * DAY),
    build_request(7, RequestState.MERGED, branch="7", ended_at=NOW - DAY),
    build_request(8, RequestState.CLOSED, branch="8"),
)


@pytest.mark.parametrize(
    ("shown", "numbers"),
    [
        (RequestFilter.OPEN, [2, 1, 3, 4, 5]),
        (RequestFilter.OVERDUE, [2]),
        (RequestFilter.FIXES, [2, 3, 1]),
        (RequestFilter.MERGED, [7, 6]),
        (RequestFilter.CLOSED, [8]),
    ],
)
def test_pull_requests_are_filtered_and_sorted_by_urgency(inventory, reader, shown, numbers):
    inventory.record_visits([build_visit(PINNED, requests=REQUESTS, settled=settle(is_public=True))], {}, NOW)
    listed = reader.list_requests(shown, NOW, ALL)
    assert [each.request.number for each in listed.entries] == numbers
    assert listed.total == len(numbers)
    assert all(each.is_public and each.key == WEB for each in listed.entries)
    rest = reader.list_requests(shown, NOW, ListSection(1, 1))
    assert [each.request.number for each in rest.entries] == numbers[1:2]
    assert rest.total == len(numbers)


def test_pull_requests_are_counted_by_state_and_due_date(inventory, reader):
    inventory.record_visits([build_visit(PINNED, requests=REQUESTS)], {}, NOW)
    assert reader.count_requests(NOW, NOW - 2 * DAY) == RequestFigures(
        open=5, with_due_date=2, overdue=1, exploited=1, critical=1, unknown_fixes=1, merged=2
    )
    assert reader.count_requests(NOW, NOW - DAY).merged == 1


def test_fleet_reader_returns_empty_lists_and_zero_counts_for_empty_state(reader):
    assert reader.find_images("", ALL).total == reader.find_branches("", ALL).total == 0
    assert reader.count_requests(NOW, NOW) == RequestFigures(0, 0, 0, 0, 0, 0, 0)


def test_unpinned_reference_is_counted_even_if_another_reference_is_pinned(inventory, reader):
    inventory.record_visits([build_visit(f"redis:7@{digest('redis')}", "redis:7")], {}, NOW)
    (found,) = reader.find_images("", ALL).entries
    assert (found.references, found.unpinned) == (2, 1)
