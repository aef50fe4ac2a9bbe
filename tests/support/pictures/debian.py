"""The recorded packages of a Debian release: the packages of a day, and their known vulnerabilities.

`debian.json` has, for each source package, the versions that the release had since its first day, the day of each
changelog entry, and the CVE ids that the entry mentions with a few words of it. `record.py` records it. Changelogs are
under the licences of their packages. The day of an entry is when it was written; Debian publishes security updates
within days and others with the next point release.

Severities are illustrative unless the changelog states one (gnutls28 does): `rate_severity` derives them from the words
of the changelog entry, because no source of severities is recorded.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from bot.demo.images import DemoPackage
from bot.demo.trivy_database import PackageAdvisory, VulnerabilityDatabase, VulnerabilityDetails
from bot.model.evidence import Severity

RECORD = Path(__file__).with_name("debian.json")

_SEVERITY_WORDS = (
    (Severity.CRITICAL, r"remote code|code execution|arbitrary code|(code|command|sql) injection"),
    (
        Severity.HIGH,
        r"overflow|out.of.bounds? (write|access)|use.after.free|\bUAF\b|double.free|forge|escalation|bypass",
    ),
    (Severity.HIGH, r"corruption|underwrite|over-?write|credential|arbitrary|escape-to-host|root execution"),
    (Severity.LOW, r"timing|side.channel|leak|typo|unbounded|excessive|exhaustion|quadratic|race"),
)
"""Words of a changelog entry, and the severity that pictures show for them. The first match wins; else it is medium."""


@dataclass(frozen=True, slots=True)
class RecordedUpload:
    """A version in the release, with the CVE ids and the text of its changelog entry."""

    version: str
    suite: str
    day: date
    fixes: dict[str, str]
    stated_severities: dict[str, str]


@dataclass(frozen=True, slots=True)
class RecordedSource:
    """A source package: the package whose changelog was read, and its uploads, newest first."""

    name: str
    changelog_package: str
    changelog_version: str
    uploads: tuple[RecordedUpload, ...]

    def select_upload(self, day: date) -> RecordedUpload:
        """Return the newest upload of a day; the oldest one if all of them are later."""
        return next((upload for upload in self.uploads if upload.day <= day), self.uploads[-1])


@dataclass(frozen=True, slots=True)
class RecordedPackage:
    """A binary package: its source package, its newest version, and the size of its .deb file in bytes."""

    name: str
    source: str
    version: str
    size: int


@dataclass(frozen=True, slots=True)
class DebianRecord:
    """The packages of a Debian release."""

    version: str
    """The number of the release: `12`."""
    origin: dict[str, str]
    images: dict[str, tuple[str, ...]]
    """The names of the packages in each kind of image: `slim` and `full`."""
    packages: dict[str, RecordedPackage]
    sources: dict[str, RecordedSource]

    @property
    def release(self) -> str:
        """The release in the notation of Trivy's database."""
        return f"debian {self.version}"

    def list_packages(self, kind: str, day: date) -> list[DemoPackage]:
        """List the packages of an image that was built on a day."""
        return [self._package_of(self.packages[name], day) for name in self.images[kind]]

    def sum_sizes(self, kind: str) -> int:
        """Return the size of the .deb files of an image's packages, in bytes."""
        return sum(self.packages[name].size for name in self.images[kind])

    def _package_of(self, package: RecordedPackage, day: date) -> DemoPackage:
        """Return a package as dpkg lists it; most have the version of their source package."""
        source = self.sources[package.source]
        newest, then = source.uploads[0].version, source.select_upload(day).version
        has_own_version = re.sub(r"\+b\d+$", "", package.version) != newest
        version = package.version if has_own_version or then == newest else then
        if version != then:
            return DemoPackage(package.name, version, f"{source.name} ({then})")
        return DemoPackage(package.name, version, source.name if source.name != package.name else "")

    def list_fixes(self, kind: str, old: date, new: date) -> dict[tuple[str, str], str]:
        """Return the version that fixed each CVE id and source package of an image between two days."""
        return {
            (id_, source.name): upload.version
            for source in self._sources_of(kind)
            for upload in source.uploads[: source.uploads.index(source.select_upload(old))]
            if upload.day <= new
            for id_ in upload.fixes
        }

    def build_database(self, built: datetime) -> VulnerabilityDatabase:
        """Build a database in which each recorded CVE id is fixed by the version whose changelog mentions it first."""
        vulnerabilities = {vulnerability.id: vulnerability for vulnerability, _ in self._findings()}
        return VulnerabilityDatabase(
            list(vulnerabilities.values()),
            [advisory for _, advisory in self._findings()],
            built,
            releases=[self.release],
        )

    def _findings(self) -> Iterator[tuple[VulnerabilityDetails, PackageAdvisory]]:
        for source in self.sources.values():
            for upload in source.uploads[:-1]:
                for id_, title in upload.fixes.items():
                    severity = rate_severity(title, upload.stated_severities.get(id_))
                    shown = title or f"see the changelog of {source.name} {upload.version}"
                    yield (
                        VulnerabilityDetails(id_, shown, severity),
                        PackageAdvisory(self.release, source.name, id_, upload.version),
                    )

    def _sources_of(self, kind: str) -> Sequence[RecordedSource]:
        names = {self.packages[name].source for name in self.images[kind]}
        return [self.sources[name] for name in sorted(names)]


def rate_severity(title: str, stated: str | None = None) -> Severity:
    """Return the severity that the changelog states, else an illustrative one by the words of its title."""
    if stated:
        return Severity[stated.upper()]
    rated = (severity for severity, words in _SEVERITY_WORDS if re.search(words, title, re.IGNORECASE))
    return next(rated, Severity.MEDIUM)


@functools.cache
def load_record() -> DebianRecord:
    """Load the recorded packages."""
    read = json.loads(RECORD.read_text(encoding="utf-8"))
    return DebianRecord(
        version=read["origin"]["version"],
        origin=read["origin"],
        images={kind: tuple(names) for kind, names in read["images"].items()},
        packages={name: RecordedPackage(name, **fields) for name, fields in read["packages"].items()},
        sources={name: _load_source(name, fields) for name, fields in read["sources"].items()},
    )


def _load_source(name: str, fields: dict) -> RecordedSource:
    uploads = tuple(
        RecordedUpload(
            upload["version"],
            upload["suite"],
            date.fromisoformat(upload["date"]),
            upload.get("fixes", {}),
            upload.get("severities", {}),
        )
        for upload in fields["uploads"]
    )
    return RecordedSource(name, fields["changelog"]["package"], fields["changelog"]["version"], uploads)
