"""Rows that users or disks damaged: an error that names the repair. Strict tables refuse most of such values."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text
from support.values import digest
from support.visits import NOW, OLD, PYTHON, WEB, build_request, build_settled, build_visit

from bot.model.errors import StateError, UnusableStateError
from bot.model.image import TagDescriptor
from bot.model.image_name import ImageName
from bot.model.workload import ClusterReading
from bot.state.after_merge.running_images import DatabaseRunningImages
from bot.state.database import Database
from bot.state.inventory.fleet_reader import DatabaseFleetReader
from bot.state.inventory.reader import DatabaseInventoryReader
from bot.state.inventory.store import DatabaseInventoryStore

HOUR = timedelta(hours=1)
STATEMENTS = (
    "UPDATE branches SET read_at = {time}",
    "UPDATE settled_branches SET due_at = {time}",
    "UPDATE branch_tags SET digest = 999",
    "UPDATE branch_tags SET tag = 999",
    "UPDATE branch_tag_lists SET tag = 999",
    "UPDATE held_digests SET first_seen = {time}",
    "UPDATE requests SET opened_at = {time}",
    "UPDATE requests SET state = 'odd'",
    "UPDATE requests SET targets = '{{'",
    "UPDATE requests SET fixes = '{{'",
    "UPDATE tag_observations SET last_seen = {time}",
    "UPDATE clusters SET read_at = {time}",
    "DELETE FROM tags",
)
VALUES_OF_WRONG_TYPES = (
    "UPDATE branches SET has_unread_files = 'odd'",
    "UPDATE branch_tags SET digest = 'odd'",
    "UPDATE tag_observations SET ordinal = 'odd'",
)


def damage(location, statement: str) -> None:
    """Change rows as basebump never does."""
    with location.database().open_for_writing() as connection:
        moment = "'yesterday'" if connection.dialect.name == "sqlite" else "'infinity'"
        assert connection.execute(text(statement.replace("{time}", moment).replace("{{", "{"))).rowcount


@pytest.fixture
def filled_inventory(state_location, inventory):
    """Return an inventory with a settled base branch, a request, an observation and a cluster."""
    state_location.memory().record_tags({PYTHON: TagDescriptor(OLD, "m")}, NOW)
    DatabaseRunningImages(state_location.database()).record_clusters([ClusterReading("prod", ())], NOW)
    settled = build_settled(tag_lists={"docker.io/library/python": "f"}, due_at=NOW + HOUR)
    request = build_request(fixes={"high": 1})
    inventory.record_visits([build_visit(f"python:3.12@{OLD}", requests=(request,), settled=settled, key=WEB)], {}, NOW)
    return inventory


def read_everything(location, inventory) -> None:
    reader = DatabaseInventoryReader(location.database())
    inventory.load_branches([WEB])
    inventory.load_requests([PYTHON.repository], NOW - HOUR)
    reader.list_usages(ImageName.parse("python"))
    reader.load_repository_history(WEB.repository)
    location.memory().load_observations([PYTHON])
    DatabaseRunningImages(location.database()).load_clusters()


@pytest.mark.parametrize("statement", STATEMENTS)
def test_reading_a_damaged_row_fails_with_a_hint_about_the_repair(state_location, filled_inventory, statement):
    read_everything(state_location, filled_inventory)
    damage(state_location, statement)
    with pytest.raises(UnusableStateError, match=r"is damaged: .*; hint: (move the file away|restore a backup)"):
        read_everything(state_location, filled_inventory)


def test_text_that_is_not_utf8_is_reported_as_damage(tmp_path):
    database = Database.sqlite(tmp_path / "state.db")
    inventory = DatabaseInventoryStore(database)
    inventory.record_visits([build_visit(f"python:3.12@{OLD}", key=WEB)], {}, NOW)
    with database.open_for_writing() as connection:
        connection.execute(text("UPDATE branches SET head = CAST(x'ff' AS TEXT)"))
    with pytest.raises(UnusableStateError, match=r"is damaged: .*; hint: move the file away"):
        inventory.load_branches([WEB])


@pytest.mark.parametrize("document", ["{", "[1]", '{"high": "x"}', '{"high": -1}', '{"high": 1e400}', '"high"'])
def test_number_of_fixes_of_another_shape_is_reported_as_damage(state_location, filled_inventory, document):
    with state_location.database().open_for_writing() as connection:
        connection.execute(text("UPDATE requests SET fixes = :document"), {"document": document})
    with pytest.raises(UnusableStateError, match="is damaged"):
        DatabaseFleetReader(state_location.database()).count_requests(NOW, NOW - HOUR)


@pytest.mark.parametrize("statement", VALUES_OF_WRONG_TYPES)
def test_tables_reject_values_of_wrong_types(state_location, filled_inventory, statement):
    with pytest.raises(StateError):
        damage(state_location, statement)
    read_everything(state_location, filled_inventory)


def test_recording_fails_with_state_error_if_the_largest_ordinal_is_used(state_location):
    memory = state_location.memory()
    memory.record_tags({PYTHON: TagDescriptor(digest("A"), "m")}, state_location.now)
    with state_location.database().open_for_writing() as connection:
        largest = 2**63 - 1 if connection.dialect.name == "sqlite" else 2**31 - 1
        connection.execute(text(f"UPDATE tag_observations SET ordinal = {largest}"))
    with pytest.raises(StateError, match="cannot use the state"):
        memory.record_tags({PYTHON: TagDescriptor(digest("B"), "m")}, state_location.now + HOUR)
