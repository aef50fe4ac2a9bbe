"""What moving from one image to another changes, as far as two scans can say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from bot.core.canonical import key
from bot.core.packages import package_changes
from bot.model.evidence import (
    Delta,
    Evidence,
    Finding,
    NotScanned,
    Scan,
    ScannerIdentity,
    ScanOutcome,
    Severity,
    Unscanned,
)


def compare(old: ScanOutcome | None, new: ScanOutcome) -> Evidence:
    """Pair two scans; there is a delta only where one scanner with one database made both."""
    if not isinstance(old, Scan) or not isinstance(new, Scan):
        return Evidence(old, new, None)
    if old.scanner != new.scanner:
        return Evidence(NotScanned(Unscanned.DIFFERENT_DATABASE), new, None)
    if not _has_one_database(new.scanner):
        return Evidence(NotScanned(Unscanned.DATABASE_UNKNOWN), new, None)
    before = {key(finding): finding for finding in old.findings}
    after = {key(finding): finding for finding in new.findings}
    packages = None if old.packages is None or new.packages is None else package_changes(old.packages, new.packages)
    return Evidence(
        old,
        new,
        Delta(
            fixed=_worst_first(before[key] for key in before.keys() - after.keys()),
            introduced=_worst_first(after[key] for key in after.keys() - before.keys()),
            remaining=_worst_first(after[key] for key in after.keys() & before.keys()),
        ),
        packages=packages,
    )


def is_pressing(evidence: Evidence) -> bool:
    """Say whether moving fixes something critical, or something that is known to be exploited."""
    fixed = evidence.delta.fixed if evidence.delta is not None else ()
    exploited = evidence.known_exploited or frozenset()
    return any(finding.severity is Severity.CRITICAL or finding.id in exploited for finding in fixed)


def scanner_of(evidence: Evidence) -> ScannerIdentity | None:
    """Return who scanned; None where nobody did."""
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
    """Say whether two scans by `scanner` are known to have had the same database."""
    return scanner.database is not None or scanner.run is not None


def _worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: (-finding.severity, *key(finding))))
