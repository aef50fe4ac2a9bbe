"""Only the owner can access the state in a file."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing, suppress

import pytest

from bot.model.errors import StateError
from bot.state.database import Database


@pytest.fixture(autouse=True)
def open_umask():
    previous = os.umask(0)
    yield
    os.umask(previous)


def _list_modes(folder):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_only_the_user_can_access_new_database_and_side_files(tmp_path):
    database = Database.sqlite(tmp_path / "state.db")
    with database.open_for_writing() as connection:
        connection.exec_driver_sql("CREATE TABLE other (id INTEGER)")
        assert _list_modes(tmp_path) == dict.fromkeys(("state.db", "state.db-wal", "state.db-shm"), 0o600)
    with database.open_for_writing() as connection:
        connection.exec_driver_sql("CREATE TABLE another (id INTEGER)")
    assert set(_list_modes(tmp_path).values()) == {0o600}


def test_only_the_user_can_access_the_rollback_journal(tmp_path):
    Database.sqlite(tmp_path / "state.db")
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE other (id INTEGER)")
        assert _list_modes(tmp_path) == dict.fromkeys(("state.db", "state.db-journal"), 0o600)


def test_opening_a_database_removes_access_of_other_users(tmp_path):
    first = Database.sqlite(tmp_path / "state.db")
    with first.open_for_reading():
        for path in tmp_path.iterdir():
            path.chmod(0o664)
        Database.sqlite(tmp_path / "state.db")
        modes = _list_modes(tmp_path)
    assert len(modes) == 3
    assert set(modes.values()) == {0o600}


def test_opening_a_read_only_database_leaves_the_file_read_only(tmp_path):
    path = tmp_path / "state.db"
    Database.sqlite(path)
    path.chmod(0o444)
    with suppress(StateError):  # root may write to the file
        Database.sqlite(path)
    assert _list_modes(tmp_path) == {"state.db": 0o400}
