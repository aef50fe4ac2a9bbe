"""Load images from the tables of exposure: their packages, and the scans that their findings give."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from bot.core.evidence.exposure import choose_fix_date, merge_fix_dates
from bot.core.evidence.finding_keys import FindingKey, merge_findings
from bot.model.contents import InstalledPackage
from bot.model.evidence import (
    Finding,
    FixDate,
    FixDateOrigin,
    Scan,
    ScannerIdentity,
    ScanSubject,
    Severity,
    StoredPackages,
    SuppressedFinding,
)
from bot.state.exposure.numbers import load_packages
from bot.state.tables import split_into_batches
from bot.state.tables.exposure import (
    FINDINGS,
    IMAGE_PACKAGES,
    KNOWN_IMAGES,
    PACKAGE_SCOPES,
    SUPPRESSED_FINDINGS,
    VULNERABILITIES,
)
from bot.state.tables.inventory import DIGESTS

_ImageKey = tuple[str, str]
"""The digest and the platform of an image."""


@dataclass(frozen=True, slots=True)
class _ImageContents:
    """The packages of some images by the number of the image, in the order of scans."""

    packages: Mapping[int, InstalledPackage]
    listed: Mapping[int, Sequence[int]]
    """The packages that the scans list."""
    all: Mapping[int, Sequence[int]]
    """All packages that can have findings."""


def load_scans(
    connection: Connection, scanner: ScannerIdentity, subjects: Collection[ScanSubject], *, is_private: bool
) -> dict[ScanSubject, Scan]:
    """Return the scans of images that were scanned or matched with exactly this version and database."""
    if scanner.database is None:
        return {}
    images = {
        key: row
        for key, row in _find_images(connection, scanner.name, subjects, is_private=is_private).items()
        if (row.scanner_version, row.database_built) == (scanner.version, scanner.database)
    }
    contents = _load_contents(connection, [row.id for row in images.values()])
    findings = _load_findings(connection, contents.packages)
    suppressed = _load_suppressed(connection, [row.id for row in images.values() if row.release is None])
    scans = {
        key: Scan(
            scanner,
            row.os,
            merge_findings(each for package in contents.all[row.id] for each in findings.get(package, ())),
            row.created,
            row.version,
            tuple(contents.packages[package] for package in contents.listed[row.id]) if row.lists_packages else None,
            tuple(suppressed.get(row.id, ())),
            row.release,
        )
        for key, row in images.items()
    }
    return {subject: scans[key] for subject in subjects if (key := (subject.digest, subject.platform)) in scans}


def load_stored_packages(
    connection: Connection, scanner: str, subjects: Collection[ScanSubject], *, is_private: bool
) -> dict[ScanSubject, StoredPackages]:
    """Return the packages of images that can be matched without the image."""
    images = {
        key: row
        for key, row in _find_images(connection, scanner, subjects, is_private=is_private).items()
        if row.release is not None
    }
    contents = _load_contents(connection, [row.id for row in images.values()])
    stored = {
        key: StoredPackages(
            row.release,
            row.os,
            tuple(contents.packages[package] for package in contents.listed[row.id]),
            row.created,
            row.version,
        )
        for key, row in images.items()
    }
    return {subject: stored[key] for subject in subjects if (key := (subject.digest, subject.platform)) in stored}


def load_fix_dates(
    connection: Connection, scanner: str, subjects: Collection[ScanSubject], *, is_private: bool
) -> dict[ScanSubject, dict[FindingKey, FixDate]]:
    """Return the dates of the fixes of the findings that images have now.

    If several packages of an image have a finding, the earliest date counts.
    """
    images = _find_images(connection, scanner, subjects, is_private=is_private)
    contents = _load_contents(connection, [row.id for row in images.values()])
    by_package = _load_package_fixes(connection, contents.packages)
    dates = {
        key: merge_fix_dates(by_package.get(each, {}) for each in contents.all[row.id]) for key, row in images.items()
    }
    return {subject: dict(found) for subject in subjects if (found := dates.get((subject.digest, subject.platform)))}


def _load_package_fixes(
    connection: Connection, packages: Mapping[int, InstalledPackage]
) -> dict[int, dict[FindingKey, FixDate]]:
    fixes = defaultdict[int, dict[FindingKey, FixDate]](dict)
    columns = (FINDINGS.c[name] for name in ("package", "fix_published_at", "fix_seen", "fix_origin"))
    is_open = (FINDINGS.c.ended_at.is_(None), FINDINGS.c.fix_seen.is_not(None))
    query = select(VULNERABILITIES.c.name, *columns).join(
        VULNERABILITIES, VULNERABILITIES.c.id == FINDINGS.c.vulnerability
    )
    for batch in split_into_batches(sorted(packages)):
        for row in connection.execute(query.where(FINDINGS.c.package.in_(batch), *is_open)):
            package = packages[row.package]
            date = choose_fix_date(row.fix_published_at, row.fix_seen, FixDateOrigin(row.fix_origin))
            fixes[row.package][row.name, package.type, package.name_in_findings] = date
    return fixes


def _find_images(
    connection: Connection, scanner: str, subjects: Collection[ScanSubject], *, is_private: bool
) -> dict[_ImageKey, Row[Any]]:
    requested = {(subject.digest, subject.platform) for subject in subjects}
    images: dict[_ImageKey, Row[Any]] = {}
    for batch in split_into_batches(sorted({digest for digest, _ in requested})):
        query = (
            select(KNOWN_IMAGES, DIGESTS.c.digest.label("digest_text"))
            .join(DIGESTS, DIGESTS.c.id == KNOWN_IMAGES.c.digest)
            .where(
                DIGESTS.c.digest.in_(batch),
                KNOWN_IMAGES.c.scanner == scanner,
                KNOWN_IMAGES.c.is_private.is_(is_private),
            )
        )
        for row in connection.execute(query):
            if (key := (row.digest_text, row.platform)) in requested:
                images[key] = row
    return images


def _load_contents(connection: Connection, images: Collection[int]) -> _ImageContents:
    links, own_scopes = defaultdict[int, list[int]](list), set[int]()
    for batch in split_into_batches(sorted(images)):
        query = select(IMAGE_PACKAGES.c.image, IMAGE_PACKAGES.c.package).where(IMAGE_PACKAGES.c.image.in_(batch))
        for image, package in connection.execute(query):
            links[image].append(package)
        own_scopes.update(
            connection.execute(select(PACKAGE_SCOPES.c.id).where(PACKAGE_SCOPES.c.image.in_(batch))).scalars()
        )
    found = load_packages(connection, {package for linked in links.values() for package in linked})
    packages = {number: package for number, (_, package) in found.items()}
    own = {number for number, (scope, _) in found.items() if scope in own_scopes}
    ranks = {number: rank for rank, number in enumerate(sorted(packages, key=packages.__getitem__))}
    ordered = {image: sorted(links[image], key=ranks.__getitem__) for image in images}
    listed = {image: [each for each in linked if each not in own] for image, linked in ordered.items()}
    return _ImageContents(packages, listed, ordered)


def _load_findings(connection: Connection, packages: Mapping[int, InstalledPackage]) -> dict[int, list[Finding]]:
    """Return the findings that the packages have now, by the number of the package."""
    findings = defaultdict[int, list[Finding]](list)
    columns = (
        *(FINDINGS.c[name] for name in ("package", "fixed_in", "severity", "fix_published_at")),
        VULNERABILITIES.c.name,
        VULNERABILITIES.c.title,
    )
    for batch in split_into_batches(sorted(packages)):
        query = (
            select(*columns)
            .join(VULNERABILITIES, VULNERABILITIES.c.id == FINDINGS.c.vulnerability)
            .where(FINDINGS.c.package.in_(batch), FINDINGS.c.ended_at.is_(None))
        )
        for row in connection.execute(query):
            findings[row.package].append(_build_finding(packages[row.package], row))
    return findings


def _load_suppressed(connection: Connection, images: Collection[int]) -> dict[int, list[SuppressedFinding]]:
    rows: list[Row[Any]] = []
    for batch in split_into_batches(sorted(images)):
        rows += connection.execute(
            select(SUPPRESSED_FINDINGS, VULNERABILITIES.c.name, VULNERABILITIES.c.title)
            .join(VULNERABILITIES, VULNERABILITIES.c.id == SUPPRESSED_FINDINGS.c.vulnerability)
            .where(SUPPRESSED_FINDINGS.c.image.in_(batch))
            .order_by(SUPPRESSED_FINDINGS.c.image, SUPPRESSED_FINDINGS.c.ordinal)
        ).all()
    packages = load_packages(connection, {row.package for row in rows})
    suppressed = defaultdict[int, list[SuppressedFinding]](list)
    for row in rows:
        finding = _build_finding(packages[row.package][1], row)
        suppressed[row.image].append(SuppressedFinding(finding, row.reason, row.author))
    return suppressed


def _build_finding(package: InstalledPackage, row: Row[Any]) -> Finding:
    return Finding(
        row.name,
        package.name_in_findings,
        package.type,
        package.version,
        row.fixed_in,
        Severity(row.severity),
        row.title,
        fix_date=FixDate.from_advisory(row.fix_published_at),
    )
