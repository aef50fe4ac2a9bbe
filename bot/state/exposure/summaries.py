"""Load the facts for a summary of a fleet's exposure, and store one summary for each day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select

from bot.core.evidence.exposure import choose_fix_date
from bot.core.evidence.package_versions import OS_PACKAGE_TYPES
from bot.model.evidence import FixDate, FixDateOrigin, Severity
from bot.model.exposed_images import ScanKey
from bot.model.exposure_summary import DigestUse, FleetFindings, PublisherFix, StoredFinding, StoredSummary
from bot.model.image_name import DEFAULT_TAG, Digest, TagRef
from bot.state.database import Database
from bot.state.documents import parse_document, serialise_document
from bot.state.exposure.images_in_use import find_parents, list_images_in_use, measure_coverage
from bot.state.tables import TAG_DESCRIPTORS, TAG_OBSERVATIONS, make_storable, split_into_batches
from bot.state.tables.after_merge import RUNNING_IMAGES
from bot.state.tables.exposure import (
    EXPOSURE_SUMMARIES,
    FINDINGS,
    IMAGE_PACKAGES,
    KNOWN_IMAGES,
    PACKAGES,
    PUBLISHER_FIXES,
    VULNERABILITIES,
)
from bot.state.tables.inventory import DIGESTS, IMAGE_REFERENCES, NO_DIGEST, TAGS

SUMMARIES_KEPT = timedelta(days=400)
"""How long summaries are kept, one for each day, and the fixes that publishers took over."""
_SUMMARY_ADAPTER = TypeAdapter(StoredSummary)


@dataclass(frozen=True, slots=True)
class _PackageFinding:
    """An urgent vulnerability of a package."""

    id: str
    finding: StoredFinding


class DatabaseExposureSummaries:
    """Implements `bot.inventory_ports.ExposureSummaryStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_vulnerabilities(self) -> frozenset[str]:
        with self._database.open_for_reading() as connection:
            return frozenset(connection.execute(select(VULNERABILITIES.c.name).distinct()).scalars())

    def load_fleet_findings(self, exploited_ids: Collection[str]) -> FleetFindings:
        with self._database.open_for_reading() as connection:
            images = list_images_in_use(connection)
            uses = _load_uses(connection)
            newest = _load_newest(connection, {use.tag_ref for use in uses if use.tag_ref is not None})
            digests = {image.digest for image in images} | set(newest.values())
            by_package = _load_package_findings(connection, exploited_ids)
            findings = _load_image_findings(connection, digests, by_package)
            return FleetFindings(
                findings,
                uses,
                _load_running(connection, {image.digest for image in images}),
                newest,
                measure_coverage(images),
                _load_distributions(connection),
                _load_moves(connection, newest),
            )

    def add_publisher_fixes(self, fixes: Collection[PublisherFix]) -> None:
        if not fixes:
            return
        rows = {_get_fix_key(each): each for each in fixes}
        with self._database.open_for_writing() as connection:
            for batch in split_into_batches(sorted({each.tag_ref.repository for each in fixes})):
                known = select(PUBLISHER_FIXES).where(PUBLISHER_FIXES.c.repository.in_(batch))
                for row in connection.execute(known):
                    rows.pop(_get_fix_key(_build_publisher_fix(row)), None)
            if rows:
                connection.execute(insert(PUBLISHER_FIXES), [_build_row(each) for each in rows.values()])

    def load_publisher_fixes(self, since: datetime) -> Sequence[PublisherFix]:
        query = select(PUBLISHER_FIXES).where(PUBLISHER_FIXES.c.available_at >= since)
        with self._database.open_for_reading() as connection:
            return [_build_publisher_fix(row) for row in connection.execute(query)]

    def save_summary(self, summary: StoredSummary) -> None:
        document = serialise_document(_SUMMARY_ADAPTER, summary)
        day = _begin_day(summary.shared.at)
        with self._database.open_for_writing() as connection:
            is_replaced = or_(EXPOSURE_SUMMARIES.c.day == day, EXPOSURE_SUMMARIES.c.day < day - SUMMARIES_KEPT)
            connection.execute(delete(EXPOSURE_SUMMARIES).where(is_replaced))
            connection.execute(delete(PUBLISHER_FIXES).where(PUBLISHER_FIXES.c.available_at < day - SUMMARIES_KEPT))
            connection.execute(insert(EXPOSURE_SUMMARIES).values(day=day, document=document))

    def load_last_summary(self) -> StoredSummary | None:
        query = select(EXPOSURE_SUMMARIES.c.document).order_by(EXPOSURE_SUMMARIES.c.day.desc()).limit(1)
        with self._database.open_for_reading() as connection:
            document = connection.execute(query).scalar_one_or_none()
        return parse_document(_SUMMARY_ADAPTER, document) if document is not None else None

    def load_summaries(self, since: datetime) -> Sequence[StoredSummary]:
        query = (
            select(EXPOSURE_SUMMARIES.c.document)
            .where(EXPOSURE_SUMMARIES.c.day >= _begin_day(since))
            .order_by(EXPOSURE_SUMMARIES.c.day)
        )
        with self._database.open_for_reading() as connection:
            documents = connection.execute(query).scalars().all()
        parsed = (parse_document(_SUMMARY_ADAPTER, document) for document in documents)
        return [summary for summary in parsed if summary is not None]


def _get_fix_key(fix: PublisherFix) -> tuple[TagRef, str, bool]:
    return fix.tag_ref, make_storable(fix.vulnerability), fix.is_private


def _build_row(fix: PublisherFix) -> dict[str, Any]:
    return {
        "repository": fix.tag_ref.repository,
        "tag": fix.tag_ref.tag,
        "vulnerability": fix.vulnerability,
        "is_private": fix.is_private,
        "distribution": fix.distribution,
        "fixed_at": fix.fixed_at,
        "available_at": fix.available_at,
    }


def _build_publisher_fix(row: Row[Any]) -> PublisherFix:
    tag_ref = TagRef(row.repository, row.tag)
    return PublisherFix(
        tag_ref, row.vulnerability, row.distribution, row.fixed_at, row.available_at, bool(row.is_private)
    )


def _begin_day(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def _load_uses(connection: Connection) -> list[DigestUse]:
    """Return the references to digests, and those to tags without a digest with the digest of their last lookup."""
    is_same = and_(TAGS.c.repository == TAG_DESCRIPTORS.c.repository, TAGS.c.tag == TAG_DESCRIPTORS.c.tag)
    grouped = (
        select(
            IMAGE_REFERENCES.c.tag, IMAGE_REFERENCES.c.digest, IMAGE_REFERENCES.c.owners, func.count().label("number")
        )
        .group_by(IMAGE_REFERENCES.c.tag, IMAGE_REFERENCES.c.digest, IMAGE_REFERENCES.c.owners)
        .subquery()
    )
    query = (
        select(grouped.c.owners, grouped.c.number, TAGS.c.repository, TAGS.c.tag, DIGESTS.c.digest)
        .add_columns(TAG_DESCRIPTORS.c.digest.label("followed"))
        .select_from(grouped)
        .join(TAGS, TAGS.c.id == grouped.c.tag)
        .join(DIGESTS, DIGESTS.c.id == grouped.c.digest)
        .outerjoin(TAG_DESCRIPTORS, and_(is_same, DIGESTS.c.digest == NO_DIGEST))
        .order_by(TAGS.c.repository, TAGS.c.tag, DIGESTS.c.digest, grouped.c.owners)
    )
    return [
        DigestUse(Digest(digest), TagRef(row.repository, row.tag or DEFAULT_TAG), tuple(row.owners.split()), row.number)
        for row in connection.execute(query)
        if (digest := row.digest or row.followed)
    ]


def _load_newest(connection: Connection, tag_refs: Collection[TagRef]) -> dict[TagRef, Digest]:
    columns = (TAG_DESCRIPTORS.c.repository, TAG_DESCRIPTORS.c.tag, TAG_DESCRIPTORS.c.digest)
    rows = connection.execute(select(*columns))
    newest = {TagRef(row.repository, row.tag): Digest(row.digest) for row in rows}
    return {each: newest[each] for each in tag_refs if each in newest}


def _load_distributions(connection: Connection) -> dict[Digest, str]:
    """Return the name of the distribution in each known image. Images without one are left out."""
    query = (
        select(DIGESTS.c.digest, KNOWN_IMAGES.c.os)
        .join(KNOWN_IMAGES, KNOWN_IMAGES.c.digest == DIGESTS.c.id)
        .where(KNOWN_IMAGES.c.os != "")
        .order_by(KNOWN_IMAGES.c.id)
    )
    return {Digest(digest): os.partition(" ")[0] for digest, os in connection.execute(query)}


def _load_moves(connection: Connection, newest: Mapping[TagRef, Digest]) -> dict[TagRef, datetime]:
    """Return when each tag was first seen to point to its newest digest. Tags that never moved are left out."""
    first_seen: dict[TagRef, datetime] = {}
    has_earlier: set[TagRef] = set()
    for batch in split_into_batches(sorted({tag_ref.repository for tag_ref in newest})):
        query = (
            select(TAG_OBSERVATIONS)
            .where(TAG_OBSERVATIONS.c.repository.in_(batch))
            .order_by(TAG_OBSERVATIONS.c.repository, TAG_OBSERVATIONS.c.tag, TAG_OBSERVATIONS.c.ordinal)
        )
        for row in connection.execute(query):
            tag_ref = TagRef(row.repository, row.tag)
            if row.digest == newest.get(tag_ref):
                first_seen.setdefault(tag_ref, row.first_seen)
            elif tag_ref not in first_seen:
                has_earlier.add(tag_ref)
    return {tag_ref: seen for tag_ref, seen in first_seen.items() if tag_ref in has_earlier}


def _load_package_findings(
    connection: Connection, exploited_ids: Collection[str]
) -> Mapping[int, Sequence[_PackageFinding]]:
    """Return the open findings that are at least high or known to be exploited, by the number of the package."""
    names = ("package", "severity", "fixed_in", "fix_published_at", "fix_seen", "fix_origin")
    query = (
        select(VULNERABILITIES.c.name, VULNERABILITIES.c.title, PACKAGES.c.type)
        .add_columns(*(FINDINGS.c[name] for name in names))
        .join(VULNERABILITIES, VULNERABILITIES.c.id == FINDINGS.c.vulnerability)
        .join(PACKAGES, PACKAGES.c.id == FINDINGS.c.package)
        .where(FINDINGS.c.ended_at.is_(None))
    )
    is_severe = FINDINGS.c.severity >= int(Severity.HIGH)
    by_package: dict[int, list[_PackageFinding]] = defaultdict(list)
    for row in connection.execute(query.where(is_severe)):
        by_package[row.package].append(_build_finding(row))
    for batch in split_into_batches(sorted(exploited_ids)):
        for row in connection.execute(query.where(~is_severe, VULNERABILITIES.c.name.in_(batch))):
            by_package[row.package].append(_build_finding(row))
    return by_package


def _build_finding(row: Row[Any]) -> _PackageFinding:
    fix = None
    if row.fix_seen is not None and row.fixed_in is not None:
        fix = choose_fix_date(row.fix_published_at, row.fix_seen, FixDateOrigin(row.fix_origin))
    is_of_distribution = row.type in OS_PACKAGE_TYPES
    finding = StoredFinding(Severity(row.severity), row.fixed_in is not None, fix, row.title, is_of_distribution)
    return _PackageFinding(row.name, finding)


def _load_image_findings(
    connection: Connection, digests: Collection[Digest], by_package: Mapping[int, Sequence[_PackageFinding]]
) -> dict[ScanKey, dict[str, StoredFinding]]:
    names = ("id", "platform", "scanner", "is_private", "database_built")
    query = select(DIGESTS.c.digest, *(KNOWN_IMAGES.c[name] for name in names)).join(
        DIGESTS, DIGESTS.c.id == KNOWN_IMAGES.c.digest
    )
    keys: dict[int, ScanKey] = {}
    for row in connection.execute(query.where(KNOWN_IMAGES.c.matched_at.is_not(None))):
        if row.digest in digests:
            keys[row.id] = (Digest(row.digest), row.platform, row.scanner, row.is_private, row.database_built)
    packages: dict[int, list[int]] = defaultdict(list)
    for batch in split_into_batches(sorted(by_package)):
        links = select(IMAGE_PACKAGES.c.image, IMAGE_PACKAGES.c.package).where(IMAGE_PACKAGES.c.package.in_(batch))
        for image, package in connection.execute(links):
            if image in keys:
                packages[image].append(package)
    return {
        key: _merge_findings(found for package in packages.get(image, ()) for found in by_package[package])
        for image, key in keys.items()
    }


def _merge_findings(found: Iterable[_PackageFinding]) -> dict[str, StoredFinding]:
    """Return each vulnerability of an image once. It has a fix only if all affected packages have one."""
    merged: dict[str, StoredFinding] = {}
    for each in found:
        known = merged.get(each.id)
        merged[each.id] = each.finding if known is None else _merge(known, each.finding)
    return merged


def _merge(one: StoredFinding, other: StoredFinding) -> StoredFinding:
    has_fix = one.has_fix and other.has_fix
    fixes: list[FixDate] = [each.fix for each in (one, other) if each.fix is not None] if has_fix else []
    latest = max(fixes, key=lambda fix: fix.at, default=None)
    severity, is_of_distribution = (
        max(one.severity, other.severity),
        one.is_of_distribution and other.is_of_distribution,
    )
    return StoredFinding(severity, has_fix, latest, one.title or other.title, is_of_distribution)


def _load_running(connection: Connection, in_use: Collection[Digest]) -> frozenset[Digest]:
    """Return the digests that containers run. If a pod states the digest of one platform, its index is returned."""
    query = (
        select(DIGESTS.c.digest)
        .distinct()
        .join(RUNNING_IMAGES, RUNNING_IMAGES.c.digest == DIGESTS.c.id)
        .where(RUNNING_IMAGES.c.ended_at.is_(None), DIGESTS.c.digest != NO_DIGEST)
    )
    running = {Digest(digest) for digest in connection.execute(query).scalars()}
    parents = find_parents(connection, in_use) if running - set(in_use) else {}
    return frozenset(parents.get(each, each) for each in running)
