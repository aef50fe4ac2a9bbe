"""A database that cannot be used: the error message, its hint, and that it contains no secret."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from support.parts import ROOT
from support.postgresql import PASSWORD, UNPRIVILEGED
from support.values import digest

from bot.model.errors import BasebumpError, StateError
from bot.model.image import TagDescriptor
from bot.model.image_name import TagRef
from bot.state import database as opened
from bot.state.database import Database
from bot.state.lookups.lookup_store import DatabaseLookupStore
from bot.state.quarantine import quarantine_database

LINE = TagRef("ghcr.io/acme/web", "1")
SECRET = "s3cr3t-word"


@contextmanager
def drop_root():
    """Run as an ordinary user inside the block, because root can read and write every folder."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(UNPRIVILEGED)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public(tmp_path):
    """Return a folder that everyone can read and only its owner can write to."""
    Database.sqlite(tmp_path / "state.db")  # what is imported late may be out of an ordinary user's reach
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o555)
        yield path
        path.chmod(0o755)


def test_missing_folder_of_database_is_reported(tmp_path):
    path = tmp_path / "nowhere" / "state.db"
    with pytest.raises(StateError, match=f"{path}: .*; hint: .* its folder exists"):
        Database.sqlite(path)
    assert issubclass(StateError, BasebumpError), "exit 1"


def test_read_only_folder_of_database_is_reported(public):
    with drop_root(), pytest.raises(StateError, match="may write to"):
        Database.sqlite(public / "state.db")


def test_read_only_database_file_is_reported(public):
    public.chmod(0o755)
    Database.sqlite(public / "state.db")
    (public / "state.db").chmod(0o444)
    public.chmod(0o555)
    with drop_root(), pytest.raises(StateError, match="may write to"):
        Database.sqlite(public / "state.db")


def test_file_that_is_not_a_database_is_reported_and_unchanged(tmp_path):
    path = tmp_path / "state.db"
    path.write_bytes(b"important words\n" * 100)
    with pytest.raises(StateError, match="move the file away"):
        Database.sqlite(path)
    assert path.read_bytes() == b"important words\n" * 100


def test_damaged_database_is_reported(tmp_path):
    path = tmp_path / "state.db"
    memory = DatabaseLookupStore(Database.sqlite(path), lambda: None)
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(StateError, match="malformed; hint: move the file away"):
        memory.load_descriptors([LINE])


def test_sqlite_without_strict_tables_is_reported_and_no_file_is_created(tmp_path, monkeypatch):
    monkeypatch.setattr(opened, "STRICT_SINCE", (99, 0))
    with pytest.raises(StateError, match="has no strict tables; hint: "):
        Database.sqlite(tmp_path / "state.db")
    assert list(tmp_path.iterdir()) == []


def test_unusable_database_is_renamed_but_used_or_valid_database_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(opened, "BUSY", 0.2)
    path = tmp_path / "state.db"
    assert quarantine_database(path) is None
    Database.sqlite(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert quarantine_database(path) is None, "somebody writes to it"
    other.close()
    assert quarantine_database(path) is None, "all is well"
    path.write_bytes(content := path.read_bytes()[:4096] + b"\xff" * 8192)
    path.with_name("state.db-wal").write_bytes(b"of another file")
    assert "move the file away" in (quarantine_database(path) or "")
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"state.db.unusable": content}


def test_database_of_a_later_release_is_renamed(tmp_path):
    path = tmp_path / "state.db"
    Database.sqlite(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE schema_version SET version = 1000")
    assert quarantine_database(path) is not None
    assert [each.name for each in tmp_path.iterdir()] == ["state.db.unusable"]


def test_write_fails_if_another_process_writes_for_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(opened, "BUSY", 0.2)
    path = tmp_path / "state.db"
    database = Database.sqlite(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateError, match="another process"), database.open_for_writing():
        pass
    assert DatabaseLookupStore(database, lambda: None).load_descriptors([LINE]) == {}, "reading goes on meanwhile"
    other.close()


def test_error_of_failed_write_does_not_contain_the_values(state_location):
    with pytest.raises(StateError) as raised, state_location.database().open_for_writing() as connection:
        connection.exec_driver_sql(f"INSERT INTO nowhere VALUES ('{SECRET}')")
    assert SECRET not in str(raised.value)


def test_failed_write_is_rolled_back(state_location, lookup_store):
    lookup_store.record_tags({LINE: TagDescriptor(digest("A"), "m")}, state_location.now)
    with pytest.raises(ZeroDivisionError), state_location.database().open_for_writing() as connection:
        connection.exec_driver_sql("DELETE FROM tag_observations").rowcount / 0
    assert lookup_store.load_observations([LINE])


# A server


@pytest.mark.real("postgresql")
def test_password_of_database_server_is_read_from_the_environment(postgresql, monkeypatch):
    address = postgresql.by_loopback(postgresql.fresh())
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert DatabaseLookupStore(Database.postgresql(address), lambda: None).load_descriptors([LINE]) == {}


@pytest.mark.real("postgresql")
def test_password_of_database_server_is_read_from_a_password_file(postgresql, monkeypatch, tmp_path):
    address = postgresql.by_loopback(postgresql.fresh())
    words = tmp_path / "words"
    words.write_text(f"127.0.0.1:*:*:*:{PASSWORD}\n")
    words.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(words))
    assert DatabaseLookupStore(Database.postgresql(address), lambda: None).load_descriptors([LINE]) == {}


@pytest.mark.real("postgresql")
@pytest.mark.parametrize("word", [None, SECRET])
def test_refused_login_to_database_server_is_reported_without_the_password(postgresql, monkeypatch, word):
    address = postgresql.by_loopback(postgresql.fresh())
    if word:
        monkeypatch.setenv("PGPASSWORD", word)
    with pytest.raises(StateError, match="PGPASSWORD") as raised:
        Database.postgresql(address)
    assert SECRET not in str(raised.value)


def test_unreachable_database_server_is_reported_without_the_password():
    with pytest.raises(StateError, match="the server runs") as raised:
        Database.postgresql(f"postgresql://basebump:{SECRET}@127.0.0.1:1/state")
    assert "postgresql+psycopg://basebump:***@127.0.0.1:1/state" in str(raised.value)
    assert SECRET not in str(raised.value)


@pytest.mark.real("postgresql")
def test_missing_permission_to_create_tables_is_reported(postgresql):
    address = postgresql.fresh()
    name = address.partition("?")[0].rpartition("/")[2]
    postgresql.execute("CREATE ROLE reader LOGIN")
    postgresql.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC", name)
    with pytest.raises(StateError, match="create tables"):
        Database.postgresql(address.replace("//basebump@", "//reader@"))


@pytest.mark.real("postgresql")
def test_write_to_server_fails_if_another_process_writes_for_too_long(postgresql, monkeypatch):
    database = Database.postgresql(postgresql.fresh())
    monkeypatch.setattr(opened, "BUSY", 1)
    with (
        database.open_for_writing(),
        pytest.raises(StateError, match="another process"),
        database.open_for_writing(),
    ):
        pass
    with database.open_for_writing():
        pass


def test_missing_database_driver_is_reported_with_installation_hint():
    program = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from bot.model.errors import StateError\nfrom bot.state.database import Database\n"
        "try:\n    Database.postgresql('postgresql+psycopg://a@b/c')\nexcept StateError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.search(r"postgresql\+psycopg://a@b/c.*with the extra `postgresql`", done.stdout)
