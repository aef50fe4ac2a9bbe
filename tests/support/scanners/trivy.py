"""Images and a matching vulnerability database, a registry with both, and the expected findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.parts import find_trivy
from support.registries.docker_registry import DockerRegistry

from bot.demo.images import (
    DemoPackage,
    ImageIndex,
    PlatformImage,
    build_alpine_root,
    build_debian_root,
    build_image,
    build_layer,
)
from bot.demo.trivy_database import (
    TAG,
    PackageAdvisory,
    PackageStatus,
    VulnerabilityDatabase,
    VulnerabilityDetails,
    make_fictional_id,
)
from bot.model.evidence import Finding, NotScanned, Scan, ScanSubject, Severity, UnscannedReason
from bot.model.image import PullAddress
from bot.model.image_name import Digest, TagRef
from bot.scanners.trivy import TrivyScanner

DEBIAN, DEBIAN_RELEASE = "13.1", "debian 13"
ALPINE, ALPINE_RELEASE = "3.99.1", "alpine 3.99"
"""A release that no Trivy knows to be out of support, so that these tests do not end with one."""
UNLISTED_DEBIAN = "99.1"
UBUNTU_RELEASE = "ubuntu 24.04"
ENDED_DEBIAN, ENDED_RELEASE = "8.11", "debian 8"

# Versions are written so that the older one is also the smaller text: `expected` compares nothing else.
OLD = (
    DemoPackage("libssl3t64", "3.5.0-1", "openssl"),
    DemoPackage("openssl", "3.5.0-1"),
    DemoPackage("zlib1g", "1.3.0-1", "zlib"),
    DemoPackage("bash", "5.2.0-1"),
    DemoPackage("tar", "1.35-1"),
)
NEW = (
    DemoPackage("libssl3t64", "3.5.2-1", "openssl"),
    DemoPackage("openssl", "3.5.2-1"),
    DemoPackage("zlib1g", "1.3.0-1", "zlib"),
    DemoPackage("bash", "5.2.0-1"),
    DemoPackage("curl", "8.14.0-1"),
)
ALPINE_PACKAGES = (DemoPackage("musl", "1.2.5-r0"), DemoPackage("libcrypto3", "3.5.0-r0", "openssl"))

VULNERABILITIES = tuple(
    VulnerabilityDetails(make_fictional_id(number), f"vulnerability {number}, made for tests", severity)
    for number, severity in enumerate(
        (
            Severity.CRITICAL,
            Severity.MEDIUM,
            Severity.HIGH,
            Severity.LOW,
            Severity.HIGH,
            Severity.UNKNOWN,
            Severity.HIGH,
            Severity.HIGH,
        ),
        start=1,
    )
)
ADVISORIES = (
    PackageAdvisory(DEBIAN_RELEASE, "openssl", make_fictional_id(1), "3.5.2-1", vendor_ids=("DSA-1-1",)),
    PackageAdvisory(DEBIAN_RELEASE, "openssl", make_fictional_id(2), "3.5.1-1"),
    PackageAdvisory(DEBIAN_RELEASE, "zlib", make_fictional_id(3), "1.3.1-1"),
    PackageAdvisory(DEBIAN_RELEASE, "bash", make_fictional_id(4), status=PackageStatus.AFFECTED),
    PackageAdvisory(
        DEBIAN_RELEASE, "tar", make_fictional_id(5), status=PackageStatus.WILL_NOT_FIX, severity=Severity.LOW
    ),
    PackageAdvisory(DEBIAN_RELEASE, "curl", make_fictional_id(6), status=PackageStatus.AFFECTED),
    PackageAdvisory("debian 12", "openssl", make_fictional_id(7), "9.9.9-1"),
    PackageAdvisory(ALPINE_RELEASE, "openssl", make_fictional_id(8), "3.5.1-r0"),
)


def database(age: timedelta = timedelta(hours=1)) -> VulnerabilityDatabase:
    """Return the database as it was built `age` ago."""
    return VulnerabilityDatabase(
        VULNERABILITIES, ADVISORIES, datetime.now(UTC) - age, releases=(ENDED_RELEASE, UBUNTU_RELEASE)
    )


def debian(packages: Iterable[DemoPackage], release: str = DEBIAN, **options) -> PlatformImage:
    return build_image([build_layer(build_debian_root(release, packages))], **options)


def alpine(repositories: str = "") -> PlatformImage:
    root = build_alpine_root(ALPINE, ALPINE_PACKAGES)
    return build_image([build_layer(root | ({"etc/apk/repositories": repositories.encode()} if repositories else {}))])


def without_packages() -> PlatformImage:
    """Return a Debian image without a package list."""
    return build_image(
        [build_layer({path: text for path, text in build_debian_root(DEBIAN, OLD).items() if "dpkg" not in path})]
    )


def without_system() -> PlatformImage:
    return build_image([build_layer({"hello": b"world"})])


def expected(packages: Iterable[DemoPackage], release: str) -> set[Finding]:
    """Return the findings that the advisories for `release` give for an image with these packages."""
    severities = {known.id: known for known in VULNERABILITIES}
    found = {}
    for advisory in ADVISORIES:
        for package in sorted(packages, key=lambda package: package.version):
            concerned = advisory.release == release and advisory.package == package.source_name
            if concerned and (advisory.fixed_in is None or package.version < advisory.fixed_in):
                known = severities[advisory.vulnerability]
                finding = Finding(
                    id=known.id,
                    package=advisory.package,
                    package_type=release.partition(" ")[0],
                    installed=package.version,
                    fixed_in=advisory.fixed_in,
                    severity=known.severity if advisory.severity is None else advisory.severity,
                    title=known.title,
                )
                found.setdefault((known.id, advisory.package), finding)
    return set(found.values())


def findings(outcome: object) -> set[Finding]:
    """Return the findings of a successful scan; a failed scan fails the test with its reason."""
    assert isinstance(outcome, Scan), outcome
    assert len(set(outcome.findings)) == len(outcome.findings)
    return set(outcome.findings)


def why(outcome: object) -> UnscannedReason:
    """Return why there was no scan; one that worked fails the test."""
    assert isinstance(outcome, NotScanned), outcome
    return outcome.reason


RECORDED: dict[str, Callable[[], PlatformImage]] = {
    "debian": lambda: debian(OLD),
    "alpine": alpine,
    "end-of-life": lambda: debian(OLD, ENDED_DEBIAN),
    "unlisted": lambda: debian(OLD, UNLISTED_DEBIAN),
    "without-packages": without_packages,
    "without-system": without_system,
}
"""The images whose reports are kept in tests/scanners/recorded, by the name of the file."""


class TrivyStand:
    """A registry with the database in it, Trivy, and a cache that its scanners share."""

    def __init__(self, registry: DockerRegistry, cache: Path) -> None:
        self.registry, self.cache = registry, cache
        registry.push(database().build_database_artifact(), "trivy-db", TAG)

    @property
    def database(self) -> PullAddress:
        return self.address(f"{self.registry.host}/trivy-db:{TAG}")

    @staticmethod
    def address(reference: str, **options) -> PullAddress:
        return PullAddress(reference, **{"is_insecure": True, **options})

    def pull(self, line: TagRef, digest: Digest) -> PullAddress:
        return self.address(f"{line.repository}@{digest}")

    def subject(
        self, item: PlatformImage | ImageIndex, platform: str = "linux/amd64", repository: str = "library/test"
    ) -> ScanSubject:
        """Push `item` and return it as the subject of a scan."""
        digest = self.registry.push(item, repository, "tag")
        return ScanSubject(TagRef(f"{self.registry.host}/{repository}", "tag"), digest, platform)

    def report(self, item: PlatformImage) -> bytes:
        """Return the output of Trivy for `item` with the arguments of the scanner."""
        scanner, subject = self.scanner(), self.subject(item)
        scanner.scan(subject)  # the first one fetches the database
        address = self.pull(subject.tag_ref, subject.digest)
        return scanner._program.run(scanner._build_scan_arguments(subject, address), address, timeout=30.0).output

    def scanner(self, **options) -> TrivyScanner:
        """Return a scanner with the settings of a run; `options` replace them."""
        chosen = {
            "binary": find_trivy(),
            "resolve_pull_address": self.pull,
            "cache": self.cache,
            "now": lambda: datetime.now(UTC),
            "database_address": self.database,
            "timeout": 30.0,
            **options,
        }
        return TrivyScanner(**chosen)
