"""Answers questions about exposure from the state: which images a vulnerability affects, and where they are used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, or_, select

from bot.core.evidence.exposure import choose_fix_date
from bot.core.evidence.finding_keys import FindingKey, get_finding_key, merge_findings
from bot.model.evidence import Finding, FixDate, FixDateOrigin, Severity
from bot.model.exposed_images import (
    ContainerUse,
    ExposedImage,
    ExposureCoverage,
    ExposureQuery,
    ImageUse,
    ScanKey,
)
from bot.model.fleet_history import BranchRequest
from bot.model.image_name import Digest, TagRef
from bot.model.inventory import BranchKey
from bot.model.workload import Workload
from bot.state.database import Database
from bot.state.exposure.images_in_use import find_parents, list_images_in_use, measure_coverage
from bot.state.inventory.history import read_open_requests
from bot.state.tables import TAG_DESCRIPTORS, split_into_batches
from bot.state.tables.after_merge import CLUSTERS, RUNNING_IMAGES
from bot.state.tables.exposure import FINDINGS, IMAGE_PACKAGES, KNOWN_IMAGES, PACKAGES, VULNERABILITIES
from bot.state.tables.inventory import BRANCHES, DIGESTS, HELD_DIGESTS, IMAGE_REFERENCES, NO_DIGEST, TAGS


class DatabaseExposureReader:
    """Implements `bot.inventory_ports.ExposureReader`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_exposed(self, query: ExposureQuery) -> Sequence[ExposedImage]:
        rows_by_image = defaultdict[tuple[int, FindingKey], list[tuple[Row[Any], Finding]]](list)
        with self._database.open_for_reading() as connection:
            for row in connection.execute(_select_findings(query)):
                finding = _build_finding(row)
                rows_by_image[row.image, get_finding_key(finding)].append((row, finding))
            exposed = [_build_exposed(found) for found in rows_by_image.values()]
        return sorted(exposed, key=lambda each: (each.digest, each.platform, each.scanner, each.finding))

    def list_uses(self, digests: Collection[Digest]) -> Sequence[ImageUse]:
        uses: list[ImageUse] = []
        with self._database.open_for_reading() as connection:
            for batch in split_into_batches(sorted(set(digests))):
                uses += _read_pinned_uses(connection, batch)
                uses += _read_following_uses(connection, batch)
        return sorted(uses, key=lambda use: (use.key, use.path, use.line_number, use.digest))

    def list_containers(self, digests: Collection[Digest]) -> Sequence[ContainerUse]:
        with self._database.open_for_reading() as connection:
            requested = find_parents(connection, digests)
            uses = [
                ContainerUse(
                    requested[Digest(row.digest)],
                    Workload(row.name, row.namespace, row.workload_kind, row.workload),
                    row.container,
                    row.first_seen_at,
                )
                for row in connection.execute(_select_containers())
                if row.digest in requested
            ]
        return sorted(uses, key=lambda use: (use.workload, use.container, use.digest))

    def list_newest(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, Digest]:
        newest: dict[TagRef, Digest] = {}
        columns = (TAG_DESCRIPTORS.c.repository, TAG_DESCRIPTORS.c.tag, TAG_DESCRIPTORS.c.digest)
        with self._database.open_for_reading() as connection:
            for batch in split_into_batches(sorted({each.repository for each in tag_refs})):
                query = select(*columns).where(TAG_DESCRIPTORS.c.repository.in_(batch))
                newest |= {TagRef(row.repository, row.tag): Digest(row.digest) for row in connection.execute(query)}
        return {each: newest[each] for each in tag_refs if each in newest}

    def list_scans(self, digests: Collection[Digest]) -> Collection[ScanKey]:
        columns = (KNOWN_IMAGES.c[name] for name in ("platform", "scanner", "is_private", "database_built"))
        query = select(DIGESTS.c.digest, *columns).join(DIGESTS, DIGESTS.c.id == KNOWN_IMAGES.c.digest)
        scans: set[ScanKey] = set()
        with self._database.open_for_reading() as connection:
            for batch in split_into_batches(sorted(set(digests))):
                found = query.where(DIGESTS.c.digest.in_(batch), KNOWN_IMAGES.c.matched_at.is_not(None))
                for digest, *others in connection.execute(found):
                    scans.add((Digest(digest), *others))
        return scans

    def list_open_requests(self, repositories: Collection[str]) -> Sequence[BranchRequest]:
        with self._database.open_for_reading() as connection:
            return list(read_open_requests(connection, repositories))

    def load_coverage(self) -> ExposureCoverage:
        with self._database.open_for_reading() as connection:
            return measure_coverage(list_images_in_use(connection))


def _select_findings(query: ExposureQuery) -> Select[Any]:
    columns = (
        *(FINDINGS.c[name] for name in ("first_seen", "fixed_in", "severity", "fix_published_at")),
        *(FINDINGS.c[name] for name in ("fix_seen", "fix_origin")),
        *(VULNERABILITIES.c[name] for name in ("name", "title")),
        PACKAGES.c.name.label("package_name"),
        *(PACKAGES.c[name] for name in ("type", "version", "source")),
        *(KNOWN_IMAGES.c[name] for name in ("platform", "scanner", "is_private", "matched_at", "database_built", "os")),
        KNOWN_IMAGES.c.id.label("image"),
        DIGESTS.c.digest,
    )
    return (
        select(*columns)
        .select_from(VULNERABILITIES)
        .join(FINDINGS, FINDINGS.c.vulnerability == VULNERABILITIES.c.id)
        .join(PACKAGES, PACKAGES.c.id == FINDINGS.c.package)
        .join(IMAGE_PACKAGES, IMAGE_PACKAGES.c.package == FINDINGS.c.package)
        .join(KNOWN_IMAGES, KNOWN_IMAGES.c.id == IMAGE_PACKAGES.c.image)
        .join(DIGESTS, DIGESTS.c.id == KNOWN_IMAGES.c.digest)
        .where(*_build_conditions(query))
    )


def _build_conditions(query: ExposureQuery) -> Iterable[ColumnElement[bool]]:
    if query.vulnerability is not None:
        yield VULNERABILITIES.c.name == query.vulnerability
    if query.package is not None:
        yield or_(PACKAGES.c.source == query.package, and_(PACKAGES.c.name == query.package, PACKAGES.c.source == ""))
    if query.at is None:
        yield FINDINGS.c.ended_at.is_(None)
    else:
        yield FINDINGS.c.first_seen <= query.at
        yield or_(FINDINGS.c.ended_at.is_(None), FINDINGS.c.ended_at > query.at)


def _build_finding(row: Row[Any]) -> Finding:
    return Finding(
        row.name,
        row.source or row.package_name,
        row.type,
        row.version,
        row.fixed_in,
        Severity(row.severity),
        row.title,
        fix_date=_build_fix_date(row),
    )


def _build_exposed(found: Sequence[tuple[Row[Any], Finding]]) -> ExposedImage:
    """Return the finding of an image. Several of its packages may have it, such as those of one source package."""
    first = found[0][0]
    [finding] = merge_findings(finding for _, finding in found)
    return ExposedImage(
        digest=Digest(first.digest),
        platform=first.platform,
        scanner=first.scanner,
        finding=finding,
        first_seen=min(row.first_seen for row, _ in found),
        matched_at=first.matched_at,
        is_private=first.is_private,
        database_built=first.database_built,
        os=first.os,
    )


def _build_fix_date(row: Row[Any]) -> FixDate | None:
    if row.fixed_in is None or row.fix_seen is None:
        return None
    return choose_fix_date(row.fix_published_at, row.fix_seen, FixDateOrigin(row.fix_origin))


_USE_COLUMNS: tuple[ColumnElement[Any], ...] = (
    *(BRANCHES.c[name] for name in ("forge", "host", "repository", "base_branch")),
    *(IMAGE_REFERENCES.c[name] for name in ("path", "line_number", "owners")),
    TAGS.c.repository.label("image_repository"),
    TAGS.c.tag,
    HELD_DIGESTS.c.first_seen,
)
_IS_HELD = and_(
    HELD_DIGESTS.c.branch == IMAGE_REFERENCES.c.branch,
    HELD_DIGESTS.c.tag == IMAGE_REFERENCES.c.tag,
    HELD_DIGESTS.c.digest == IMAGE_REFERENCES.c.digest,
    HELD_DIGESTS.c.ended_at.is_(None),
)


def _read_pinned_uses(connection: Connection, digests: Collection[Digest]) -> Iterable[ImageUse]:
    query: Select[Any] = (
        select(*_USE_COLUMNS, DIGESTS.c.digest)
        .select_from(DIGESTS)
        .join(IMAGE_REFERENCES, IMAGE_REFERENCES.c.digest == DIGESTS.c.id)
        .join(BRANCHES, BRANCHES.c.id == IMAGE_REFERENCES.c.branch)
        .join(TAGS, TAGS.c.id == IMAGE_REFERENCES.c.tag)
        .outerjoin(HELD_DIGESTS, _IS_HELD)
        .where(DIGESTS.c.digest.in_(digests))
    )
    return [_build_use(row, is_pinned=True) for row in connection.execute(query)]


def _read_following_uses(connection: Connection, digests: Collection[Digest]) -> Iterable[ImageUse]:
    """Return the references without a digest whose tags pointed to one of the digests at their last lookup."""
    query: Select[Any] = (
        select(*_USE_COLUMNS, TAG_DESCRIPTORS.c.digest)
        .select_from(TAG_DESCRIPTORS)
        .join(TAGS, and_(TAGS.c.repository == TAG_DESCRIPTORS.c.repository, TAGS.c.tag == TAG_DESCRIPTORS.c.tag))
        .join(IMAGE_REFERENCES, IMAGE_REFERENCES.c.tag == TAGS.c.id)
        .join(DIGESTS, and_(DIGESTS.c.id == IMAGE_REFERENCES.c.digest, DIGESTS.c.digest == NO_DIGEST))
        .join(BRANCHES, BRANCHES.c.id == IMAGE_REFERENCES.c.branch)
        .outerjoin(HELD_DIGESTS, _IS_HELD)
        .where(TAG_DESCRIPTORS.c.digest.in_(digests))
    )
    return [_build_use(row, is_pinned=False) for row in connection.execute(query)]


def _build_use(row: Row[Any], *, is_pinned: bool) -> ImageUse:
    return ImageUse(
        Digest(row.digest),
        BranchKey(row.forge, row.host, row.repository, row.base_branch),
        row.path,
        row.line_number,
        TagRef(row.image_repository, row.tag),
        tuple(row.owners.split()),
        row.first_seen,
        is_pinned,
    )


def _select_containers() -> Select[Any]:
    columns = (*(RUNNING_IMAGES.c[name] for name in ("namespace", "workload_kind", "workload", "container")),)
    return (
        select(CLUSTERS.c.name, *columns, RUNNING_IMAGES.c.first_seen_at, DIGESTS.c.digest)
        .join(CLUSTERS, CLUSTERS.c.id == RUNNING_IMAGES.c.cluster)
        .join(DIGESTS, DIGESTS.c.id == RUNNING_IMAGES.c.digest)
        .where(RUNNING_IMAGES.c.ended_at.is_(None))
    )
