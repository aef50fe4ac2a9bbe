"""Rebuild the scan of an image from its packages and the findings of each package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.core.evidence.finding_keys import merge_findings
from bot.model.contents import InstalledPackage
from bot.model.evidence import Finding, Scan, ScannerIdentity, StoredPackages


def rebuild_scan(
    scanner: ScannerIdentity, stored: StoredPackages, findings: Mapping[InstalledPackage, Iterable[Finding]]
) -> Scan:
    """Return the scan of an image whose packages were matched. Every package must be a key of `findings`."""
    return Scan(
        scanner,
        stored.os,
        merge_findings(finding for package in stored.packages for finding in findings[package]),
        stored.created,
        stored.version,
        stored.packages,
        release=stored.release,
    )


def is_attributed(scan: Scan) -> bool:
    """Return True if the scan depends only on its packages, so that matching the packages gives the same scan.

    Otherwise, another image with one of these packages may have other findings.
    """
    by_package = scan.findings_by_package
    if scan.release is None or scan.packages is None or by_package is None or scan.suppressed:
        return False
    return (
        by_package.keys() == set(scan.packages)
        and all(is_finding_of(package, finding) for package, found in by_package.items() for finding in found)
        and merge_findings(finding for found in by_package.values() for finding in found) == scan.findings
    )


def is_finding_of(package: InstalledPackage, finding: Finding) -> bool:
    """Return True if the finding names the package as a finding that is rebuilt from the package does."""
    return (finding.package_type, finding.package, finding.installed) == (
        package.type,
        package.name_in_findings,
        package.version,
    )
