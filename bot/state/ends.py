"""The store of superseded tags, in a database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select

from bot.model.history import SupersededTag
from bot.model.reference import Digest, TagRef
from bot.model.vocabulary import REASONS_BY_STATUS, OccurrenceStatus, Reason
from bot.state.database import Database
from bot.state.tables import ENDS, batches, upsert

_WORDS = {reason.value: reason for reason in REASONS_BY_STATUS[OccurrenceStatus.SUPERSEDED]}


class DatabaseEnds:
    """Implements `bot.ports.SupersededStore`; safe to share between threads and with other processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, lines: Collection[TagRef]) -> Mapping[TagRef, SupersededTag]:
        """Return the superseded tags among `tag_refs`, without those whose reason only another release has."""
        with self._database.reading() as connection:
            rows = _rows(connection, lines)
        return {line: _end(row, _WORDS[row.reason]) for line, row in rows.items() if row.reason in _WORDS}

    def record(self, found: Mapping[TagRef, SupersededTag | None], at: datetime) -> None:
        """Store the results of checks made `at` a time; results of a later check by another run stay."""
        if not found:
            return
        with self._database.writing() as connection:
            later = {line for line, row in _rows(connection, found).items() if row.looked_at > at}
            news = {line: found[line] for line in sorted(found) if line not in later}
            upsert(connection, ENDS, [_row(line, end, at) for line, end in news.items() if end is not None])
            over = [{"of": line.repository, "at": line.tag} for line, end in news.items() if end is None]
            if over:
                is_over = (ENDS.c.repository == bindparam("of"), ENDS.c.tag == bindparam("at"))
                connection.execute(delete(ENDS).where(*is_over), over)


def _rows(connection: Connection, lines: Collection[TagRef]) -> dict[TagRef, Row[Any]]:
    wanted = set(lines)
    found: dict[TagRef, Row[Any]] = {}
    for some in batches(sorted({line.repository for line in wanted})):
        for row in connection.execute(select(ENDS).where(ENDS.c.repository.in_(some))):
            if (line := TagRef(row.repository, row.tag)) in wanted:
                found[line] = row
    return found


def _end(row: Row[Any], reason: Reason) -> SupersededTag:
    return SupersededTag(Digest(row.digest), reason, row.detail, row.successor)


def _row(line: TagRef, end: SupersededTag, at: datetime) -> dict[str, Any]:
    return {
        "repository": line.repository,
        "tag": line.tag,
        "digest": end.digest,
        "reason": end.reason.value,
        "detail": end.detail,
        "successor": end.successor,
        "looked_at": at,
    }
