"""Write scans and matches of packages to the tables of exposure, in the transaction of a connection."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from bot.core.evidence.rebuilt_scans import is_attributed
from bot.model.contents import InstalledPackage
from bot.model.evidence import Finding, NotScanned, Scan, ScannerIdentity, ScanSubject
from bot.state.exposure.finding_writer import DAILY, end_findings, find_daily_packages, write_findings
from bot.state.exposure.numbers import (
    add_packages,
    add_scope,
    add_vulnerabilities,
    build_vulnerability_key,
    find_packages,
    find_scope,
    make_package_storable,
)
from bot.state.exposure.pruning import delete_unlinked_packages
from bot.state.inventory.rows import RowNumbers
from bot.state.tables import make_storable, split_into_batches
from bot.state.tables.exposure import (
    ALL_IMAGES,
    IMAGE_PACKAGES,
    KNOWN_IMAGES,
    PACKAGE_SCOPES,
    PACKAGES,
    SUPPRESSED_FINDINGS,
)

MAX_IMAGE_ROWS = 50_000
"""The largest number of packages and findings of an image that is stored. The largest images have a tenth of it."""
LATE_RUNS = timedelta(days=5)
"""How much older than the newest database that of a parallel run may be. Its findings would replace newer ones. If a
database is even older, the time of the newest one must be wrong, because scanners refuse databases of this age."""

NOTED_EVERY = timedelta(days=1)
"""How often a scan that fails in the same way again is noted, so that most runs write nothing about it."""

_SUCCEEDED: Mapping[str, str | None] = {"reason": None, "detail": ""}
"""The columns of an image whose last scan or match succeeded."""

_Findings = Mapping[InstalledPackage, Sequence[Finding]]


class ScanWriter:
    """Writes what one scanner found, at the time `at`."""

    def __init__(self, connection: Connection, at: datetime, *, is_private: bool) -> None:
        self._connection, self._at, self._is_private = connection, at, is_private
        self._digests = RowNumbers(connection)

    def write_scans(self, scans: Mapping[ScanSubject, Scan]) -> None:
        """Write scans. A scan that is too large is left out, so that the image is scanned again."""
        self._digests.add_digests(subject.digest for subject in scans)
        images = {(subject.digest, subject.platform, scan.scanner.name): scan for subject, scan in scans.items()}
        for (digest, platform, _), scan in images.items():
            if len(scan.packages or ()) + len(scan.findings) + len(scan.suppressed) <= MAX_IMAGE_ROWS:
                self._write_scan(self._digests.get_digest_id(digest), platform, scan)

    def write_unscanned(self, scanner: str, outcomes: Mapping[ScanSubject, NotScanned]) -> None:
        """Write the reasons of failed scans. What is known about the images is kept."""
        self._digests.add_digests(subject.digest for subject in outcomes)
        for subject, outcome in outcomes.items():
            digest = self._digests.get_digest_id(subject.digest)
            known = self._find_image(scanner, digest, subject.platform)
            values = {"reason": outcome.reason.value, "detail": make_storable(outcome.detail)}
            if known is not None and _is_noted(known, outcome, self._at):
                continue
            image = known.id if known is not None else self._add_image(digest, subject.platform, scanner)
            is_same = KNOWN_IMAGES.c.id == image
            self._connection.execute(update(KNOWN_IMAGES).where(is_same).values(**values, unscanned_at=self._at))

    def write_matches(
        self, scanner: ScannerIdentity, release: str, matches: _Findings, subjects: Collection[ScanSubject]
    ) -> None:
        """Write the findings of packages of a release. The images `subjects` now count as matched."""
        scope = find_scope(self._connection, scanner.name, release, is_private=self._is_private)
        if scope is None or _is_late(scope, scanner):
            return
        self._digests.add_digests(subject.digest for subject in subjects)
        keys = {(self._digests.get_digest_id(each.digest), each.platform) for each in subjects}
        images = {
            row.id: row
            for row in self._find_images(scanner.name, {digest for digest, _ in keys})
            if (row.digest, row.platform) in keys and row.release == release
        }
        storable = {make_package_storable(package): found for package, found in matches.items()}
        numbers = find_packages(self._connection, scope.id, storable)
        self._write_shared(scope, scanner, {numbers[each]: storable[each] for each in numbers}, images)
        identity = (scanner.version, scanner.database)
        old = [
            number
            for number, row in images.items()
            if (row.scanner_version, row.database_built) != identity or scanner.database is None or row.reason
        ]
        values = {"scanner_version": scanner.version, "database_built": scanner.database, "matched_at": self._at}
        values |= _SUCCEEDED
        for batch in split_into_batches(old):
            self._connection.execute(update(KNOWN_IMAGES).where(KNOWN_IMAGES.c.id.in_(batch)).values(values))

    def _write_scan(self, digest: int, platform: str, scan: Scan) -> None:
        is_shared = is_attributed(scan)
        known = self._find_image(scan.scanner.name, digest, platform)
        image = known.id if known is not None else self._add_image(digest, platform, scan.scanner.name)
        is_current = True
        if is_shared:
            is_current = self._write_shared_packages(image, scan)
        else:
            self._write_own_packages(image, scan, known)
        values = {
            "scanner_version": scan.scanner.version,
            "database_built": scan.scanner.database if is_current else None,
            "os": make_storable(scan.os),
            "release": scan.release if is_shared else None,
            "created": scan.created,
            "version": None if scan.version is None else make_storable(scan.version),
            "lists_packages": scan.packages is not None,
            **_SUCCEEDED,
        }
        has_changed = known is None or any(getattr(known, name) != value for name, value in values.items())
        if has_changed or scan.scanner.database is None:
            is_same = KNOWN_IMAGES.c.id == image
            self._connection.execute(update(KNOWN_IMAGES).where(is_same).values(**values, matched_at=self._at))

    def _find_image(self, scanner: str, digest: int, platform: str) -> Row[Any] | None:
        return next((row for row in self._find_images(scanner, [digest]) if row.platform == platform), None)

    def _find_images(self, scanner: str, digests: Collection[int]) -> Iterable[Row[Any]]:
        """Yield the rows of images with these numbers of digests."""
        is_same = (KNOWN_IMAGES.c.scanner == scanner, KNOWN_IMAGES.c.is_private.is_(self._is_private))
        for batch in split_into_batches(sorted(digests)):
            query = select(KNOWN_IMAGES).where(KNOWN_IMAGES.c.digest.in_(batch), *is_same)
            yield from self._connection.execute(query)

    def _add_image(self, digest: int, platform: str, scanner: str) -> int:
        """Add a row for an image, and return its number. The image does not count as matched yet."""
        key = {"digest": digest, "platform": platform, "scanner": scanner, "is_private": self._is_private}
        row = {**key, "scanner_version": "", "os": "", "lists_packages": False, "detail": ""}
        self._connection.execute(insert(KNOWN_IMAGES).values(row))
        is_same = (KNOWN_IMAGES.c[name] == value for name, value in key.items())
        number: int = self._connection.execute(select(KNOWN_IMAGES.c.id).where(*is_same)).scalar_one()
        return number

    def _write_shared_packages(self, image: int, scan: Scan) -> bool:
        """Write the packages of a scan and their findings, which other images share.

        Return False if another run already wrote the findings of a newer database.
        """
        scope = self._add_scope(scan, scan.release)
        findings = {make_package_storable(each): found for each, found in (scan.findings_by_package or {}).items()}
        numbers = add_packages(self._connection, scope.id, findings)
        is_current = not _is_late(scope, scan.scanner)
        if is_current:
            by_number = {number: findings[package] for package, number in numbers.items()}
            self._write_shared(scope, scan.scanner, by_number, [image])
        before = self._find_own_packages(image, scan)
        end_findings(self._connection, before, self._at)
        self._replace_packages(image, {*numbers.values(), *before})
        return is_current

    def _write_own_packages(self, image: int, scan: Scan, known: Row[Any] | None) -> None:
        """Write the packages of a scan, and its findings, which belong to this image alone."""
        listed = {make_package_storable(each) for each in scan.packages or ()}
        list_scope = self._add_scope(scan, None) if listed else None
        findings: dict[InstalledPackage, list[Finding]] = {}
        for finding in scan.findings:
            findings.setdefault(_name_package(finding), []).append(finding)
        named = findings.keys() | {_name_package(each.finding) for each in scan.suppressed}
        before = self._find_own_packages(image, scan)
        own = add_packages(self._connection, self._add_scope(scan, None, image).id, named) if named or before else {}
        by_number: dict[int, Sequence[Finding]] = dict.fromkeys(before, ())
        by_number |= {number: findings.get(package, ()) for package, number in own.items()}
        last_match = known.matched_at if known is not None else None
        is_daily = last_match is not None and last_match >= self._at - DAILY
        write_findings(self._connection, by_number, self._at, lambda packages: packages if is_daily else ())
        numbers = add_packages(self._connection, list_scope.id, listed) if list_scope is not None else {}
        self._replace_packages(image, {*numbers.values(), *own.values(), *before})
        self._write_suppressed(image, scan, own)

    def _write_shared(
        self,
        scope: Row[Any],
        scanner: ScannerIdentity,
        findings: Mapping[int, Sequence[Finding]],
        images: Iterable[int],
    ) -> None:
        """Write findings that images share. All other images with a changed package must be matched again."""
        find_daily = partial(find_daily_packages, self._connection, at=self._at)
        changed = write_findings(self._connection, findings, self._at, find_daily)
        if scanner.database is not None and (scope.database_built is None or scope.database_built < scanner.database):
            is_same = PACKAGE_SCOPES.c.id == scope.id
            self._connection.execute(update(PACKAGE_SCOPES).where(is_same).values(database_built=scanner.database))
        kept, affected = set(images), set[int]()
        for batch in split_into_batches(sorted(changed)):
            users = select(IMAGE_PACKAGES.c.image).where(IMAGE_PACKAGES.c.package.in_(batch)).distinct()
            affected.update(self._connection.execute(users).scalars())
        for batch in split_into_batches(sorted(affected - kept)):
            is_matched = (KNOWN_IMAGES.c.id.in_(batch), KNOWN_IMAGES.c.database_built.is_not(None))
            self._connection.execute(update(KNOWN_IMAGES).where(*is_matched).values(database_built=None))

    def _replace_packages(self, image: int, packages: Collection[int]) -> None:
        """Store the packages of an image. Packages that no image has any longer are deleted."""
        query = select(IMAGE_PACKAGES.c.package).where(IMAGE_PACKAGES.c.image == image)
        before = set(self._connection.execute(query).scalars())
        new, removed = sorted(set(packages) - before), before - set(packages)
        if new:
            self._connection.execute(insert(IMAGE_PACKAGES), [{"package": each, "image": image} for each in new])
        for batch in split_into_batches(sorted(removed)):
            is_removed = (IMAGE_PACKAGES.c.image == image, IMAGE_PACKAGES.c.package.in_(batch))
            self._connection.execute(delete(IMAGE_PACKAGES).where(*is_removed))
        delete_unlinked_packages(self._connection, removed)

    def _find_own_packages(self, image: int, scan: Scan) -> frozenset[int]:
        """Return the packages that the findings of this image named so far. Their history is that of the image."""
        scope = find_scope(self._connection, scan.scanner.name, None, image, is_private=self._is_private)
        if scope is None:
            return frozenset()
        return frozenset(self._connection.execute(select(PACKAGES.c.id).where(PACKAGES.c.scope == scope.id)).scalars())

    def _write_suppressed(self, image: int, scan: Scan, numbers: Mapping[InstalledPackage, int]) -> None:
        vulnerabilities = add_vulnerabilities(self._connection, (each.finding for each in scan.suppressed))
        rows = [
            {
                "image": image,
                "ordinal": ordinal,
                "vulnerability": vulnerabilities[build_vulnerability_key(each.finding)],
                "package": numbers[_name_package(each.finding)],
                "fixed_in": None if each.finding.fixed_in is None else make_storable(each.finding.fixed_in),
                "severity": int(each.finding.severity),
                "fix_published_at": each.finding.fix_published_at,
                "reason": make_storable(each.reason),
                "author": make_storable(each.author),
            }
            for ordinal, each in enumerate(scan.suppressed)
        ]
        is_of_image = SUPPRESSED_FINDINGS.c.image == image
        stored = self._connection.execute(
            select(SUPPRESSED_FINDINGS).where(is_of_image).order_by(SUPPRESSED_FINDINGS.c.ordinal)
        )
        if [row._asdict() for row in stored] != rows:
            self._connection.execute(delete(SUPPRESSED_FINDINGS).where(is_of_image))
            if rows:
                self._connection.execute(insert(SUPPRESSED_FINDINGS), rows)

    def _add_scope(self, scan: Scan, release: str | None, image: int = ALL_IMAGES) -> Row[Any]:
        return add_scope(self._connection, scan.scanner.name, release, image, is_private=self._is_private)


def _is_noted(known: Row[Any], outcome: NotScanned, at: datetime) -> bool:
    """Return True if the same failure of the scan was noted recently."""
    if (known.reason, known.detail) != (outcome.reason.value, make_storable(outcome.detail)):
        return False
    return known.unscanned_at is not None and known.unscanned_at > at - NOTED_EVERY


def _is_late(scope: Row[Any], scanner: ScannerIdentity) -> bool:
    """Return True if another run already wrote the findings of a newer database."""
    newest, used = scope.database_built, scanner.database
    return newest is not None and used is not None and newest - LATE_RUNS <= used < newest


def _name_package(finding: Finding) -> InstalledPackage:
    """Return the package that a finding names."""
    return make_package_storable(InstalledPackage(finding.package_type, finding.package, finding.installed))
