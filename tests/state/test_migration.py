"""From one version of the tables to another."""

from __future__ import annotations

import pytest
from sqlalchemy import inspect
from support.values import digest

from bot.model.errors import StateError
from bot.model.image import Claim
from bot.model.reference import Line
from bot.state import migration
from bot.state.migration import NewerSchemaError, bring_up_to_date, version_of
from bot.state.tables import METADATA

LINE = Line("ghcr.io/acme/web", "1")


def add(column: str) -> migration.Migration:
    return lambda connection: connection.exec_driver_sql(f"ALTER TABLE answers ADD COLUMN {column} INTEGER")


def test_the_first_start_makes_every_table(place):
    with place.database().reading() as connection:
        assert set(inspect(connection).get_table_names()) == set(METADATA.tables)
        assert version_of(connection) == 1 + len(migration.MIGRATIONS)


def test_older_tables_go_through_what_was_added_since_once_and_in_order(place, memory):
    memory.saw({LINE: Claim(digest("A"), "m")}, place.now)
    database = place.database()
    for steps in ([add("one")], [add("one"), add("two"), add("three")], [add("one"), add("two"), add("three")]):
        with database.writing() as connection:
            bring_up_to_date(connection, steps)
            assert version_of(connection) == 1 + len(steps)
    with database.reading() as connection:
        names = [column["name"] for column in inspect(connection).get_columns("answers")]
    assert names[-3:] == ["one", "two", "three"]
    assert memory.claims([LINE]) == {LINE: Claim(digest("A"), "m")}


def test_tables_of_a_later_release_are_refused_and_left_as_they_are(place):
    database = place.database()
    with database.writing() as connection:
        bring_up_to_date(connection, [add("one")])
    with database.writing() as connection, pytest.raises(NewerSchemaError):
        bring_up_to_date(connection, [])
    with pytest.raises(StateError, match=r"version 2, and this release reads 1; update basebump, or name another"):
        place.database()
    with database.reading() as connection:
        assert version_of(connection) == 2


def test_a_migration_that_breaks_leaves_nothing_half_done(place):
    def broken(connection) -> None:
        connection.exec_driver_sql("ALTER TABLE nowhere ADD COLUMN one INTEGER")

    database = place.database()
    with pytest.raises(StateError), database.writing() as connection:
        bring_up_to_date(connection, [add("one"), broken])
    with database.reading() as connection:
        assert version_of(connection) == 1
        assert "one" not in [column["name"] for column in inspect(connection).get_columns("answers")]


def test_tables_of_somebody_else_are_not_taken_over(place):
    database = place.database()
    with database.writing() as connection:
        METADATA.drop_all(connection)
        connection.exec_driver_sql("CREATE TABLE evidence (court INTEGER)")
    with pytest.raises(StateError, match="already exists"):
        place.database()
