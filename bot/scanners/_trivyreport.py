"""Reads Trivy's JSON report (pkg/types/report.go, schema 2): pure; a value that the report lacks stays unknown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.evidence.build_time import build_time
from bot.core.evidence.canonical import canonical_ids, merged
from bot.model.contents import InstalledPackage
from bot.model.evidence import Finding, Severity
from bot.scanners._findings import MAX_WORD, line
from bot.scanners._json import Object, UnreadableReportError, document, mapping, objects, text, texts

SCHEMA = 2

_SEVERITIES = {severity.name: severity for severity in Severity}
"""Trivy's own terms; no others are accepted."""


@dataclass(frozen=True, slots=True)
class OperatingSystem:
    """The operating system that Trivy detected in an image."""

    family: str
    """Trivy's name of the distribution: `debian`, `opensuse-leap`."""
    release: str
    extended: bool
    """True if Ubuntu's extended support is enabled in the image."""
    end_of_life: bool

    def __str__(self) -> str:
        return f"{self.family} {self.release}".rstrip()


@dataclass(frozen=True, slots=True)
class TrivyReport:
    """The content of a report. An empty list of findings means nothing until the other fields have been checked."""

    system: OperatingSystem | None
    platform: str
    """`os/architecture[/variant]` of the image that was scanned, which may differ from the requested platform."""
    os_packages: int
    """Number of packages of the distribution in the image."""
    findings: tuple[Finding, ...]
    created: datetime | None
    """Build time of the image, from its config."""
    version: str | None
    """Version of the image, from the label `org.opencontainers.image.version` in its config."""
    packages: tuple[InstalledPackage, ...] | None = None
    """Packages of the image; None if the report lists only vulnerable packages."""


def parse_report(content: bytes) -> TrivyReport:
    """Parse the output of `trivy image --format json --list-all-pkgs`. Raises UnreadableReportError."""
    return read_report(document(content))


def read_report(report: Object) -> TrivyReport:
    """Read a decoded report. Raises UnreadableReportError."""
    if report.get("SchemaVersion") != SCHEMA:
        raise UnreadableReportError(f"the report is not Trivy's of schema {SCHEMA}")
    metadata = mapping(report.get("Metadata"))
    results = objects(report.get("Results"))
    of_system = [result for result in results if result.get("Class") == "os-pkgs"]
    config = mapping(metadata.get("ImageConfig"))
    return TrivyReport(
        system=_system(mapping(metadata.get("OS"))),
        platform=_platform(config),
        os_packages=sum(len(objects(result.get("Packages"))) for result in of_system),
        findings=merged(finding for result in results for finding in findings_of(result)),
        created=build_time(config.get("created")),
        version=_version(config),
        packages=_listed(results),
    )


def _version(image_config: Object) -> str | None:
    labels = mapping(mapping(image_config.get("config")).get("Labels"))
    return text(labels.get("org.opencontainers.image.version"))[:MAX_WORD] or None


def _listed(results: Sequence[Object]) -> tuple[InstalledPackage, ...] | None:
    """Return the packages of all results; None if there are none, or a result has vulnerabilities but no packages."""
    if any(result.get("Vulnerabilities") and not result.get("Packages") for result in results):
        return None
    return tuple(sorted({package for result in results for package in _packages(result)})) or None


def _packages(result: Object) -> Iterator[InstalledPackage]:
    """Yield the packages of a result, with epoch, version and release joined to one version."""
    for found in objects(result.get("Packages")):
        name, version, release = (text(found.get(key)) for key in ("Name", "Version", "Release"))
        epoch, source = found.get("Epoch"), text(found.get("SrcName"))
        if name and version:
            whole = (f"{epoch}:" if epoch else "") + version + (f"-{release}" if release else "")
            yield InstalledPackage(text(result.get("Type")), name, whole, source if source != name else "")


def _system(described: Object) -> OperatingSystem | None:
    family = text(described.get("Family"))
    if family in {"", "none"}:  # Trivy writes "none" for packages without a distribution
        return None
    return OperatingSystem(
        family=family,
        release=text(described.get("Name")),
        extended=described.get("extended") is True,
        end_of_life=described.get("EOSL") is True,
    )


def _platform(config: Object) -> str:
    parts = [text(config.get(key)) for key in ("os", "architecture", "variant")]
    return "/".join(part for part in parts if part)


def findings_of(result: Object) -> Iterator[Finding]:
    """Yield the findings of one result, including duplicates. Raises UnreadableReportError."""
    packages = objects(result.get("Packages"))
    sources = {text(package.get("ID")): text(package.get("SrcName")) for package in packages}
    for item in objects(result.get("Vulnerabilities")):
        package, given = text(item.get("PkgName")), text(item.get("VulnerabilityID"))
        if not package or not given:
            raise UnreadableReportError("the report has a vulnerability without an id or a package")
        for identifier in canonical_ids(given, texts(item.get("VendorIDs"))):
            yield Finding(
                id=identifier,
                package=sources.get(text(item.get("PkgID"))) or package,
                package_type=text(result.get("Type")),
                installed=text(item.get("InstalledVersion")),
                fixed_in=text(item.get("FixedVersion")) or None,
                severity=_SEVERITIES.get(text(item.get("Severity")), Severity.UNKNOWN),
                title=line(text(item.get("Title"))),
            )
