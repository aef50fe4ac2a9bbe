"""Databases of vulnerabilities in tests, and the scans and matches that they give."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from support.values import digest

from bot.core.evidence.finding_keys import merge_findings
from bot.model.contents import InstalledPackage
from bot.model.evidence import Finding, FixDate, NotScanned, Scan, ScannerIdentity, ScanSubject, Severity
from bot.model.image_name import TagRef

RELEASE = "debian 12"
TAG = TagRef("docker.io/library/python", "3.12")
FIRST_DAY = datetime(2026, 11, 25, 6, 11, 12, 123_456, tzinfo=UTC)
DAY = timedelta(days=1)


def package(name: str, version: str = "1", **more: str) -> InstalledPackage:
    return InstalledPackage("debian", name, version, **more)


def subject(content: str, platform: str = "linux/amd64", tag_ref: TagRef = TAG) -> ScanSubject:
    return ScanSubject(tag_ref, digest(content), platform)


@dataclass(frozen=True)
class ListedVulnerability:
    """A vulnerability of all versions of a package in a database."""

    id: str
    package: str
    fixed_in: str | None = None
    severity: Severity = Severity.HIGH
    title: str = ""
    published: datetime | None = None


@dataclass(frozen=True)
class VulnerabilityDatabase:
    """A database of one day, with a scanner that uses it."""

    entries: tuple[ListedVulnerability, ...] = ()
    day: int = 0
    version: str = "0.74.0"
    releases: Collection[str] = field(default=frozenset({RELEASE}))

    @property
    def identity(self) -> ScannerIdentity:
        return ScannerIdentity("trivy", self.version, FIRST_DAY + self.day * DAY)

    def match(self, packages: Iterable[InstalledPackage]) -> Mapping[InstalledPackage, tuple[Finding, ...]]:
        return {each: tuple(self._list_findings(each)) for each in packages}

    def scan(self, packages: Iterable[InstalledPackage], release: str | None = RELEASE) -> Scan:
        """Return the scan of an image with these packages. Without a release, it states no findings of packages."""
        listed = tuple(sorted(set(packages)))
        by_package = self.match(listed)
        return Scan(
            self.identity,
            RELEASE,
            merge_findings(each for found in by_package.values() for each in found),
            FIRST_DAY,
            "12.7",
            listed,
            release=release,
            findings_by_package=by_package if release is not None else None,
        )

    def _list_findings(self, listed: InstalledPackage) -> Iterable[Finding]:
        for entry in self.entries:
            if entry.package == listed.name_in_findings:
                yield Finding(
                    entry.id,
                    entry.package,
                    listed.type,
                    listed.version,
                    entry.fixed_in,
                    entry.severity,
                    entry.title,
                    fix_date=FixDate.from_advisory(entry.published),
                )


@dataclass(eq=False)
class DatabaseScanner:
    """A scanner that scans images and matches packages with the same database."""

    images: Mapping[ScanSubject, tuple[InstalledPackage, ...]]
    database: VulnerabilityDatabase
    scanned: list[ScanSubject] = field(default_factory=list)
    match_failure: NotScanned | None = None
    omitted: Collection[InstalledPackage] = ()
    """Packages for which the answer to a match has no entry, as no correct scanner does."""

    def get_identity(self) -> ScannerIdentity:
        return self.database.identity

    def prefetch(self, subjects) -> None:
        """Do nothing, because every scan is fast."""

    def match_packages(self, release, packages):
        if self.match_failure is not None:
            return self.match_failure
        if release not in self.database.releases:
            return None
        matches = self.database.match(packages)
        return {each: found for each, found in matches.items() if each not in self.omitted}

    def scan(self, subject: ScanSubject) -> Scan:
        self.scanned.append(subject)
        return self.database.scan(self.images[subject])
