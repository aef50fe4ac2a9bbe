"""The state of runs, in a database: digests of tags over time, fetched manifests, and scan results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json
from sqlalchemy import Connection, Row, and_, delete, func, select

from bot.model.evidence import Scan, ScannerIdentity, ScanSubject
from bot.model.history import TagObservation
from bot.model.image import CachedManifest, TagDescriptor
from bot.model.reference import Digest, TagRef
from bot.state.database import Database
from bot.state.tables import ANSWERS, ENDS, EVIDENCE, LINES_KEPT, MANIFESTS, SIGHTINGS, batches, upsert

MANIFESTS_KEPT = timedelta(days=90)
"""To fetch a manifest again every few months costs less than to keep those of images that are no longer used."""
EVIDENCE_KEPT = timedelta(days=5)
"""Vulnerability databases are built several times a day, and scanners refuse one of this age."""
MAX_DOCUMENT = 4 * 1024 * 1024
"""Characters; five thousand findings take a third of it. A longer document is not stored."""

_KEPT = TypeAdapter(CachedManifest)
_SCAN = TypeAdapter(Scan)
_OF_A_SCAN = frozenset(each.name for each in fields(Scan))
_Item = TypeVar("_Item")


class DatabaseMemory:
    """Implements `bot.ports.StateStore`; safe to share between threads and with other processes."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    def load_observations(self, lines: Collection[TagRef]) -> Mapping[TagRef, tuple[TagObservation, ...]]:
        """Return the observations of each tag, oldest first; tags without any are left out."""
        wanted, found = set(lines), defaultdict[TagRef, list[TagObservation]](list)
        order = (SIGHTINGS.c.repository, SIGHTINGS.c.tag, SIGHTINGS.c.ordinal)
        with self._database.reading() as connection:
            for some in batches(sorted({line.repository for line in wanted})):
                rows = connection.execute(select(SIGHTINGS).where(SIGHTINGS.c.repository.in_(some)).order_by(*order))
                for row in rows:
                    if (line := TagRef(row.repository, row.tag)) in wanted:
                        found[line].append(_sighting(row))
        return {line: tuple(sightings) for line, sightings in found.items()}

    def load_descriptors(self, lines: Collection[TagRef]) -> Mapping[TagRef, TagDescriptor]:
        """Return the last answer of the registry for each tag; tags without one are left out."""
        found: dict[TagRef, TagDescriptor] = {}
        with self._database.reading() as connection:
            for some in batches(sorted({line.repository for line in lines})):
                for row in connection.execute(select(ANSWERS).where(ANSWERS.c.repository.in_(some))):
                    found[TagRef(row.repository, row.tag)] = TagDescriptor(Digest(row.digest), row.media_type, row.etag)
        return {line: found[line] for line in lines if line in found}

    def record_tags(self, claims: Mapping[TagRef, TagDescriptor], at: datetime) -> None:
        """Store which digests tags pointed to `at` a time, and delete what is too old to be of use.

        An answer that is older than what another run stored is ignored: otherwise it would look as if the tag had
        returned to a digest that it had left.
        """
        with self._database.writing() as connection:
            last = _last_sightings(connection, claims)
            news = [line for line in sorted(claims) if line not in last or last[line].last_seen <= at]
            seen = [_seen(line, claims[line].digest, last.get(line), at) for line in news]
            upsert(connection, SIGHTINGS, seen)
            upsert(connection, ANSWERS, [_answer(line, claims[line], at) for line in news])
            _prune(connection, at)

    def load_manifests(self, digests: Collection[Digest]) -> Mapping[Digest, CachedManifest]:
        """Return the stored manifests among `digests`."""
        found: dict[Digest, CachedManifest] = {}
        with self._database.reading() as connection:
            for some in batches(sorted(set(digests))):
                for row in connection.execute(select(MANIFESTS).where(MANIFESTS.c.digest.in_(some))):
                    kept = _read(_KEPT, row.document)
                    if kept is not None:
                        found[Digest(row.digest)] = kept
        return found

    def save_manifests(self, fetched: Iterable[CachedManifest]) -> None:
        """Store manifests whose digests were verified."""
        documents = {kept.manifest.digest: _document(_KEPT, kept) for kept in fetched}
        at = self._now()
        rows = [{"digest": key, "document": text, "kept_at": at} for key, text in documents.items() if text]
        with self._database.writing() as connection:
            upsert(connection, MANIFESTS, rows)

    def load_scans(self, scanner: ScannerIdentity, subjects: Collection[ScanSubject]) -> Mapping[ScanSubject, Scan]:
        """Return the scans of images by the same version of the scanner with the same database."""
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

    def save_scans(self, scans: Mapping[ScanSubject, Scan]) -> None:
        """Store scans, except those of a scanner without a date of its database, which could never be looked up."""
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


def _sighting(row: Row[Any]) -> TagObservation:
    return TagObservation(TagRef(row.repository, row.tag), Digest(row.digest), row.first_seen, row.last_seen)


def _last_sightings(connection: Connection, lines: Collection[TagRef]) -> dict[TagRef, Row[Any]]:
    newest = select(SIGHTINGS.c.repository, SIGHTINGS.c.tag, func.max(SIGHTINGS.c.ordinal).label("ordinal")).group_by(
        SIGHTINGS.c.repository, SIGHTINGS.c.tag
    )
    found: dict[TagRef, Row[Any]] = {}
    for some in batches(sorted({line.repository for line in lines})):
        ends = newest.where(SIGHTINGS.c.repository.in_(some)).subquery()
        same = and_(*(SIGHTINGS.c[name] == ends.c[name] for name in ("repository", "tag", "ordinal")))
        for row in connection.execute(select(SIGHTINGS).join(ends, same)):
            found[TagRef(row.repository, row.tag)] = row
    return found


def _seen(line: TagRef, digest: Digest, last: Row[Any] | None, at: datetime) -> dict[str, Any]:
    """Return the row of a tag's last observation, extended to `at`, or of a new one if the digest changed."""
    row = {"repository": line.repository, "tag": line.tag, "digest": digest, "last_seen": at}
    if last is not None and last.digest == digest:
        return row | {"ordinal": last.ordinal, "first_seen": last.first_seen}
    return row | {"ordinal": last.ordinal + 1 if last else 0, "first_seen": at}


def _answer(line: TagRef, claim: TagDescriptor, at: datetime) -> dict[str, Any]:
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
    """Return a value as JSON; None if it is too long or contains text that is not valid Unicode."""
    try:
        text = adapter.dump_json(value).decode()
    except PydanticSerializationError:
        return None
    return text if len(text) <= MAX_DOCUMENT else None


def _is_whole(document: str) -> bool:
    """Return True if a stored scan has every field that this release reads from a report.

    A field that an earlier release did not read (installed packages, suppressed findings) would otherwise be unknown
    for as long as the scanner's database stays the same, and a rolled-back package would pass.
    """
    try:
        kept = from_json(document)
    except ValueError:
        return False
    return isinstance(kept, dict) and kept.keys() >= _OF_A_SCAN


def _read(adapter: TypeAdapter[_Item], document: str) -> _Item | None:
    """Parse a stored document; return None if another release stored it in another shape."""
    try:
        return adapter.validate_json(document)
    except ValidationError:
        return None
