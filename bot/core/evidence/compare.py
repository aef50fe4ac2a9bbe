"""Comparison of two scans: which vulnerabilities an update fixes, introduces and keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from bot.core.evidence.finding_keys import get_finding_key
from bot.core.evidence.packages import compare_packages
from bot.model.advisory import AdvisoryList
from bot.model.contents import PackageChange
from bot.model.evidence import (
    Evidence,
    Finding,
    NotScanned,
    Scan,
    ScannerIdentity,
    ScanOutcome,
    Severity,
    UnscannedReason,
    Urgency,
    VulnerabilityDelta,
)


def compare_scans(old: ScanOutcome | None, new: ScanOutcome) -> Evidence:
    """Combine the scans of the old and the new image into evidence.

    `old` is None if the file has no digest. The vulnerabilities are compared only if the same scanner scanned both
    images with the same database; otherwise the delta is None. The package lists do not depend on a database, so they
    are compared if the same scanner made both of them.
    """
    packages = _compare_package_lists(old, new)
    if not isinstance(old, Scan) or not isinstance(new, Scan):
        return Evidence(old, new, None, package_changes=packages)
    is_database_unknown = not (_has_identified_database(old.scanner) and _has_identified_database(new.scanner))
    if is_database_unknown and (old.scanner.name, old.scanner.version) == (new.scanner.name, new.scanner.version):
        return Evidence(NotScanned(UnscannedReason.DATABASE_UNKNOWN), new, None, package_changes=packages)
    if old.scanner != new.scanner:
        return Evidence(NotScanned(UnscannedReason.DIFFERENT_DATABASE), new, None, package_changes=packages)
    old_findings = {get_finding_key(finding): finding for finding in old.findings}
    new_findings = {get_finding_key(finding): finding for finding in new.findings}
    remaining_keys = new_findings.keys() | {get_finding_key(each.finding) for each in new.set_aside}
    return Evidence(
        old,
        new,
        VulnerabilityDelta(
            fixed=sort_worst_first(old_findings[key] for key in old_findings.keys() - remaining_keys),
            introduced=sort_worst_first(new_findings[key] for key in new_findings.keys() - old_findings.keys()),
            remaining=sort_worst_first(new_findings[key] for key in new_findings.keys() & old_findings.keys()),
        ),
        package_changes=packages,
    )


def _compare_package_lists(old: ScanOutcome | None, new: ScanOutcome) -> tuple[PackageChange, ...] | None:
    """Return the package changes; None if a list is missing, or different scanners made the two lists."""
    if old is None or old.packages is None or new.packages is None:
        return None
    if isinstance(old, Scan) and isinstance(new, Scan) and old.scanner.name != new.scanner.name:
        return None
    return compare_packages(old.packages, new.packages)


def is_urgent_fix(evidence: Evidence) -> bool:
    """Return True if the update fixes a critical or known exploited vulnerability."""
    return has_fix_for(evidence, Severity.CRITICAL) or has_fix_for(evidence, AdvisoryList.KEV)


def has_fix_for(evidence: Evidence, urgency: Urgency) -> bool:
    """Return True if the update fixes a vulnerability of this severity or a higher one.

    If `urgency` is the list KEV, return True if the update fixes a vulnerability that is known to be exploited.
    """
    fixed = evidence.delta.fixed if evidence.delta is not None else ()
    if urgency is AdvisoryList.KEV:
        return bool(filter_exploited(fixed, evidence.exploited_ids))
    return any(finding.severity >= urgency for finding in fixed)


def filter_exploited(findings: Iterable[Finding], known_ids: Collection[str] | None) -> tuple[Finding, ...]:
    """Return the findings that are known to be exploited; empty if no list was read (`known_ids` is None)."""
    return tuple(finding for finding in findings if known_ids is not None and finding.id in known_ids)


def collect_exploited_ids(evidence: Iterable[Evidence]) -> frozenset[str]:
    """Return the ids of all vulnerabilities in several pieces of evidence that are known to be exploited."""
    return frozenset().union(*(each.exploited_ids or frozenset() for each in evidence))


def get_scanner(evidence: Evidence) -> ScannerIdentity | None:
    """Return the scanner that scanned the new image, or else the old image; None if neither was scanned."""
    scans = (each for each in (evidence.new, evidence.old) if isinstance(each, Scan))
    return next((scan.scanner for scan in scans), None)


def count_by_severity(findings: Iterable[Finding]) -> dict[Severity, int]:
    """Count distinct vulnerabilities by severity, worst first. Each counts at its worst severity."""
    worst_severities: dict[str, Severity] = {}
    for finding in findings:
        worst_severities[finding.id] = max(finding.severity, worst_severities.get(finding.id, Severity.UNKNOWN))
    counted = Counter(worst_severities.values())
    return {severity: counted[severity] for severity in sorted(Severity, reverse=True)}


def count_distinct(findings: Iterable[Finding]) -> int:
    """Count distinct vulnerabilities, even if several packages have the same one."""
    return len({finding.id for finding in findings})


def _has_identified_database(scanner: ScannerIdentity) -> bool:
    """Return True if the scanner states its database or its run.

    Two scans by equal scanners are then certain to have used the same database.
    """
    return scanner.database is not None or scanner.run is not None


def sort_worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings sorted by descending severity."""
    return tuple(sorted(findings, key=lambda finding: (-finding.severity, *get_finding_key(finding))))
