"""Migrations from one version of the tables to another version."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sqlalchemy import inspect
from support.values import digest

from bot.model.errors import StateError
from bot.model.image import TagDescriptor
from bot.model.image_name import TagRef
from bot.state import migration
from bot.state.database import Database
from bot.state.migration import NewerSchemaError, get_version, migrate_tables
from bot.state.tables import METADATA

LINE = TagRef("ghcr.io/acme/web", "1")
PRESENT = 1 + len(migration.MIGRATIONS)


def add(column: str) -> migration.Migration:
    return lambda connection: connection.exec_driver_sql(f"ALTER TABLE tag_descriptors ADD COLUMN {column} INTEGER")


def test_migration_creates_all_tables_in_an_empty_database(state_location):
    with state_location.database().open_for_reading() as connection:
        assert set(inspect(connection).get_table_names()) == set(METADATA.tables)
        assert get_version(connection) == 1 + len(migration.MIGRATIONS)


def test_missing_migrations_are_applied_once_in_order(state_location, lookup_store):
    lookup_store.record_tags({LINE: TagDescriptor(digest("A"), "m")}, state_location.now)
    database = state_location.database()
    for added in (["one"], ["one", "two", "three"], ["one", "two", "three"]):
        with database.open_for_writing() as connection:
            migrate_tables(connection, [*migration.MIGRATIONS, *map(add, added)])
            assert get_version(connection) == PRESENT + len(added)
    with database.open_for_reading() as connection:
        names = [column["name"] for column in inspect(connection).get_columns("tag_descriptors")]
    assert names[-3:] == ["one", "two", "three"]
    assert lookup_store.load_descriptors([LINE]) == {LINE: TagDescriptor(digest("A"), "m")}


def test_tables_of_a_later_release_are_refused_and_unchanged(state_location):
    database = state_location.database()
    with database.open_for_writing() as connection:
        migrate_tables(connection, [*migration.MIGRATIONS, add("one")])
    with database.open_for_writing() as connection, pytest.raises(NewerSchemaError):
        migrate_tables(connection, [])
    said = f"version {PRESENT + 1}, but this release supports only versions up to {PRESENT}; hint: update basebump"
    with pytest.raises(StateError, match=said):
        state_location.database()
    with database.open_for_reading() as connection:
        assert get_version(connection) == PRESENT + 1


def test_failed_migration_rolls_back_all_changes(state_location):
    def broken(connection) -> None:
        connection.exec_driver_sql("ALTER TABLE nowhere ADD COLUMN one INTEGER")

    database = state_location.database()
    with pytest.raises(StateError), database.open_for_writing() as connection:
        migrate_tables(connection, [*migration.MIGRATIONS, add("one"), broken])
    with database.open_for_reading() as connection:
        assert get_version(connection) == PRESENT
        assert "one" not in [column["name"] for column in inspect(connection).get_columns("tag_descriptors")]


def test_tables_of_another_program_are_refused(state_location):
    database = state_location.database()
    with database.open_for_writing() as connection:
        METADATA.drop_all(connection)
        connection.exec_driver_sql("CREATE TABLE packages (weight INTEGER)")
    with pytest.raises(StateError, match="already exists"):
        state_location.database()


def test_opening_a_database_creates_tables_of_all_stores(tmp_path):
    script = "import sys, pathlib; from bot.state.database import Database; Database.sqlite(pathlib.Path(sys.argv[1]))"
    path = tmp_path / "state.db"
    subprocess.run([sys.executable, "-c", script, path], env={"PYTHONPATH": ":".join(sys.path)}, check=True)
    with Database.sqlite(path).open_for_reading() as connection:
        assert set(inspect(connection).get_table_names()) == set(METADATA.tables)
