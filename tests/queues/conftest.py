"""A database with the tables of the queue, and processes that use it."""

from __future__ import annotations

import pytest
from support.work_processes import WorkStand

from bot.queues.procrastinate_schema import prepare_tables
from bot.state.database import Database


@pytest.fixture
def address(postgresql):
    return postgresql.fresh()


@pytest.fixture
def database(address):
    database = Database.postgresql(address)
    with database.open_for_writing() as connection:
        prepare_tables(connection)
    return database


@pytest.fixture
def stand(database, address, tmp_path):
    (tmp_path / "world").mkdir()
    with WorkStand(f"Database.postgresql({address!r})", tmp_path / "world", address) as stand:
        yield stand
