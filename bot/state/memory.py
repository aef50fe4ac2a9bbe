"""The memory over a database: what tags pointed to and when, what was fetched, and what scanners found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json
from sqlalchemy import Connection, Row, and_, delete, func, select

from bot.model.evidence import Scan, ScannerIdentity, Subject
from bot.model.history import Sighting
from bot.model.image import Claim, Kept
from bot.model.reference import Digest, Line
from bot.state.database import Database
from bot.state.tables import ANSWERS, ENDS, EVIDENCE, LINES_KEPT, MANIFESTS, SIGHTINGS, batches, upsert

MANIFESTS_KEPT = timedelta(days=90)
"""Fetching one again each season costs less than keeping those of images that nobody uses any more."""
EVIDENCE_KEPT = timedelta(days=5)
"""Databases are built several times a day, and scanners refuse one of this age."""
MAX_DOCUMENT = 4 * 1024 * 1024
"""Characters; five thousand findings take a third of it. What is longer is made anew each time."""

_KEPT = TypeAdapter(Kept)
_SCAN = TypeAdapter(Scan)
_OF_A_SCAN = frozenset(each.name for each in fields(Scan))
_Item = TypeVar("_Item")


class DatabaseMemory:
    """Implements `bot.ports.Memory`; safe to share between threads, and with other processes."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    def sightings(self, lines: Collection[Line]) -> Mapping[Line, tuple[Sighting, ...]]:
        """Return what was seen of each line, oldest first; lines that were never seen are left out."""
        wanted, found = set(lines), defaultdict[Line, list[Sighting]](list)
        order = (SIGHTINGS.c.repository, SIGHTINGS.c.tag, SIGHTINGS.c.ordinal)
        with self._database.reading() as connection:
            for some in batches(sorted({line.repository for line in wanted})):
                rows = connection.execute(select(SIGHTINGS).where(SIGHTINGS.c.repository.in_(some)).order_by(*order))
                for row in rows:
                    if (line := Line(row.repository, row.tag)) in wanted:
                        found[line].append(_sighting(row))
        return {line: tuple(sightings) for line, sightings in found.items()}

    def claims(self, lines: Collection[Line]) -> Mapping[Line, Claim]:
        """Return the last answer for each line; lines that were never seen are left out."""
        found: dict[Line, Claim] = {}
        with self._database.reading() as connection:
            for some in batches(sorted({line.repository for line in lines})):
                for row in connection.execute(select(ANSWERS).where(ANSWERS.c.repository.in_(some))):
                    found[Line(row.repository, row.tag)] = Claim(Digest(row.digest), row.media_type, row.etag)
        return {line: found[line] for line in lines if line in found}

    def saw(self, claims: Mapping[Line, Claim], at: datetime) -> None:
        """Write down what tags pointed to, and drop what is too old to be of use.

        What another run has seen later stands: an older answer is no return of the tag to what it has left.
        """
        with self._database.writing() as connection:
            last = _last_sightings(connection, claims)
            news = [line for line in sorted(claims) if line not in last or last[line].last_seen <= at]
            seen = [_seen(line, claims[line].digest, last.get(line), at) for line in news]
            upsert(connection, SIGHTINGS, seen)
            upsert(connection, ANSWERS, [_answer(line, claims[line], at) for line in news])
            _prune(connection, at)

    def manifests(self, digests: Collection[Digest]) -> Mapping[Digest, Kept]:
        """Return those that are kept."""
        found: dict[Digest, Kept] = {}
        with self._database.reading() as connection:
            for some in batches(sorted(set(digests))):
                for row in connection.execute(select(MANIFESTS).where(MANIFESTS.c.digest.in_(some))):
                    kept = _read(_KEPT, row.document)
                    if kept is not None:
                        found[Digest(row.digest)] = kept
        return found

    def keep(self, fetched: Iterable[Kept]) -> None:
        """Keep what was fetched and hashed."""
        documents = {kept.manifest.digest: _document(_KEPT, kept) for kept in fetched}
        at = self._now()
        rows = [{"digest": key, "document": text, "kept_at": at} for key, text in documents.items() if text]
        with self._database.writing() as connection:
            upsert(connection, MANIFESTS, rows)

    def evidence(self, scanner: ScannerIdentity, subjects: Collection[Subject]) -> Mapping[Subject, Scan]:
        """Return the scans of these images that this scanner made with this very database."""
        found: dict[tuple[str, str], Scan] = {}
        by_scanner = and_(
            EVIDENCE.c.scanner == scanner.name,
            EVIDENCE.c.scanner_version == scanner.version,
            EVIDENCE.c.database_built == scanner.database,
        )
        with self._database.reading() as connection:
            for some in batches(sorted({subject.digest for subject in subjects})):
                for row in connection.execute(select(EVIDENCE).where(by_scanner, EVIDENCE.c.digest.in_(some))):
                    scan = _read(_SCAN, row.document) if _is_whole(row.document) else None
                    if scan is not None:
                        found[row.digest, row.platform] = scan
        keys = {subject: (subject.digest, subject.platform) for subject in subjects}
        return {subject: found[key] for subject, key in keys.items() if key in found}

    def keep_evidence(self, scans: Mapping[Subject, Scan]) -> None:
        """Keep scans; those of a scanner that cannot say how old its knowledge is would never be asked for."""
        at = self._now()
        rows = {
            (subject.digest, subject.platform, scan.scanner): {
                "digest": subject.digest,
                "platform": subject.platform,
                "scanner": scan.scanner.name,
                "scanner_version": scan.scanner.version,
                "database_built": scan.scanner.database,
                "document": _document(_SCAN, scan),
                "kept_at": at,
            }
            for subject, scan in scans.items()
        }
        with self._database.writing() as connection:
            upsert(connection, EVIDENCE, [row for row in rows.values() if row["document"] and row["database_built"]])


def _sighting(row: Row[Any]) -> Sighting:
    return Sighting(Line(row.repository, row.tag), Digest(row.digest), row.first_seen, row.last_seen)


def _last_sightings(connection: Connection, lines: Collection[Line]) -> dict[Line, Row[Any]]:
    newest = select(SIGHTINGS.c.repository, SIGHTINGS.c.tag, func.max(SIGHTINGS.c.ordinal).label("ordinal")).group_by(
        SIGHTINGS.c.repository, SIGHTINGS.c.tag
    )
    found: dict[Line, Row[Any]] = {}
    for some in batches(sorted({line.repository for line in lines})):
        ends = newest.where(SIGHTINGS.c.repository.in_(some)).subquery()
        same = and_(*(SIGHTINGS.c[name] == ends.c[name] for name in ("repository", "tag", "ordinal")))
        for row in connection.execute(select(SIGHTINGS).join(ends, same)):
            found[Line(row.repository, row.tag)] = row
    return found


def _seen(line: Line, digest: Digest, last: Row[Any] | None, at: datetime) -> dict[str, Any]:
    """Return the last sighting of a line, made longer, or a new one where it points to something else."""
    row = {"repository": line.repository, "tag": line.tag, "digest": digest, "last_seen": at}
    if last is not None and last.digest == digest:
        return row | {"ordinal": last.ordinal, "first_seen": last.first_seen}
    return row | {"ordinal": last.ordinal + 1 if last else 0, "first_seen": at}


def _answer(line: Line, claim: Claim, at: datetime) -> dict[str, Any]:
    return {
        "repository": line.repository,
        "tag": line.tag,
        "digest": claim.digest,
        "media_type": claim.media_type,
        "etag": claim.etag,
        "answered_at": at,
    }


def _prune(connection: Connection, at: datetime) -> None:
    later = SIGHTINGS.alias()
    is_followed = select(later.c.ordinal).where(
        later.c.repository == SIGHTINGS.c.repository,
        later.c.tag == SIGHTINGS.c.tag,
        later.c.ordinal > SIGHTINGS.c.ordinal,
    )
    is_old = SIGHTINGS.c.last_seen < at - LINES_KEPT
    connection.execute(delete(SIGHTINGS).where(is_old, is_followed.exists()))
    connection.execute(delete(ANSWERS).where(ANSWERS.c.answered_at < at - LINES_KEPT))
    connection.execute(delete(ENDS).where(ENDS.c.looked_at < at - LINES_KEPT))
    connection.execute(delete(MANIFESTS).where(MANIFESTS.c.kept_at < at - MANIFESTS_KEPT))
    connection.execute(delete(EVIDENCE).where(EVIDENCE.c.kept_at < at - EVIDENCE_KEPT))


def _document(adapter: TypeAdapter[_Item], value: _Item) -> str | None:
    """Return a value as JSON, None where it is too long or holds what is no text."""
    try:
        text = adapter.dump_json(value).decode()
    except PydanticSerializationError:
        return None
    return text if len(text) <= MAX_DOCUMENT else None


def _is_whole(document: str) -> bool:
    """Say whether a scan was kept by a release that took from a report all that this one does.

    What an earlier one did not look for (which packages are there, what somebody answers for) would else be unknown for
    as long as the scanner's database stays the same, and what went back would pass.
    """
    try:
        kept = from_json(document)
    except ValueError:
        return False
    return isinstance(kept, dict) and kept.keys() >= _OF_A_SCAN


def _read(adapter: TypeAdapter[_Item], document: str) -> _Item | None:
    """Read what was kept; what another release kept in another shape is as if it were not there."""
    try:
        return adapter.validate_json(document)
    except ValidationError:
        return None
