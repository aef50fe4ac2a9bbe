"""The migrations that add the tables of the service, the indexes that it needs, and the number of interruptions."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

_SQLITE_WORDS = {"ID": "INTEGER NOT NULL", "TIME": "DATETIME", "CLUSTERED": " WITHOUT ROWID"}
_POSTGRESQL_WORDS = {"ID": "SERIAL NOT NULL", "TIME": "TIMESTAMP WITH TIME ZONE", "CLUSTERED": ""}
_STATEMENTS = (
    """CREATE TABLE pending_work (kind TEXT NOT NULL, forge TEXT NOT NULL, host TEXT NOT NULL,
        repository TEXT NOT NULL, tag TEXT NOT NULL, priority INTEGER NOT NULL, reason TEXT NOT NULL,
        trace TEXT NOT NULL, version INTEGER NOT NULL, requested_at {TIME} NOT NULL, due_at {TIME} NOT NULL,
        latest_due_at {TIME} NOT NULL, pushed_at {TIME}, worker TEXT, claimed_version INTEGER,
        claimed_until {TIME}, attempts INTEGER NOT NULL, error TEXT,
        PRIMARY KEY (kind, forge, host, repository, tag)){CLUSTERED}""",
    "CREATE INDEX pending_work_by_priority ON pending_work (priority, requested_at)",
    """CREATE TABLE finished_work (id {ID}, kind TEXT NOT NULL, forge TEXT NOT NULL, host TEXT NOT NULL,
        repository TEXT NOT NULL, tag TEXT NOT NULL, trace TEXT NOT NULL, reason TEXT NOT NULL,
        started_at {TIME} NOT NULL, ended_at {TIME} NOT NULL, result TEXT NOT NULL, is_failure BOOLEAN NOT NULL,
        opened INTEGER NOT NULL, pushed_at {TIME}, PRIMARY KEY (id))""",
    "CREATE INDEX finished_work_by_end ON finished_work (ended_at)",
    """CREATE TABLE deliveries (sender TEXT NOT NULL, delivery TEXT NOT NULL, received_at {TIME} NOT NULL,
        outcome TEXT NOT NULL, trace TEXT NOT NULL, subjects TEXT NOT NULL, repeats INTEGER NOT NULL,
        PRIMARY KEY (sender, delivery)){CLUSTERED}""",
    "CREATE INDEX deliveries_by_time ON deliveries (received_at)",
    "CREATE INDEX branch_tags_by_tag ON branch_tags (tag)",
    "CREATE INDEX branch_tag_lists_by_tag ON branch_tag_lists (tag)",
)


def choose_words(connection: Connection) -> Mapping[str, str]:
    """Return the words of the database's dialect of SQL for the placeholders in statements of migrations."""
    return _SQLITE_WORDS if connection.dialect.name == "sqlite" else _POSTGRESQL_WORDS


def migrate_to_version_9(connection: Connection) -> None:
    """Add the tables of pending work, finished work and deliveries."""
    words = choose_words(connection)
    for statement in _STATEMENTS:
        connection.exec_driver_sql(statement.format_map(words))


def migrate_to_version_11(connection: Connection) -> None:
    """Add the number of interruptions of pending work."""
    connection.exec_driver_sql("ALTER TABLE pending_work ADD COLUMN interruptions INTEGER NOT NULL DEFAULT 0")
