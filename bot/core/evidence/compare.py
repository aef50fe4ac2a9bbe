"""Comparison of two scans: the vulnerabilities that an update fixes, adds and keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from bot.core.evidence.canonical import key
from bot.core.evidence.packages import package_changes
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


def compare(old: ScanOutcome | None, new: ScanOutcome) -> Evidence:
    """Combine two scans to evidence; the delta is set only if one scanner with one database made both.

    Packages do not depend on a database, so they are compared if the same scanner lists them for both images.
    """
    packages = _packages(old, new)
    if not isinstance(old, Scan) or not isinstance(new, Scan):
        return Evidence(old, new, None, package_changes=packages)
    is_unnamed = not (_has_one_database(old.scanner) and _has_one_database(new.scanner))
    if is_unnamed and (old.scanner.name, old.scanner.version) == (new.scanner.name, new.scanner.version):
        return Evidence(NotScanned(UnscannedReason.DATABASE_UNKNOWN), new, None, package_changes=packages)
    if old.scanner != new.scanner:
        return Evidence(NotScanned(UnscannedReason.DIFFERENT_DATABASE), new, None, package_changes=packages)
    before = {key(finding): finding for finding in old.findings}
    after = {key(finding): finding for finding in new.findings}
    still_there = after.keys() | {key(each.finding) for each in new.set_aside}
    return Evidence(
        old,
        new,
        VulnerabilityDelta(
            fixed=worst_first(before[key] for key in before.keys() - still_there),
            introduced=worst_first(after[key] for key in after.keys() - before.keys()),
            remaining=worst_first(after[key] for key in after.keys() & before.keys()),
        ),
        package_changes=packages,
    )


def _packages(old: ScanOutcome | None, new: ScanOutcome) -> tuple[PackageChange, ...] | None:
    """Return the package changes; None if packages are missing, or the scanners have different names for them."""
    if old is None or old.packages is None or new.packages is None:
        return None
    if isinstance(old, Scan) and isinstance(new, Scan) and old.scanner.name != new.scanner.name:
        return None
    return package_changes(old.packages, new.packages)


def is_pressing(evidence: Evidence) -> bool:
    """Return True if the update fixes a critical or known exploited vulnerability."""
    return fixes(evidence, Severity.CRITICAL) or fixes(evidence, AdvisoryList.KEV)


def fixes(evidence: Evidence, wanted: Urgency) -> bool:
    """Return True if the update fixes a vulnerability of at least this severity, or a known exploited one."""
    fixed = evidence.delta.fixed if evidence.delta is not None else ()
    if wanted is AdvisoryList.KEV:
        return bool(exploited(fixed, evidence.exploited_ids))
    return any(finding.severity >= wanted for finding in fixed)


def exploited(findings: Iterable[Finding], known: Collection[str] | None) -> tuple[Finding, ...]:
    """Return the findings that are known to be exploited; none if `known_ids` is None, because no list was read."""
    return tuple(finding for finding in findings if known is not None and finding.id in known)


def exploited_in(evidence: Iterable[Evidence]) -> frozenset[str]:
    """Return the ids of all known exploited vulnerabilities in several transitions."""
    return frozenset().union(*(each.exploited_ids or frozenset() for each in evidence))


def scanner_of(evidence: Evidence) -> ScannerIdentity | None:
    """Return the scanner of either image; None if neither was scanned."""
    scans = (each for each in (evidence.new, evidence.old) if isinstance(each, Scan))
    return next((scan.scanner for scan in scans), None)


def count_by_severity(findings: Iterable[Finding]) -> dict[Severity, int]:
    """Count distinct vulnerabilities, each at its worst severity."""
    worst: dict[str, Severity] = {}
    for finding in findings:
        worst[finding.id] = max(finding.severity, worst.get(finding.id, Severity.UNKNOWN))
    counted = Counter(worst.values())
    return {severity: counted[severity] for severity in sorted(Severity, reverse=True)}


def distinct(findings: Iterable[Finding]) -> int:
    """Count distinct vulnerabilities."""
    return len({finding.id for finding in findings})


def _has_one_database(scanner: ScannerIdentity) -> bool:
    """Return True if two scans by equal scanners are certain to have used the same database."""
    return scanner.database is not None or scanner.run is not None


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings by descending severity."""
    return tuple(sorted(findings, key=lambda finding: (-finding.severity, *key(finding))))
