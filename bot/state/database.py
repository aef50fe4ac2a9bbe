"""The database of the state: transactions for reading and for writing, and error messages with hints.

A run makes about ten queries, minutes apart, and opens a new connection for each query. Therefore nothing has to be
closed at the end of a run, and no server or firewall can drop an idle connection. Only the service keeps connections.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError

from bot.model.errors import StateError, UnusableStateError
from bot.state.migration import MIGRATIONS, NewerSchemaError, get_version, migrate_tables

BUSY = 30
"""Seconds to wait for another writing process. Writing the state of a thousand images takes less than a second."""
CONNECT_TIMEOUT = 10
"""Seconds to wait for a connection to a server."""
MAX_KEPT = 10
"""The maximum number of connections that a service keeps. It uses at most twice as many at the same time."""
LONGEST_KEPT = 600
"""The number of seconds after which a kept connection is replaced."""
WRITER_LOCK = 0x6261736562756D70
"""The key of PostgreSQL's advisory lock for writers: `basebump` in ASCII."""
SIDE_FILE_SUFFIXES = ("-wal", "-shm", "-journal")
"""Suffixes of the files that SQLite writes next to a database: https://www.sqlite.org/tempfiles.html."""
STRICT_SINCE = (3, 37)
"""The first version of SQLite with strict tables: https://www.sqlite.org/stricttables.html."""
_OWNER_ONLY = 0o600
_WRITES = "basebump_writes"

FOLDER_ADVICE = "make sure that its folder exists, and that basebump may write to the folder and the file"
CREATING_COMMAND = "`basebump run` with this config"
"""The command that creates and migrates a state."""
TABLES_ADVICE = "let its user create tables in the schema, and read and write them"
_DAMAGED = "move the file away, so that basebump creates a new one; minimum ages then start again"
_DAMAGED_SERVER = "restore a backup, or use an empty database; minimum ages then start again"
_BUSY = f"another process has been writing to the database for {BUSY} seconds, so find out whether it hangs"
_FULL = "free some space on the disk of the database"
_OTHERWISE = "if this persists, remove `state` from the config until the database is repaired"
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
    None: "make sure that the server runs and accepts the login; the password is that of PGPASSWORD or a password file",
}
"""The hint for each error code of the database.

SQLite's codes: https://www.sqlite.org/rescode.html. PostgreSQL's:
https://www.postgresql.org/docs/current/errcodes-appendix.html.
The key None is for a PostgreSQL server that could not be reached, and therefore returned no code.
"""


_UNUSABLE_CODES = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


class Database:
    """A database with the tables of basebump's state."""

    def __init__(self, engine: Engine, display_name: str) -> None:
        self._engine, self._display_name = engine, display_name

    @classmethod
    def sqlite(cls, path: Path) -> Database:
        """Open a database in a file, and create the file or migrate its tables if necessary. Raises StateError.

        As a side effect, only the owner can access the file from then on.
        """
        return cls.sqlite_unmigrated(path).migrate()

    @classmethod
    def sqlite_unmigrated(cls, path: Path) -> Database:
        """Open a database in a file without creating or migrating its tables. The side effect is that of `sqlite`.

        Raises StateError if SQLite is too old for strict tables.
        """
        if sqlite3.sqlite_version_info < STRICT_SINCE:
            raise StateError(
                f"cannot use the state in {path}: SQLite {sqlite3.sqlite_version} has no strict tables; hint: use a "
                "Python with SQLite 3.37 or newer, or a state in PostgreSQL"
            )
        _make_private(path)
        url = URL.create("sqlite", database=str(path))
        engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY})
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        return cls(engine, str(path))

    @classmethod
    def sqlite_read_only(cls, path: Path) -> Database:
        """Open a database in an existing file for reading only. Nothing is written to the file or to its folder."""
        write_ahead_log = path.with_name(
            f"{path.name}-wal"
        )  # it may contain the latest writes, which are not in the file yet
        address = f"{path.absolute().as_uri()}?{'mode=ro' if write_ahead_log.exists() else 'immutable=1'}"
        engine = create_engine("sqlite://", poolclass=NullPool, creator=lambda: sqlite3.connect(address, uri=True))
        return cls(engine, str(path))

    @classmethod
    def sqlite_for_queries(cls, path: Path) -> Database:
        """Open a database in an existing file for commands that change nothing, while other processes may write to it.

        To read beside writers, SQLite needs files next to the database. In a read-only folder, it reads without them.
        """
        if not os.access(path.absolute().parent, os.W_OK):
            return cls.sqlite_read_only(path)
        address = f"{path.absolute().as_uri()}?mode=rw"
        engine = create_engine(
            "sqlite://",
            poolclass=NullPool,
            creator=lambda: sqlite3.connect(address, uri=True, timeout=BUSY, isolation_level=None),
        )
        event.listen(engine, "connect", _forbid_writes)
        event.listen(engine, "begin", _begin)
        return cls(engine, str(path))

    @classmethod
    def postgresql_for_queries(cls, address: str) -> Database:
        """Open a database on a server for commands that change nothing. The errors are those of `postgresql`."""
        return cls.postgresql_unmigrated(address, is_read_only=True)

    @classmethod
    def postgresql(cls, address: str) -> Database:
        """Open a database on a server, and create or migrate its tables. Raises StateError."""
        return cls.postgresql_unmigrated(address).migrate()

    @classmethod
    def postgresql_unmigrated(cls, address: str, *, is_read_only: bool = False) -> Database:
        """Open a database on a server without creating or migrating its tables.

        Raises StateError if the PostgreSQL driver is not installed.
        """
        url = make_url(address).set(drivername="postgresql+psycopg")
        shown = url.render_as_string(hide_password=True)
        try:
            engine = _create_server_engine(url, poolclass=NullPool)
        except ImportError as error:
            raise StateError(
                f"cannot use the state in {shown}: the PostgreSQL driver is missing; hint: install "
                "basebump with the extra `postgresql`"
            ) from error
        if is_read_only:  # `postgresql_readonly=False` would write to a database that its operator made read-only
            engine = engine.execution_options(postgresql_readonly=True)
        return cls(engine, shown)

    def keep_connections(self) -> Database:
        """Return a database that keeps its connections to a server, for processes that make many queries.

        Opening a connection takes longer than most queries. Each kept connection is tested before it is used, so that
        it does not matter if the server or a firewall closed it.
        """
        if self._engine.dialect.name != "postgresql":
            return self
        pool = {"pool_size": MAX_KEPT, "max_overflow": MAX_KEPT, "pool_pre_ping": True, "pool_recycle": LONGEST_KEPT}
        engine = _create_server_engine(self._engine.url, **pool)
        database = Database(engine, self._display_name)
        weakref.finalize(database, engine.dispose)
        return database

    @property
    def display_name(self) -> str:
        """The file name, or the URL without its password, for messages."""
        return self._display_name

    def migrate(self) -> Database:
        """Create the tables, or migrate those of an earlier release, and return the database. Raises StateError."""
        with self.open_for_writing() as connection:
            try:
                migrate_tables(connection)
            except NewerSchemaError as error:
                raise self._refuse_newer(error) from error
        return self

    def check_version(self) -> Database:
        """Return the database if its tables are those of this release. Raises StateError, and migrates nothing."""
        supported_version = 1 + len(MIGRATIONS)
        with self.open_for_reading() as connection:
            found_version = get_version(connection)
        if found_version is None:
            raise StateError(f"there is no state in {self._display_name} yet; hint: {CREATING_COMMAND} creates it")
        if found_version > supported_version:
            raise self._refuse_newer(NewerSchemaError(found_version, supported_version))
        if found_version < supported_version:
            raise StateError(
                f"cannot read the state in {self._display_name}: its tables have version {found_version}, and this "
                f"release reads version {supported_version}; hint: {CREATING_COMMAND} migrates them"
            )
        return self

    def check_pages(self) -> None:
        """Check every page of an SQLite file. Raises UnusableStateError if a page is damaged.

        Raises StateError if the file cannot be read.
        """
        from bot.net import sanitize_text  # noqa: PLC0415 - it imports an HTTP client, and only error messages need it

        with self.open_for_reading() as connection:
            check_result: str = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        if check_result != "ok":
            raise UnusableStateError(
                f"the state in {self._display_name} is damaged: {sanitize_text(check_result)}; hint: {_DAMAGED}"
            )

    @contextmanager
    def open_for_reading(self) -> Iterator[Connection]:
        """Open a connection for reading. Raises StateError."""
        with self._translate_errors(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def open_for_writing(self) -> Iterator[Connection]:
        """Open a connection for one transaction during which no other process can write. Raises StateError."""
        with (
            self._translate_errors(),
            self._engine.connect().execution_options(**{_WRITES: True}) as connection,
            connection.begin(),
        ):
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SET LOCAL lock_timeout = '{BUSY}s'"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER_LOCK})
            yield connection

    @contextmanager
    def open_for_row_writes(self) -> Iterator[Connection]:
        """Open a connection for a short transaction that changes single rows. Raises StateError.

        On PostgreSQL, such transactions run beside each other and beside those of `open_for_writing`. SQLite allows
        only one writer.
        """
        with (
            self._translate_errors(),
            self._engine.connect().execution_options(**{_WRITES: True}) as connection,
            connection.begin(),
        ):
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SET LOCAL lock_timeout = '{BUSY}s'"))
            yield connection

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Translate errors of SQLAlchemy, of the driver, and of code that reads a row into StateError.

        basebump never writes values that cause errors when they are read, but users and damaged disks can change a
        database. The driver of SQLite raises OverflowError if a number is too large to be stored.
        """
        try:
            yield
        except DBAPIError as error:
            if _is_unreadable_value(error):
                raise self._describe_damage(error) from error
            kind = UnusableStateError if _get_code(error) in _UNUSABLE_CODES else StateError
            raise kind(f"cannot use the state in {self._display_name}: {_describe_error(error)}") from error
        except (SQLAlchemyError, OverflowError) as error:  # the error's text may contain the values to be written
            raise StateError(
                f"cannot use the state in {self._display_name}: {type(error).__name__}; hint: {_OTHERWISE}"
            ) from error
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise self._describe_damage(error) from error

    def _refuse_newer(self, error: NewerSchemaError) -> UnusableStateError:
        return UnusableStateError(
            f"cannot use the state in {self._display_name}: {error}; hint: update basebump, or configure another "
            "database"
        )

    def _describe_damage(self, error: Exception) -> UnusableStateError:
        hint = _DAMAGED if self._engine.dialect.name == "sqlite" else _DAMAGED_SERVER
        return UnusableStateError(
            f"the state in {self._display_name} is damaged: it contains values that basebump never writes "
            f"({type(error).__name__}); hint: {hint}"
        )


def _create_server_engine(url: URL, **pool: Any) -> Engine:
    """Return an engine for a server. Raises ImportError if the PostgreSQL driver is not installed.

    A writer that waited for the lock must see what was written meanwhile, which stricter isolation levels hide.
    """
    options = {"connect_timeout": CONNECT_TIMEOUT}
    return create_engine(url, isolation_level="READ COMMITTED", connect_args=options, **pool)


def _make_private(path: Path) -> None:
    """Create a database file that only its owner can access, or remove the access of others to an existing one.

    The state contains private findings. SQLite gives the files that it creates next to a database the same permissions.
    An error is ignored, because opening the database then fails with an explanation, or the file has another owner.
    """
    with suppress(OSError):
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OWNER_ONLY))
        except FileExistsError:  # the file is not opened, because closing it would release the locks of SQLite
            for each in (path, *(path.with_name(f"{path.name}{suffix}") for suffix in SIDE_FILE_SUFFIXES)):
                if each.exists():
                    each.chmod(stat.S_IMODE(each.stat().st_mode) & _OWNER_ONLY)


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin at BEGIN, and not where Python's module begins them
    with suppress(sqlite3.OperationalError):  # SQLite does not wait if another process is changing the mode
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


def _forbid_writes(connection: Any, _: object) -> None:
    connection.execute("PRAGMA query_only = ON")


def _begin(connection: Connection) -> None:
    """Begin a transaction. If the transaction will write, take SQLite's lock for writers at once.

    If the lock were taken only at the first write, SQLite would refuse it if another process wrote in the meantime.
    """
    is_writer = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")


def _describe_error(error: DBAPIError) -> str:
    """Return the main message of the database and a hint.

    Details of the message are left out, because they repeat the values to be written.
    """
    from bot.net import sanitize_text  # noqa: PLC0415 - it imports an HTTP client, and only error messages need it

    cause = error.orig
    words = getattr(getattr(cause, "diag", None), "message_primary", None) or str(cause)
    return f"{sanitize_text(words)}; hint: {_ADVICE.get(_get_code(error), _OTHERWISE)}"


def _is_unreadable_value(error: DBAPIError) -> bool:
    """Return True if the driver, and not the database, reports the error because it cannot convert a stored value.

    SQLite's driver fails at a text that is not UTF-8, and PostgreSQL's at a time outside of the years 1 to 9999.
    """
    if isinstance(error.orig, sqlite3.OperationalError):
        return not hasattr(error.orig, "sqlite_errorcode")
    return isinstance(error, DataError) and _get_code(error) is None


def _get_code(error: DBAPIError) -> int | str | None:
    """Return SQLite's primary error code, or PostgreSQL's SQLSTATE. Return None if PostgreSQL could not be reached."""
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    return getattr(error.orig, "sqlstate", None)
