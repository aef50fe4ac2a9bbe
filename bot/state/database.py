"""One database: transactions that read, transactions that write alone, and errors in words that help.

A run asks some ten questions, minutes apart, so that each has a connection of its own: nothing has to be closed in
the end, and no server or firewall can hang up in between.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bot.model.errors import StateError, UnusableStateError
from bot.net import plain
from bot.state.migration import NewerSchemaError, bring_up_to_date

BUSY = 30
"""Seconds to wait for another process that writes; writing what a run saw of a thousand images takes less than one."""
CONNECT = 10
"""Seconds to wait for a server."""
ALONE = 0x6261736562756D70
"""The advisory lock of those who write: `basebump` in ASCII."""
_WRITES = "basebump_writes"

FOLDER_ADVICE = "see that its folder is there, and that basebump may write to the folder and the file"
TABLES_ADVICE = "let its user create tables in the schema, and read and write them"
_DAMAGED = "move it away, and basebump begins a new one; the ages of digests begin again with it"
_BUSY = f"another process has been writing to it for {BUSY} seconds; see which one hangs"
_FULL = "make room on its disk"
_OTHERWISE = "if it stays so, go without `state:` until it is mended"
_ADVICE = {
    sqlite3.SQLITE_CANTOPEN: FOLDER_ADVICE,
    sqlite3.SQLITE_READONLY: FOLDER_ADVICE,
    sqlite3.SQLITE_PERM: FOLDER_ADVICE,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_FULL: _FULL,
    "55P03": _BUSY,
    "53100": _FULL,
    "42501": TABLES_ADVICE,
    None: "see that the server runs and lets basebump in; a password is taken from PGPASSWORD or a password file",
}
"""What to do, by SQLite's codes (https://www.sqlite.org/rescode.html) and PostgreSQL's, which has none where there was
no connection (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""


_UNUSABLE = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


class Database:
    """A database with our tables in it."""

    def __init__(self, engine: Engine, shown: str) -> None:
        self._engine, self._shown = engine, shown

    @classmethod
    def sqlite(cls, path: Path) -> Database:
        """Return a database in a file, which is made where it is not there. Raises StateError."""
        url = URL.create("sqlite", database=str(path))
        engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY})
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        return cls(engine, str(path)).ready()

    @classmethod
    def sqlite_as_it_is(cls, path: Path) -> Database:
        """Return a database in a file that is there, to be read alone: neither it nor its folder is written to."""
        log = path.with_name(f"{path.name}-wal")  # what was written last may be in there, and not in the file
        address = f"{path.absolute().as_uri()}?{'mode=ro' if log.exists() else 'immutable=1'}"
        engine = create_engine("sqlite://", poolclass=NullPool, creator=lambda: sqlite3.connect(address, uri=True))
        return cls(engine, str(path))

    @classmethod
    def postgresql(cls, address: str) -> Database:
        """Return a database of a server. Raises StateError."""
        return cls.postgresql_as_it_is(address).ready()

    @classmethod
    def postgresql_as_it_is(cls, address: str) -> Database:
        """Return a database of a server, whatever is in it. Raises StateError."""
        url = make_url(address).set(drivername="postgresql+psycopg")
        shown = url.render_as_string(hide_password=True)
        options = {"connect_timeout": CONNECT}
        try:  # whoever waited for the lock must see what was written meanwhile, which stricter levels hide
            engine = create_engine(url, poolclass=NullPool, isolation_level="READ COMMITTED", connect_args=options)
        except ImportError as error:
            raise StateError(f"{shown} needs a driver: install `basebump[postgresql]`") from error
        return cls(engine, shown)

    @property
    def shown(self) -> str:
        """What messages call it."""
        return self._shown

    def ready(self) -> Database:
        """Return it with the tables of this release in it. Raises StateError."""
        with self.writing() as connection:
            try:
                bring_up_to_date(connection)
            except NewerSchemaError as error:
                what = f"the state in {self._shown}: {error}; update basebump, or name another"
                raise UnusableStateError(what) from error
        return self

    def read_through(self) -> None:
        """Look at every page of a file of SQLite. Raises StateError."""
        with self.reading() as connection:
            said: str = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        if said != "ok":
            raise UnusableStateError(f"the state in {self._shown}: {plain(said)}; {_DAMAGED}")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Run what sees the database at one moment. Raises StateError."""
        with self._told(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Run what no other process may come between; all of it happens, or nothing. Raises StateError."""
        with (
            self._told(),
            self._engine.connect().execution_options(**{_WRITES: True}) as connection,
            connection.begin(),
        ):
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SET LOCAL lock_timeout = '{BUSY}s'"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ALONE})
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            kind = UnusableStateError if _code_of(error) in _UNUSABLE else StateError
            raise kind(f"the state in {self._shown}: {_said(error)}") from error
        except SQLAlchemyError as error:  # its text may hold what was to be written
            raise StateError(f"the state in {self._shown}: {type(error).__name__}; {_OTHERWISE}") from error


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where Python's module guesses
    with suppress(sqlite3.OperationalError):  # another process changes it right now, for which SQLite does not wait
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


def _begin(connection: Connection) -> None:
    """Take the lock at once where something will be written: a reader cannot become a writer after another did."""
    is_writer = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")


def _said(error: DBAPIError) -> str:
    """Return the database's own words and what to do; not its details, which repeat what was to be written."""
    cause = error.orig
    words = getattr(getattr(cause, "diag", None), "message_primary", None) or str(cause)
    return f"{plain(words)}; {_ADVICE.get(_code_of(error), _OTHERWISE)}"


def _code_of(error: DBAPIError) -> int | str | None:
    """Return SQLite's code, without what extends it, or PostgreSQL's, which has none where there was no connection."""
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    return getattr(error.orig, "sqlstate", None)
