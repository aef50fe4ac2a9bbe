"""The migration for what happens after a merge: own builds, failed checks, clusters, and due dates until then."""

from __future__ import annotations

from sqlalchemy import Connection

from bot.state.work_migration import choose_words

_STATEMENTS = (
    """CREATE TABLE clusters (id {ID}, name TEXT NOT NULL, read_at {TIME}, problem TEXT, detail TEXT NOT NULL,
        PRIMARY KEY (id), UNIQUE (name))""",
    """CREATE TABLE running_images (id {ID}, cluster INTEGER NOT NULL, namespace TEXT NOT NULL,
        workload_kind TEXT NOT NULL, workload TEXT NOT NULL, container TEXT NOT NULL, tag INTEGER NOT NULL,
        digest INTEGER NOT NULL, pods INTEGER NOT NULL, since {TIME}, first_seen_at {TIME} NOT NULL, ended_at {TIME},
        PRIMARY KEY (id))""",
    "CREATE INDEX running_images_by_cluster ON running_images (cluster)",
    "CREATE INDEX running_images_by_tag ON running_images (tag)",
    """CREATE TABLE own_builds (id {ID}, repository TEXT NOT NULL, digest TEXT NOT NULL, built_at {TIME},
        read_at {TIME} NOT NULL, document TEXT NOT NULL, PRIMARY KEY (id), UNIQUE (repository, digest))""",
    """CREATE TABLE failed_checks (branch INTEGER NOT NULL, head TEXT NOT NULL, name TEXT NOT NULL, url TEXT,
        PRIMARY KEY (branch))""",
    """CREATE TABLE unwanted_digests (repository TEXT NOT NULL, digest TEXT NOT NULL, reason TEXT NOT NULL,
        seen_at {TIME} NOT NULL, PRIMARY KEY (repository, digest))""",
    "ALTER TABLE requests ADD COLUMN due_for TEXT",
    "ALTER TABLE requests ADD COLUMN due_until TEXT",
)


def migrate_to_version_10(connection: Connection) -> None:
    """Add the tables for what happens after a merge, and columns for due dates."""
    words = choose_words(connection)
    for statement in _STATEMENTS:
        connection.exec_driver_sql(statement.format_map(words))
