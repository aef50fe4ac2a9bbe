"""Comparison of two scans: which vulnerabilities an update fixes, introduces and keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from bot.core.evidence.finding_keys import get_finding_key
from bot.core.evidence.packages import compare_packages
from bot.model.advisory import AdvisoryList
from bot.model.contents import PackageChange
from bot.model.due_date import DueClass
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

URGENCIES: Mapping[DueClass, Urgency] = {
    DueClass.EXPLOITED: AdvisoryList.KEV,
    DueClass.CRITICAL: Severity.CRITICAL,
    DueClass.HIGH: Severity.HIGH,
    DueClass.MEDIUM: Severity.MEDIUM,
}
"""The vulnerabilities of each class that can have a duration."""

_DATABASE_UNKNOWN = NotScanned(
    UnscannedReason.DIFFERENT_DATABASE,
    "an image was scanned with an unknown database",
    is_database_unknown=True,
)


def compare_scans(old: ScanOutcome | None, new: ScanOutcome) -> Evidence:
    """Return the vulnerabilities and packages in which the old and the new image differ.

    `old` is None if the file has no digest.

    Vulnerabilities are compared only if the same scanner scanned both images with the same database, because a newer
    database finds more. If they cannot be compared, `delta` of the result is None. If they cannot be compared although
    both images were scanned, `old` of the result is a `NotScanned` with the reason.

    Package lists do not depend on the database. They are compared even if the vulnerabilities cannot be compared, but
    not if two different scanners made the lists.
    """
    packages = _compare_package_lists(old, new)
    if not isinstance(old, Scan) or not isinstance(new, Scan):
        return Evidence(old, new, None, package_changes=packages)
    is_database_unknown = not (_has_identified_database(old.scanner) and _has_identified_database(new.scanner))
    if is_database_unknown and (old.scanner.name, old.scanner.version) == (new.scanner.name, new.scanner.version):
        return Evidence(_DATABASE_UNKNOWN, new, None, package_changes=packages)
    if old.scanner != new.scanner:
        return Evidence(NotScanned(UnscannedReason.DIFFERENT_DATABASE), new, None, package_changes=packages)
    old_findings = {get_finding_key(finding): finding for finding in old.findings}
    new_findings = {get_finding_key(finding): finding for finding in new.findings}
    remaining_keys = new_findings.keys() | {get_finding_key(each.finding) for each in new.suppressed}
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
    """Return the package changes. Return None if a list is missing, or if two different scanners made the lists."""
    if old is None or old.packages is None or new.packages is None:
        return None
    if isinstance(old, Scan) and isinstance(new, Scan) and old.scanner.name != new.scanner.name:
        return None
    return compare_packages(old.packages, new.packages)


def is_urgent_fix(evidence: Evidence) -> bool:
    """Return True if the update fixes a vulnerability that is critical or known to be exploited."""
    return has_fix_for(evidence, Severity.CRITICAL) or has_fix_for(evidence, AdvisoryList.KEV)


def has_fix_for(evidence: Evidence, urgency: Urgency) -> bool:
    """Return True if the update fixes a vulnerability of at least the severity `urgency`.

    If `urgency` is `AdvisoryList.KEV`, the list of known exploited vulnerabilities, the result is True if the update
    fixes a vulnerability in this list.
    """
    fixed = evidence.delta.fixed if evidence.delta is not None else ()
    return any(is_as_urgent(finding, urgency, evidence.exploited_ids) for finding in fixed)


def is_as_urgent(finding: Finding, urgency: Urgency, exploited_ids: Collection[str] | None) -> bool:
    """Return True if a vulnerability is exploited (`AdvisoryList.KEV`), or has at least the severity `urgency`.

    `exploited_ids` is None if the list of exploited vulnerabilities was not read.
    """
    if urgency is AdvisoryList.KEV:
        return exploited_ids is not None and finding.id in exploited_ids
    return finding.severity >= urgency


def filter_exploited(findings: Iterable[Finding], exploited_ids: Collection[str] | None) -> tuple[Finding, ...]:
    """Return the findings that are known to be exploited.

    If the list of exploited vulnerabilities was not read, `exploited_ids` is None, and the result is empty.
    """
    return tuple(finding for finding in findings if exploited_ids is not None and finding.id in exploited_ids)


def collect_exploited_ids(evidence: Iterable[Evidence]) -> frozenset[str]:
    """Return the ids of vulnerabilities that are known to be exploited, from the evidence of several updates."""
    return frozenset().union(*(each.exploited_ids or frozenset() for each in evidence))


def get_scanner(evidence: Evidence) -> ScannerIdentity | None:
    """Return the scanner of the new image or, if this image was not scanned, of the old image.

    Return None if neither image was scanned.
    """
    scans = (each for each in (evidence.new, evidence.old) if isinstance(each, Scan))
    return next((scan.scanner for scan in scans), None)


def count_by_severity(findings: Iterable[Finding]) -> dict[Severity, int]:
    """Count distinct vulnerabilities by severity, worst severity first.

    A vulnerability that has different severities in several packages is counted once, at its worst severity.
    """
    worst_severities: dict[str, Severity] = {}
    for finding in findings:
        worst_severities[finding.id] = max(finding.severity, worst_severities.get(finding.id, Severity.UNKNOWN))
    counted = Counter(worst_severities.values())
    return {severity: counted[severity] for severity in sorted(Severity, reverse=True)}


def count_distinct(findings: Iterable[Finding]) -> int:
    """Count the distinct vulnerabilities. One that affects several packages counts once."""
    return len({finding.id for finding in findings})


def _has_identified_database(scanner: ScannerIdentity) -> bool:
    """Return True if a scanner states which database it used.

    Some scanners state the build time of the database, others the id of the scan run. If a scanner states neither, two
    scans with equal `ScannerIdentity` may have used different databases.
    """
    return scanner.database is not None or scanner.run is not None


def sort_worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings sorted by descending severity."""
    return tuple(sorted(findings, key=lambda finding: (-finding.severity, *get_finding_key(finding))))


def sort_for_readers(findings: Iterable[Finding], evidence: Evidence) -> list[Finding]:
    """Return the findings in the order of all outputs: exploited ones first, then by severity, then by EPSS score."""
    exploited_ids, scores = evidence.exploited_ids or frozenset(), evidence.epss_scores or {}
    return sorted(
        sort_worst_first(findings),
        key=lambda finding: (finding.id not in exploited_ids, -finding.severity, -scores.get(finding.id, 0.0)),
    )
