"""The tables of the state in this release. `bot.state.migration` migrates the tables of earlier releases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import islice
from types import ModuleType
from typing import Any, TypeVar

from sqlalchemy import Boolean, Column, Connection, DateTime, Dialect, Integer, MetaData, Table, Text, TypeDecorator

TAGS_KEPT = timedelta(days=400)
"""How long the last observation of a tag is kept. This is a year, and some time for runs that are late."""
LONGEST_RUN = timedelta(days=1)
"""The longest time that a run takes. Only a run with a wrong clock can find data that is even later than its start."""
BATCH_SIZE = 500
"""The maximum number of values in one query. SQLite accepts a few thousand."""

_Item = TypeVar("_Item")


class DamagedValue(Enum):
    """The value of a column that does not contain what basebump writes there."""

    TIME = "time"


class UtcDateTime(TypeDecorator[datetime]):
    """A column type for times with a time zone. SQLite has no time zones, so that times are stored in UTC there.

    If a stored value is not a time, `DamagedValue.TIME` is returned, because an error would lose all rows of the query.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        process = super().result_processor(dialect, coltype)

        def process_damaged(value: Any) -> Any:
            try:
                return process(value) if process is not None else value
            except (ValueError, TypeError, AttributeError, OverflowError):
                return DamagedValue.TIME

        return process_damaged


METADATA = MetaData()

SCHEMA_VERSION = Table("schema_version", METADATA, Column("version", Integer, primary_key=True, autoincrement=False))
"""A table with one row, which contains the version of the tables."""

TAG_OBSERVATIONS = Table(
    "tag_observations",
    METADATA,
    Column("repository", Text, primary_key=True),
    Column("tag", Text, primary_key=True),
    Column(
        "ordinal", Integer, primary_key=True, autoincrement=False
    ),  # orders a tag's rows, because times may be equal
    Column("digest", Text, nullable=False),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
)

TAG_DESCRIPTORS = Table(
    "tag_descriptors",
    METADATA,
    Column("repository", Text, primary_key=True),
    Column("tag", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("etag", Text),
    Column("looked_up_at", UtcDateTime, nullable=False),
)

MANIFESTS = Table(
    "manifests",
    METADATA,
    Column("digest", Text, primary_key=True),
    Column("document", Text, nullable=False),
    Column("stored_at", UtcDateTime, nullable=False),
)

SCANS = Table(
    "scans",
    METADATA,
    Column("digest", Text, primary_key=True),
    Column("platform", Text, primary_key=True),
    Column("scanner", Text, primary_key=True),
    Column("scanner_version", Text, primary_key=True),
    Column("database_built", UtcDateTime, primary_key=True),
    Column("document", Text, nullable=False),
    Column("stored_at", UtcDateTime, nullable=False),
)

SUPERSEDED_TAGS = Table(
    "superseded_tags",
    METADATA,
    Column("repository", Text, primary_key=True),
    Column("tag", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("successor", Text),
    Column("checked_at", UtcDateTime, nullable=False),
)

BRANCH_PUSHES = Table(
    "branch_pushes",
    METADATA,
    Column("forge", Text, primary_key=True),
    Column("host", Text, primary_key=True),  # empty for a local folder
    Column("repository", Text, primary_key=True),
    Column("branch", Text, primary_key=True),
    Column("commit_id", Text, nullable=False),
    Column("intent", Text, nullable=False),
    Column("pushed_at", UtcDateTime, nullable=False),
)


OPENINGS = Table(
    "openings",
    METADATA,
    Column("forge", Text, primary_key=True),
    Column("host", Text, primary_key=True),  # empty for a local folder
    Column("repository", Text, primary_key=True),
    Column("branch", Text, primary_key=True),
    Column("counts_per_run", Boolean, nullable=False),
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
    """Return the module with the statements of the database. Importing both of them would take long."""
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
