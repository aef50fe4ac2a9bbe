"""The migration that adds the tables of the inventory."""

from __future__ import annotations

from sqlalchemy import Connection

_SQLITE_WORDS = {"ID": "INTEGER NOT NULL", "TIME": "DATETIME", "CLUSTERED": " WITHOUT ROWID"}
_POSTGRESQL_WORDS = {"ID": "SERIAL NOT NULL", "TIME": "TIMESTAMP WITH TIME ZONE", "CLUSTERED": ""}
_STATEMENTS = (
    """CREATE TABLE tags (id {ID}, repository TEXT NOT NULL, tag TEXT NOT NULL,
        PRIMARY KEY (id), UNIQUE (repository, tag))""",
    "CREATE TABLE digests (id {ID}, digest TEXT NOT NULL, PRIMARY KEY (id), UNIQUE (digest))",
    """CREATE TABLE branches (id {ID}, forge TEXT NOT NULL, host TEXT NOT NULL, repository TEXT NOT NULL,
        base_branch TEXT NOT NULL, head TEXT NOT NULL, reader TEXT NOT NULL, has_unread_files BOOLEAN NOT NULL,
        first_read_at {TIME} NOT NULL, read_at {TIME} NOT NULL, seen_at {TIME} NOT NULL,
        PRIMARY KEY (id), UNIQUE (repository, base_branch, host, forge))""",
    """CREATE TABLE settled_branches (branch INTEGER NOT NULL, tree TEXT, activity TEXT, is_public BOOLEAN,
        rules TEXT NOT NULL, evidence TEXT NOT NULL, due_at {TIME}, PRIMARY KEY (branch))""",
    """CREATE TABLE branch_tags (branch INTEGER NOT NULL, tag INTEGER NOT NULL, digest INTEGER NOT NULL,
        PRIMARY KEY (branch, tag)){CLUSTERED}""",
    """CREATE TABLE branch_tag_lists (branch INTEGER NOT NULL, tag INTEGER NOT NULL, fingerprint TEXT NOT NULL,
        PRIMARY KEY (branch, tag)){CLUSTERED}""",
    """CREATE TABLE image_references (branch INTEGER NOT NULL, ordinal INTEGER NOT NULL, path TEXT NOT NULL,
        line_number INTEGER NOT NULL, format TEXT NOT NULL, written TEXT NOT NULL, owners TEXT NOT NULL,
        tag INTEGER NOT NULL, digest INTEGER NOT NULL, status TEXT NOT NULL, reason TEXT,
        PRIMARY KEY (branch, ordinal)){CLUSTERED}""",
    "CREATE INDEX image_references_by_tag ON image_references (tag)",
    """CREATE TABLE spans (branch INTEGER NOT NULL, tag INTEGER NOT NULL, digest INTEGER NOT NULL,
        first_seen {TIME} NOT NULL, ended_at {TIME}, PRIMARY KEY (branch, tag, digest, first_seen)){CLUSTERED}""",
    "CREATE INDEX spans_by_tag ON spans (tag, digest)",
    """CREATE TABLE requests (branch INTEGER NOT NULL, head_branch TEXT NOT NULL, number INTEGER NOT NULL,
        state TEXT NOT NULL, url TEXT, opened_at {TIME}, ended_at {TIME}, targets TEXT NOT NULL, fixes TEXT,
        PRIMARY KEY (branch, head_branch, number)){CLUSTERED}""",
    "CREATE TABLE reports (branch INTEGER NOT NULL, document TEXT NOT NULL, PRIMARY KEY (branch))",
    """CREATE TABLE transition_evidence (id {ID}, transition TEXT NOT NULL, document TEXT NOT NULL,
        PRIMARY KEY (id), UNIQUE (transition))""",
    """CREATE TABLE branch_evidence (branch INTEGER NOT NULL, evidence INTEGER NOT NULL,
        PRIMARY KEY (branch, evidence)){CLUSTERED}""",
    "CREATE INDEX branch_evidence_by_evidence ON branch_evidence (evidence)",
)


def migrate_to_version_4(connection: Connection) -> None:
    """Add the tables of the inventory."""
    words = _SQLITE_WORDS if connection.dialect.name == "sqlite" else _POSTGRESQL_WORDS
    for statement in _STATEMENTS:
        connection.exec_driver_sql(statement.format_map(words))
