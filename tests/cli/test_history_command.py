"""`basebump history`: which digests a repository or an image had, and who changed them."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from support.visits import API, NEW, OLD, PYTHON, build_request, build_visit

from bot.model.ci import CiOutcome
from bot.model.image import TagDescriptor
from bot.model.inventory import BranchKey
from bot.model.proposal import RequestState
from bot.state.database import Database
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.lookups.lookup_store import DatabaseLookupStore

DAY = timedelta(days=1)
START = datetime.now(UTC) - 10 * DAY
URL = "https://github.com/acme/web/pull/7"


def format_day(days: int) -> str:
    return f"{START + days * DAY:%Y-%m-%d}"


@pytest.fixture
def fleet(tmp_path, config):
    """Write a state in which a request of basebump moved one branch, and somebody else the other one."""
    database = Database.sqlite(tmp_path / "state.db")
    inventory, observations = DatabaseInventoryStore(database), DatabaseLookupStore(database, lambda: START)
    for days, digest in ((0, OLD), (2, NEW)):
        observations.record_tags({PYTHON: TagDescriptor(digest, "")}, START + days * DAY)
    ci = {"head": "c" * 40, "ci": CiOutcome.PASSED}
    opened = build_request(7, url=URL, opened_at=START + 3 * DAY, **ci)
    merged = build_request(7, RequestState.MERGED, ended_at=START + 5 * DAY)
    inventory.record_visits([build_visit(f"python:3.12@{OLD}", requests=(opened,))], {}, START + 3 * DAY)
    inventory.record_visits([build_visit(f"python:3.12@{OLD}", key=API)], {}, START + 3 * DAY)
    inventory.record_visits([build_visit(f"python:3.12@{NEW}", requests=(merged,))], {}, START + 6 * DAY)
    inventory.record_visits([build_visit(f"python:3.12@{NEW}", key=API)], {}, START + 8 * DAY)
    inventory.record_visits([build_visit("node", key=API)], {}, START + 9 * DAY)
    return config("state: sqlite:///state.db\n")


def test_history_of_a_repository_shows_pull_request_and_time_until_merge(basebump, fleet):
    code, out, _ = basebump("history", "acme/web", "-c", fleet)
    assert code == 0
    assert out.splitlines()[:-1] == [
        "docker.io/library/python:3.12 in acme/web (main)",
        f"  {format_day(5)}  {NEW[7:19]}  pull request #7: {URL}",
        "                            first seen 3 days before, open for 2 days",
        f"  {format_day(3)}  {OLD[7:19]}  found by the first run",
        "",
    ]


def test_history_of_an_image_shows_digests_in_registry_and_in_all_branches(basebump, fleet):
    code, out, _ = basebump("history", "python:3.12", "-c", fleet)
    assert code == 0
    assert out.splitlines()[:10] == [
        "docker.io/library/python:3.12 in the registry",
        f"  {format_day(2)}  {NEW[7:19]}  CI passed in 1 of 1, merged in 1",
        f"  {format_day(0)}  {OLD[7:19]}",
        "",
        "docker.io/library/python:3.12 in acme/api (main)",
        f"  {format_day(9)}  no longer used",
        f"  {format_day(8)}  {NEW[7:19]}  not by basebump",
        "                            first seen 6 days before",
        f"  {format_day(3)}  {OLD[7:19]}  found by the first run",
        "",
    ]
    assert basebump("history", "python:3.13", "-c", fleet)[1].startswith("The state contains neither")


def test_json_of_history_has_each_update_and_the_pull_request_of_the_update(basebump, fleet):
    document = json.loads(basebump("history", "python", "-c", fleet, "--format", "json")[1])
    moved = [(each["repository"], each["digest"], each["moved_by"]) for each in document["moves"]]
    assert moved == [
        ("acme/api", NEW, "other"),
        ("acme/web", NEW, "basebump"),
        *((f"acme/{name}", OLD, "first-visit") for name in ("web", "api")),
    ]
    request = document["moves"][1]["request"]
    assert (request["number"], request["url"]) == (7, URL)
    assert document["moves"][1]["seconds_since_first_seen"] == 3 * 24 * 3600
    assert document["moves"][1]["seconds_since_opened"] == 2 * 24 * 3600
    assert [each["digest"] for each in document["observations"]] == [OLD, NEW]
    counts = {"passed": 1, "failed": 0, "merged": 1, "broken": 0, "failing": False}
    assert [each["fleet"] for each in document["observations"]] == [None, counts]


def test_csv_of_history_has_a_row_for_each_update(basebump, fleet):
    rows = list(csv.DictReader(io.StringIO(basebump("history", "acme/web", "-c", fleet, "--format", "csv")[1])))
    assert [(row["digest"], row["moved_by"], row["request_number"]) for row in rows] == [
        (NEW, "basebump", "7"),
        (OLD, "first-visit", ""),
    ]


def test_history_command_prefers_repository_to_image_of_the_same_name(basebump, fleet, tmp_path):
    inventory = DatabaseInventoryStore(Database.sqlite(tmp_path / "state.db"))
    user = BranchKey("github", "github.com", "acme/user", "main")
    inventory.record_visits([build_visit("acme/web:1", key=user)], {}, START)
    assert "python:3.12 in acme/web (main)" in basebump("history", "acme/web", "-c", fleet)[1]
    shown = basebump("history", "docker.io/acme/web", "-c", fleet)[1]
    assert shown.startswith("docker.io/acme/web:1 in acme/user (main)")


def test_history_command_refuses_name_that_is_neither_a_repository_nor_an_image(basebump, fleet):
    code, out, err = basebump("history", "Not An Image", "-c", fleet)
    assert (code, out) == (2, "")
    assert "is not an image reference" in err
