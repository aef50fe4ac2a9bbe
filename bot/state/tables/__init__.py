"""The tables of the state in this release. `bot.state.migration` migrates the tables of earlier releases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from types import ModuleType
from typing import Any, TypeVar

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Constraint,
    DateTime,
    Dialect,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.ext.compiler import compiles

TAGS_KEPT = timedelta(days=400)
"""How long the last observation of a tag is kept. This is a year, and some time for runs that are late."""
LONGEST_RUN = timedelta(days=1)
"""The longest time that a run takes. Only a run with a wrong clock can find data that is even later than its start."""
BATCH_SIZE = 500
"""The maximum number of values in one query. SQLite accepts a few thousand."""

EARLIEST_TIME, LATEST_TIME = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""The range of stored times. Python cannot compute with times near the years 1 and 9999, which forges and images state
if they do not know a time."""

_Item = TypeVar("_Item")


class UtcDateTime(TypeDecorator[datetime]):
    """A column type for times with a time zone. SQLite has no time zones, so that times are stored in UTC there.

    A time out of range is stored, and read, as the nearest time in range.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment = _limit_time(value)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return _limit_time(value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value)


def _limit_time(time: datetime) -> datetime:
    """Return the time in UTC, or the nearest time in range."""
    return min(max(time, EARLIEST_TIME), LATEST_TIME).astimezone(UTC)


class StorableText(TypeDecorator[str]):
    """A column type for texts. Characters that no database can store are replaced in every statement.

    Texts from outside can contain such characters. The driver of a database would refuse the whole statement.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else make_storable(value)


def is_storable(text: str) -> bool:
    """Return True if every database can store the text. A database stores neither NUL nor invalid Unicode."""
    return text == make_storable(text)


def make_storable(text: str) -> str:
    """Return the text with `?` in place of every character that no database can store."""
    return text.replace("\0", "?").encode("utf-8", "replace").decode()


@compiles(Boolean, "sqlite")
@compiles(DateTime, "sqlite")
def _name_strict_type(column_type: Boolean | DateTime, _: object, **__: object) -> str:
    """Return the type of a column in SQLite. Strict tables have neither BOOLEAN nor DATETIME."""
    return "INTEGER" if isinstance(column_type, Boolean) else "TEXT"


METADATA = MetaData()


def define_table(name: str, *items: Column[Any] | Constraint | Index, has_rowid: bool = True) -> Table:
    """Add a table to METADATA. It is strict, so that SQLite refuses values of wrong types as PostgreSQL does."""
    return Table(name, METADATA, *items, sqlite_strict=True, sqlite_with_rowid=has_rowid)


SCHEMA_VERSION = define_table("schema_version", Column("version", Integer, primary_key=True, autoincrement=False))
"""A table with one row, which contains the version of the tables."""

TAG_OBSERVATIONS = define_table(
    "tag_observations",
    Column("repository", StorableText, primary_key=True),
    Column("tag", StorableText, primary_key=True),
    Column(
        "ordinal", Integer, primary_key=True, autoincrement=False
    ),  # orders a tag's rows, because times may be equal
    Column("digest", StorableText, nullable=False),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
)

TAG_DESCRIPTORS = define_table(
    "tag_descriptors",
    Column("repository", StorableText, primary_key=True),
    Column("tag", StorableText, primary_key=True),
    Column("digest", StorableText, nullable=False),
    Column("media_type", StorableText, nullable=False),
    Column("etag", StorableText),
    Column("looked_up_at", UtcDateTime, nullable=False),
)

MANIFESTS = define_table(
    "manifests",
    Column("digest", StorableText, primary_key=True),
    Column("document", StorableText, nullable=False),
    Column("stored_at", UtcDateTime, nullable=False),
)

SUPERSEDED_TAGS = define_table(
    "superseded_tags",
    Column("repository", StorableText, primary_key=True),
    Column("tag", StorableText, primary_key=True),
    Column("digest", StorableText, nullable=False),
    Column("reason", StorableText, nullable=False),
    Column("detail", StorableText, nullable=False),
    Column("successor", StorableText),
    Column("checked_at", UtcDateTime, nullable=False),
)

BRANCH_PUSHES = define_table(
    "branch_pushes",
    Column("forge", StorableText, primary_key=True),
    Column("host", StorableText, primary_key=True),  # empty for a local folder
    Column("repository", StorableText, primary_key=True),
    Column("branch", StorableText, primary_key=True),
    Column("commit_id", StorableText, nullable=False),
    Column("intent", StorableText, nullable=False),
    Column("pushed_at", UtcDateTime, nullable=False),
)


OPENINGS = define_table(
    "openings",
    Column("forge", StorableText, primary_key=True),
    Column("host", StorableText, primary_key=True),  # empty for a local folder
    Column("repository", StorableText, primary_key=True),
    Column("branch", StorableText, primary_key=True),
    Column("counts_in_window", Boolean, nullable=False),
    Column("is_first_of_repository", Boolean, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
)


def write_rows(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], key: Sequence[str] | None = None
) -> None:
    """Insert rows. An existing row with the same key is overwritten. Without `key`, the key is the primary key."""
    if not rows:
        return
    dialect = import_dialect(connection)
    statement = dialect.insert(table)
    keys = [table.c[name] for name in key] if key is not None else list(table.primary_key)
    values = {name: statement.excluded[name] for name in rows[0] if table.c[name] not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=values), rows)


def import_dialect(connection: Connection) -> ModuleType:
    """Return SQLAlchemy's module for the dialect of the database.

    It is imported only here, because importing the modules of both databases would take long.
    """
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects import sqlite  # noqa: PLC0415 - the reason is above

        return sqlite
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - as above

    return postgresql


def split_into_batches(values: Sequence[_Item]) -> Iterator[list[_Item]]:
    """Yield the values in lists that are short enough for one query."""
    remaining = iter(values)
    while batch := list(islice(remaining, BATCH_SIZE)):
        yield batch
