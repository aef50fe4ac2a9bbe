"""Migrations from one version of the tables to another version."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import inspect
from support.values import digest

from bot.model.errors import StateError
from bot.model.history import SupersededTag, TagObservation
from bot.model.image import TagDescriptor
from bot.model.image_name import Digest, TagRef
from bot.model.vocabulary import Reason
from bot.state import migration
from bot.state.database import Database
from bot.state.migration import NewerSchemaError, get_version, migrate_tables
from bot.state.superseded_tags import DatabaseSupersededStore
from bot.state.tables import METADATA

LINE = TagRef("ghcr.io/acme/web", "1")
PYTHON = TagRef("docker.io/library/python", "3.12")
OLD, NEW = (Digest(f"sha256:{letter * 64}") for letter in "ab")
PRESENT = 1 + len(migration.MIGRATIONS)
VERSION_1 = Path(__file__).parent / "version_1"
"""What the first version made, and a run kept in it."""


def add(column: str) -> migration.Migration:
    return lambda connection: connection.exec_driver_sql(f"ALTER TABLE answers ADD COLUMN {column} INTEGER")


def test_creates_all_tables_in_an_empty_database(place):
    with place.database().open_for_reading() as connection:
        assert set(inspect(connection).get_table_names()) == set(METADATA.tables)
        assert get_version(connection) == 1 + len(migration.MIGRATIONS)


def test_applies_missing_migrations_once_in_order(place, memory):
    memory.record_tags({LINE: TagDescriptor(digest("A"), "m")}, place.now)
    database = place.database()
    for added in (["one"], ["one", "two", "three"], ["one", "two", "three"]):
        with database.open_for_writing() as connection:
            migrate_tables(connection, [*migration.MIGRATIONS, *map(add, added)])
            assert get_version(connection) == PRESENT + len(added)
    with database.open_for_reading() as connection:
        names = [column["name"] for column in inspect(connection).get_columns("answers")]
    assert names[-3:] == ["one", "two", "three"]
    assert memory.load_descriptors([LINE]) == {LINE: TagDescriptor(digest("A"), "m")}


def shape(database) -> dict[str, tuple]:
    """Return the columns, the keys and the indexes of every table."""
    with database.open_for_reading() as connection:
        found = inspect(connection)
        return {
            name: (
                [(column["name"], str(column["type"]), column["nullable"]) for column in found.get_columns(name)],
                found.get_pk_constraint(name)["constrained_columns"],
                sorted(tuple(each["column_names"]) for each in found.get_unique_constraints(name)),
                sorted((each["name"], tuple(each["column_names"])) for each in found.get_indexes(name)),
            )
            for name in found.get_table_names()
        }


@pytest.mark.parametrize("version", range(1, PRESENT))
def test_migration_from_every_earlier_version_keeps_data_and_adds_tables(new_place, version):
    fresh, place = new_place().database(), new_place()
    with place.database().open_for_writing() as connection:
        METADATA.drop_all(connection)
        made = (VERSION_1 / f"{connection.dialect.name}.sql").read_text(encoding="utf-8")
        for statement in filter(str.strip, made.split(";\n")):
            connection.exec_driver_sql(statement)
        migrate_tables(connection, migration.MIGRATIONS[: version - 1])
        assert get_version(connection) == version
    ends, end = (
        DatabaseSupersededStore(place.database()),
        SupersededTag(NEW, Reason.TAG_STOPPED, "`3.13` comes after it", "3.13"),
    )
    ends.record({PYTHON: end}, place.now)
    assert ends.load([PYTHON]) == {PYTHON: end}
    assert place.memory().load_descriptors([PYTHON])[PYTHON].etag == '"b"'
    october = TagObservation(PYTHON, OLD, datetime(2026, 10, 1, 6, tzinfo=UTC), datetime(2026, 10, 31, 6, tzinfo=UTC))
    assert place.memory().load_observations([PYTHON])[PYTHON][0] == october
    assert shape(place.database()) == shape(fresh)


def test_refuses_tables_of_a_later_release(place):
    database = place.database()
    with database.open_for_writing() as connection:
        migrate_tables(connection, [*migration.MIGRATIONS, add("one")])
    with database.open_for_writing() as connection, pytest.raises(NewerSchemaError):
        migrate_tables(connection, [])
    said = f"version {PRESENT + 1}, but this release supports only versions up to {PRESENT}; hint: update basebump"
    with pytest.raises(StateError, match=said):
        place.database()
    with database.open_for_reading() as connection:
        assert get_version(connection) == PRESENT + 1


def test_failed_migration_leaves_the_tables_unchanged(place):
    def broken(connection) -> None:
        connection.exec_driver_sql("ALTER TABLE nowhere ADD COLUMN one INTEGER")

    database = place.database()
    with pytest.raises(StateError), database.open_for_writing() as connection:
        migrate_tables(connection, [*migration.MIGRATIONS, add("one"), broken])
    with database.open_for_reading() as connection:
        assert get_version(connection) == PRESENT
        assert "one" not in [column["name"] for column in inspect(connection).get_columns("answers")]


def test_refuses_tables_of_another_program(place):
    database = place.database()
    with database.open_for_writing() as connection:
        METADATA.drop_all(connection)
        connection.exec_driver_sql("CREATE TABLE evidence (court INTEGER)")
    with pytest.raises(StateError, match="already exists"):
        place.database()


def test_new_database_has_all_tables_whichever_store_is_opened_first(tmp_path):
    script = "import sys, pathlib; from bot.state.database import Database; Database.sqlite(pathlib.Path(sys.argv[1]))"
    path = tmp_path / "state.db"
    subprocess.run([sys.executable, "-c", script, path], env={"PYTHONPATH": ":".join(sys.path)}, check=True)
    with Database.sqlite(path).open_for_reading() as connection:
        assert set(inspect(connection).get_table_names()) == set(METADATA.tables)
