"""Made-up vulnerability databases in the format of the database that Trivy downloads.

With such a database, the findings in the demo are always the same. The format is version 2 of
https://github.com/aquasecurity/trivy-db: nested buckets (key-value maps) in a bbolt file. The advisory about a
vulnerability is at `release of a distribution / source package / vulnerability id`, for example
`debian 12 / openssl / CVE-2024-1234`. A separate bucket contains the details of every vulnerability.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from bot.demo.bolt import Bucket, encode_database
from bot.demo.images import ImageLayer, PlatformImage, build_artifact, pack
from bot.model.evidence import Severity

SCHEMA = 2
TAG = str(SCHEMA)
"""The tag that Trivy pulls. The tag is the version of the database schema."""
UPDATE_INTERVAL = timedelta(days=1)
"""The time after which Trivy expects the next database."""

_ARTIFACT = "application/vnd.aquasec.trivy.config.v1+json"
_LAYER = "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"
_NEVER = "0001-01-01T00:00:00Z"
_FICTIONAL_YEAR = 1900
"""A year without real CVE IDs, which begin with 1999."""


class PackageStatus(IntEnum):
    """The status of a vulnerability in a package, with the numbers that Trivy's database uses."""

    AFFECTED = 2
    FIXED = 3
    WILL_NOT_FIX = 5


@dataclass(frozen=True, slots=True)
class VulnerabilityDetails:
    """The details of a vulnerability, which are the same for all distributions."""

    id: str
    title: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class PackageAdvisory:
    """The statement of a distribution about one vulnerability in one source package of one release."""

    release: str
    """The release in the notation of the database, such as `debian 12` or `alpine 3.20`. For the packages of a
    language, this is the ecosystem and a source, such as `npm::made by hand`."""
    package: str
    vulnerability: str
    fixed_in: str | None = None
    status: PackageStatus = PackageStatus.FIXED
    severity: Severity | None = None
    """The severity that the distribution states; None if it is the severity in the vulnerability's details."""
    vendor_ids: tuple[str, ...] = ()
    vulnerable: str | None = None
    """The affected versions of a package of a language, such as `<1.2.0`."""


@dataclass(frozen=True, slots=True)
class VulnerabilityDatabase:
    """The content of a vulnerability database, and its build time."""

    vulnerabilities: Sequence[VulnerabilityDetails]
    advisories: Sequence[PackageAdvisory]
    built: datetime
    releases: Sequence[str] = ()
    """The releases that the database covers, in addition to releases with advisories."""

    def encode_content(self) -> bytes:
        """Return the content of the file that Trivy stores as `db/trivy.db`."""
        return encode_database(self._build_buckets())

    def encode_metadata(self) -> bytes:
        """Return the content of the file that Trivy stores as `db/metadata.json`."""
        times = {
            "NextUpdate": _format_timestamp(self.built + UPDATE_INTERVAL),
            "UpdatedAt": _format_timestamp(self.built),
            "DownloadedAt": _NEVER,
        }
        return json.dumps({"Version": SCHEMA, **times}).encode()

    def build_database_artifact(self) -> PlatformImage:
        """Return the database as an OCI artifact that Trivy can pull. In a registry, it must have the tag TAG."""
        archive = gzip.compress(
            pack({"trivy.db": self.encode_content(), "metadata.json": self.encode_metadata()}), mtime=0
        )
        title = {"org.opencontainers.image.title": "db.tar.gz"}
        return build_artifact(_ARTIFACT, [ImageLayer(archive, _LAYER, title)])

    def _build_buckets(self) -> Bucket:
        releases = sorted({*self.releases, *(advisory.release for advisory in self.advisories)})
        return {
            **{release: self._build_release_bucket(release) for release in releases},
            "data-source": {release: _encode_source(release) for release in releases},
            "vulnerability": {known.id: _encode_details(known) for known in self.vulnerabilities},
        }

    def _build_release_bucket(self, release: str) -> Bucket:
        packages: dict[str, dict[str, bytes]] = {}
        for advisory in self.advisories:
            if advisory.release == release:
                packages.setdefault(advisory.package, {})[advisory.vulnerability] = _encode_advisory(advisory)
        return packages


def make_fictional_id(number: int) -> str:
    """Return an id such as `CVE-1900-0001`, which has the form of a CVE id but belongs to no real vulnerability."""
    return f"CVE-{_FICTIONAL_YEAR}-{number:04}"


def _encode_advisory(advisory: PackageAdvisory) -> bytes:
    fields: dict[str, object] = {
        "FixedVersion": None if advisory.vulnerable else advisory.fixed_in,
        "PatchedVersions": [advisory.fixed_in] if advisory.vulnerable and advisory.fixed_in else None,
        "VulnerableVersions": [advisory.vulnerable] if advisory.vulnerable else None,
        "Status": None if advisory.fixed_in else int(advisory.status),
        "Severity": None if advisory.severity is None else int(advisory.severity),
        "VendorIDs": list(advisory.vendor_ids) or None,
    }
    return json.dumps({key: value for key, value in fields.items() if value is not None}).encode()


def _encode_details(vulnerability: VulnerabilityDetails) -> bytes:
    return json.dumps({"Title": vulnerability.title, "Severity": vulnerability.severity.name}).encode()


def _encode_source(release: str) -> bytes:
    """Return the made-up data source of a release's advisories."""
    return json.dumps({"ID": release.partition(" ")[0], "Name": "made by hand"}).encode()


def _format_timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
