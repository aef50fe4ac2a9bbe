"""`basebump usage`: the repositories and files that use an image, from the state alone."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from support.visits import API, NEW, OLD, WEB, build_request, build_verdict, build_visit

from bot.state.database import Database
from bot.state.inventory.store import DatabaseInventoryStore

READ_AT = datetime.now(UTC) - timedelta(days=3)
DAY = f"{READ_AT:%Y-%m-%d}"


@pytest.fixture
def fleet(tmp_path, config):
    """Write a state with two base branches, and return the path of the config."""
    inventory = DatabaseInventoryStore(Database.sqlite(tmp_path / "state.db"))
    place = "services/a-very-long-name-of-a-service/docker/production/Dockerfile"
    old = [build_verdict(f"python:3.12@{OLD}", path=path, owners=("@acme/web",)) for path in ("Dockerfile", place)]
    requests = (build_request(12, url="https://github.com/acme/web/pull/12"),)
    unpinned = build_verdict("python:3.13", path="=1+1.yaml", line_number=4)
    inventory.record_visits([build_visit(*old, unpinned, requests=requests)], {}, READ_AT)
    inventory.record_visits([build_visit(key=API)], {}, READ_AT)
    new = build_verdict(f"python:3.12@{NEW}")
    inventory.record_visits([build_visit(new, key=API, has_unread_files=True)], {}, READ_AT + timedelta(days=1))
    return config("state: sqlite:///state.db\n")


def test_text_of_usage_lists_the_files_of_each_repository(basebump, fleet):
    code, out, _ = basebump("usage", "python:3.12", "-c", fleet)
    assert code == 0
    assert out.splitlines() == [
        "2 base branches use python:3.12, in 3 files.",
        "",
        "acme/api (main)",
        f"  Dockerfile:1                           {NEW[7:19]}  since {READ_AT + timedelta(days=1):%Y-%m-%d}",
        "",
        "acme/web (main)",
        f"  Dockerfile:1                           {OLD[7:19]}  since at least {DAY}",
        f"  services/a-very-long-name-of-a-service/docker/production/Dockerfile:1  {OLD[7:19]}  since at least {DAY}",
        "  pull request #12 is open: https://github.com/acme/web/pull/12",
        "",
        "docker.io/library/python:3.12: 2 proposed, 1 merged",
        "",
        f"The state covers 2 base branches. The oldest data was read 3 days ago, on {READ_AT:%Y-%m-%d %H:%M} UTC.",
        "1 base branch has files that could not be read, so images may be missing.",
    ]


def test_usage_command_with_not_on_option_lists_references_that_lack_the_digest(basebump, fleet):
    code, out, _ = basebump("usage", "python", "--not-on", f"python@{NEW}", "-c", fleet, "--format", "json")
    document = json.loads(out)
    assert (code, document["not_on"]) == (0, NEW)
    assert [(each["repository"], each["tag"], each["digest"]) for each in document["usages"]] == [
        ("acme/web", "3.13", None),
        ("acme/web", "3.12", OLD),
        ("acme/web", "3.12", OLD),
    ]


def test_usage_of_unused_image_is_not_an_error(basebump, fleet):
    code, out, _ = basebump("usage", "node:22", "-c", fleet)
    assert (code, out.splitlines()[0]) == (0, "No base branch uses node:22.")


def test_json_of_usage_has_open_pull_requests_and_the_age_of_the_data(basebump, fleet):
    document = json.loads(basebump("usage", f"python:3.12@{OLD}", "-c", fleet, "--format", "json")[1])
    usage = document["usages"][0]
    assert usage["requests"] == [{"number": 12, "url": "https://github.com/acme/web/pull/12", "opened_at": None}]
    assert (usage["repository"], usage["base_branch"], usage["line"]) == (WEB.repository, "main", 1)
    assert (usage["since_first_visit"], usage["owners"]) == (True, ["@acme/web"])
    at = f"{READ_AT:%Y-%m-%dT%H:%M:%SZ}"
    assert document["coverage"] == {
        "branches": 2,
        "branches_with_unread_files": 1,
        "oldest_read_at": at,
        "first_read_at": at,
    }


def test_csv_of_usage_has_a_row_for_each_reference_and_escapes_formulas(basebump, fleet):
    rows = list(csv.DictReader(io.StringIO(basebump("usage", "python", "-c", fleet, "--format", "csv")[1])))
    assert [row["path"] for row in rows if row["tag"] == "3.13"] == ["'=1+1.yaml"]
    assert [row["request_numbers"] for row in rows] == ["", "", "12", "12"]
    assert rows[2]["owners"] == "'@acme/web"


def test_usage_command_refuses_config_that_has_no_state(basebump, config):
    code, out, err = basebump("usage", "python", "-c", config())
    assert (code, out) == (2, "")
    assert "has no `state`" in err


def test_usage_command_does_not_create_missing_state(basebump, config, tmp_path):
    code, out, err = basebump("usage", "python", "-c", config("state: sqlite:///state.db\n"))
    assert (code, out) == (1, "")
    assert "there is no state in" in err
    assert not (tmp_path / "state.db").exists()


@pytest.mark.parametrize("digest", ["sha256:12", "1.2.3", ""])
def test_usage_command_with_not_on_option_requires_a_digest(basebump, fleet, digest):
    code, _, err = basebump("usage", "python", "--not-on", digest, "-c", fleet)
    assert code == 2
    assert "is not a digest" in err


def test_usage_command_marks_repository_that_recent_runs_did_not_find_on_the_forge(basebump, config, tmp_path):
    inventory = DatabaseInventoryStore(Database.sqlite(tmp_path / "state.db"))
    long_ago = datetime.now(UTC) - timedelta(days=20)
    verdict = build_verdict(f"python:3.12@{OLD}")
    inventory.record_visits([build_visit(verdict), build_visit(verdict, key=API)], {}, long_ago)
    inventory.record_seen([API], READ_AT)
    path = config("state: sqlite:///state.db\n")
    out = basebump("usage", "python:3.12", "-c", path)[1]
    remark = f"  not listed since {long_ago:%Y-%m-%d}: the repository was possibly renamed, archived or removed\n"
    assert out.count(remark) == 1
    (api, web) = json.loads(basebump("usage", "python:3.12", "-c", path, "--format", "json")[1])["usages"]
    assert api["seen_at"] > web["seen_at"]


def test_usage_command_changes_no_file_of_the_state(basebump, fleet, tmp_path):
    def describe_files() -> dict[str, tuple[int, bytes]]:
        return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.iterdir()}

    before = describe_files()
    assert basebump("usage", "python", "-c", fleet)[0] == 0
    assert describe_files() == before
