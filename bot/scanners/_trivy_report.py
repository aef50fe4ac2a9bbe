"""Reads Trivy's JSON report (pkg/types/report.go, schema 2). This module does no I/O.

If the report lacks a value, the value is None or empty, and is never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.evidence.build_time import parse_build_time
from bot.core.evidence.finding_keys import get_canonical_ids, merge_findings
from bot.model.contents import InstalledPackage
from bot.model.evidence import Finding, Severity
from bot.scanners._findings import MAX_NAME_LENGTH, shorten_to_line
from bot.scanners._json import (
    ReportObject,
    UnreadableReportError,
    parse_object,
    read_object,
    read_objects,
    read_text,
    read_texts,
)

SCHEMA = 2

_SEVERITIES = {severity.name: severity for severity in Severity}
"""Trivy's own words for severities. All other words count as unknown."""


@dataclass(frozen=True, slots=True)
class OperatingSystem:
    """The operating system that Trivy detected in an image."""

    family: str
    """Trivy's name for the distribution, such as `debian` or `opensuse-leap`."""
    release: str
    has_extended_support: bool
    """True if Ubuntu's extended support is enabled in the image."""
    is_end_of_life: bool

    def __str__(self) -> str:
        return f"{self.family} {self.release}".rstrip()


@dataclass(frozen=True, slots=True)
class TrivyReport:
    """The content of a report.

    An empty list of findings does not prove that the image has no vulnerabilities: Trivy may not support the operating
    system. `evaluate_report` in `_trivy_outcomes` checks the other fields first.
    """

    system: OperatingSystem | None
    platform: str
    """The `os/architecture[/variant]` of the scanned image, which may differ from the requested platform."""
    os_package_count: int
    """The number of the distribution's packages in the image."""
    findings: tuple[Finding, ...]
    image_created: datetime | None
    """The build time of the image, from its config."""
    version_label: str | None
    """The version of the image, from the label `org.opencontainers.image.version` in its config."""
    packages: tuple[InstalledPackage, ...] | None = None
    """The packages of the image; None if the report lists only vulnerable packages."""
    findings_by_package: Mapping[InstalledPackage, tuple[Finding, ...]] | None = None
    """The findings of each package; None if a finding does not belong to exactly one package."""


def parse_report(content: bytes) -> TrivyReport:
    """Parse the output of `trivy image --format json --list-all-pkgs`.

    Raises UnreadableReportError if the report cannot be read reliably.
    """
    return read_report(parse_object(content))


def read_report(report: ReportObject) -> TrivyReport:
    """Read a decoded report. Raises UnreadableReportError if the report cannot be read reliably."""
    if report.get("SchemaVersion") != SCHEMA:
        raise UnreadableReportError(f"the report is not a Trivy report of schema {SCHEMA}")
    metadata = read_object(report.get("Metadata"))
    results = read_objects(report.get("Results"))
    os_results = [result for result in results if result.get("Class") == "os-pkgs"]
    config = read_object(metadata.get("ImageConfig"))
    return TrivyReport(
        system=_read_operating_system(read_object(metadata.get("OS"))),
        platform=_read_platform(config),
        os_package_count=sum(len(read_objects(result.get("Packages"))) for result in os_results),
        findings=merge_findings(finding for result in results for finding in read_findings(result)),
        image_created=parse_build_time(config.get("created")),
        version_label=_read_version_label(config),
        packages=_collect_packages(results),
        findings_by_package=_attribute_findings(results),
    )


def _read_version_label(image_config: ReportObject) -> str | None:
    labels = read_object(read_object(image_config.get("config")).get("Labels"))
    return read_text(labels.get("org.opencontainers.image.version"))[:MAX_NAME_LENGTH] or None


def _collect_packages(results: Sequence[ReportObject]) -> tuple[InstalledPackage, ...] | None:
    """Return the packages in all results of a report; None if the report has no complete list of packages.

    The list is incomplete if a result contains vulnerabilities but no packages.
    """
    if any(result.get("Vulnerabilities") and not result.get("Packages") for result in results):
        return None
    return tuple(sorted({package for result in results for package in _read_packages(result)})) or None


def _attribute_findings(results: Sequence[ReportObject]) -> Mapping[InstalledPackage, tuple[Finding, ...]] | None:
    """Return the findings of each package; None if a finding does not belong to exactly one package.

    Packages of languages without a version, such as the main module of a Go program, have no findings.
    """
    findings: dict[InstalledPackage, list[Finding]] = {}
    for result in results:
        by_id: dict[str, InstalledPackage] = {}
        for entry in read_objects(result.get("Packages")):
            package = _read_package(result, entry)
            if package is None and result.get("Class") != "os-pkgs":
                continue
            identifier = read_package_id(entry)
            if package is None or by_id.setdefault(identifier, package) != package:
                return None
            findings.setdefault(package, [])
        for identifier, finding in read_identified_findings(result):
            if identifier not in by_id:
                return None
            findings[by_id[identifier]].append(finding)
    return {package: merge_findings(found) for package, found in findings.items()}


def read_package_id(package: ReportObject) -> str:
    """Return the id of a package in this report; empty if it has none.

    Trivy writes no `ID` for some packages, and before 0.51 no `UID`.
    """
    return read_text(read_object(package.get("Identifier")).get("UID")) or read_text(package.get("ID"))


def _read_named_id(vulnerability: ReportObject) -> str:
    """Return the id of the package that a vulnerability names, as in `read_package_id`."""
    return read_text(read_object(vulnerability.get("PkgIdentifier")).get("UID")) or read_text(
        vulnerability.get("PkgID")
    )


def _read_packages(result: ReportObject) -> Iterator[InstalledPackage]:
    packages = (_read_package(result, entry) for entry in read_objects(result.get("Packages")))
    return (package for package in packages if package is not None)


def _read_package(result: ReportObject, entry: ReportObject) -> InstalledPackage | None:
    """Return a package in a result; None if it has no name or version.

    The epoch, version and release of a package are joined, for example to `1:2.3-4`.
    """
    name, source = read_text(entry.get("Name")), read_text(entry.get("SrcName"))
    version, source_version = _join_version(entry, ""), _join_version(entry, "Src")
    if not name or not version:
        return None
    return InstalledPackage(
        read_text(result.get("Type")),
        name,
        version,
        source if source != name else "",
        source_version if source_version != version else "",
        read_text(entry.get("Arch")),
        read_text(entry.get("Modularitylabel")),
    )


def _join_version(entry: ReportObject, prefix: str) -> str:
    version, release = (read_text(entry.get(f"{prefix}{key}")) for key in ("Version", "Release"))
    epoch = entry.get(f"{prefix}Epoch")
    return (f"{epoch}:" if epoch else "") + version + (f"-{release}" if release else "") if version else ""


def _read_operating_system(os_object: ReportObject) -> OperatingSystem | None:
    family = read_text(os_object.get("Family"))
    if family in {"", "none"}:  # Trivy writes "none" for packages without a distribution
        return None
    return OperatingSystem(
        family=family,
        release=read_text(os_object.get("Name")),
        has_extended_support=os_object.get("extended") is True,
        is_end_of_life=os_object.get("EOSL") is True,
    )


def _read_platform(config: ReportObject) -> str:
    parts = [read_text(config.get(key)) for key in ("os", "architecture", "variant")]
    return "/".join(part for part in parts if part)


def read_findings(result: ReportObject) -> Iterator[Finding]:
    """Yield the findings in one result.

    The same finding can occur several times. Raises UnreadableReportError if the report cannot be read reliably.
    """
    return (finding for _, finding in read_identified_findings(result))


def read_identified_findings(result: ReportObject) -> Iterator[tuple[str, Finding]]:
    """Yield the findings in one result, each with the id of its package, as `read_package_id` returns it.

    Raises as `read_findings` does.
    """
    packages = read_objects(result.get("Packages"))
    sources = {read_package_id(package): read_text(package.get("SrcName")) for package in packages}
    sources.pop("", None)
    for item in read_objects(result.get("Vulnerabilities")):
        package, vulnerability_id = read_text(item.get("PkgName")), read_text(item.get("VulnerabilityID"))
        if not package or not vulnerability_id:
            raise UnreadableReportError("the report has a vulnerability without an id or a package")
        for identifier in get_canonical_ids(vulnerability_id, read_texts(item.get("VendorIDs"))):
            finding = Finding(
                id=identifier,
                package=sources.get(_read_named_id(item)) or package,
                package_type=read_text(result.get("Type")),
                installed=read_text(item.get("InstalledVersion")),
                fixed_in=read_text(item.get("FixedVersion")) or None,
                severity=_SEVERITIES.get(read_text(item.get("Severity")), Severity.UNKNOWN),
                title=shorten_to_line(read_text(item.get("Title"))),
            )
            yield _read_named_id(item), finding
