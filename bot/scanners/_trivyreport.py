"""Reads Trivy's JSON report (pkg/types/report.go, schema 2): pure, and never more hopeful than the report."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from bot.core.build_time import build_time
from bot.model.evidence import Finding, Severity

SCHEMA: Final = 2
MAX_VERSION: Final = 128
"""Characters; as long as a tag may be."""
MAX_TITLE: Final = 200
"""Characters; a title is one line in a table."""

_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}", re.ASCII)
_SEVERITIES = {severity.name: severity for severity in Severity}


class UnreadableReportError(ValueError):
    """Not a report, or one that this module would misread."""


@dataclass(frozen=True, slots=True)
class OperatingSystem:
    """What Trivy took the image for."""

    family: str
    """In Trivy's word: `debian`, `opensuse-leap`."""
    release: str
    extended: bool
    """Whether Ubuntu's extended support is switched on."""
    end_of_life: bool

    def __str__(self) -> str:
        return f"{self.family} {self.release}".rstrip()


@dataclass(frozen=True, slots=True)
class TrivyReport:
    """What a report says; no findings mean nothing as long as the rest has not been looked at."""

    system: OperatingSystem | None
    platform: str
    """`os/architecture[/variant]` of the image that was scanned, which is not always the one that was asked for."""
    os_packages: int
    """How many packages of the distribution were found in it."""
    findings: tuple[Finding, ...]
    created: datetime | None
    """When the image was built, as its config says."""
    version: str | None
    """The version that a label in its config states."""


def parse_report(content: bytes) -> TrivyReport:
    """Read the JSON that `trivy image --format json --list-all-pkgs` prints; raises UnreadableReportError."""
    try:
        report = _mapping(json.loads(content))
    except (ValueError, RecursionError) as error:
        raise UnreadableReportError("Trivy's report is no JSON object") from error
    if report.get("SchemaVersion") != SCHEMA:
        raise UnreadableReportError(f"Trivy's report is not of schema {SCHEMA}")
    metadata = _mapping(report.get("Metadata"))
    results = [_mapping(result) for result in _list(report.get("Results"))]
    packages = [_list(result.get("Packages")) for result in results if result.get("Class") == "os-pkgs"]
    found = sorted((finding for result in results for finding in _findings(result)), key=_order)
    return TrivyReport(
        system=_system(_mapping(metadata.get("OS"))),
        platform=_platform(_mapping(metadata.get("ImageConfig"))),
        os_packages=sum(map(len, packages)),
        findings=tuple(next(same) for _, same in groupby(found, key=_identity)),
        created=build_time(_mapping(metadata.get("ImageConfig")).get("created")),
        version=_version(_mapping(metadata.get("ImageConfig"))),
    )


def _version(image_config: Mapping[str, object]) -> str | None:
    labels = _mapping(_mapping(image_config.get("config")).get("Labels"))
    return _text(labels.get("org.opencontainers.image.version"))[:MAX_VERSION] or None


def _system(described: Mapping[str, object]) -> OperatingSystem | None:
    family = _text(described.get("Family"))
    if family in {"", "none"}:  # what Trivy says of packages without a distribution
        return None
    return OperatingSystem(
        family=family,
        release=_text(described.get("Name")),
        extended=described.get("extended") is True,
        end_of_life=described.get("EOSL") is True,
    )


def _platform(config: Mapping[str, object]) -> str:
    parts = [_text(config.get(key)) for key in ("os", "architecture", "variant")]
    return "/".join(part for part in parts if part)


def _findings(result: Mapping[str, object]) -> Iterator[Finding]:
    packages = [_mapping(package) for package in _list(result.get("Packages"))]
    sources = {_text(package.get("ID")): _text(package.get("SrcName")) for package in packages}
    for item in map(_mapping, _list(result.get("Vulnerabilities"))):
        package, given = _text(item.get("PkgName")), _text(item.get("VulnerabilityID"))
        if not package or not given:
            raise UnreadableReportError("Trivy's report has a vulnerability without an id or a package")
        yield Finding(
            id=_canonical(given, item.get("VendorIDs")),
            package=sources.get(_text(item.get("PkgID"))) or package,
            package_type=_text(result.get("Type")),
            installed=_text(item.get("InstalledVersion")),
            fixed_in=_text(item.get("FixedVersion")) or None,
            severity=_SEVERITIES.get(_text(item.get("Severity")), Severity.UNKNOWN),
            title=" ".join(_text(item.get("Title")).split())[:MAX_TITLE],
        )


def _canonical(given: str, vendor_ids: object) -> str:
    """Return the CVE that an advisory is about, where it names exactly one; else its own id."""
    if _CVE.fullmatch(given):
        return given
    named = {name for name in map(_text, _list(vendor_ids)) if _CVE.fullmatch(name)}
    return named.pop() if len(named) == 1 else given


def _identity(finding: Finding) -> tuple[str, str, str]:
    return finding.id, finding.package_type, finding.package


def _order(finding: Finding) -> tuple[str, str, str, int, str, str]:
    """Sort what is one finding together, the worst first: a source package has many binary ones."""
    return *_identity(finding), -finding.severity, finding.installed, finding.fixed_in or ""


def _mapping(value: object) -> Mapping[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UnreadableReportError("Trivy's report has something else where an object should be")
    return value


def _list(value: object) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise UnreadableReportError("Trivy's report has something else where a list should be")
    return value


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UnreadableReportError("Trivy's report has something else where a text should be")
    return value
