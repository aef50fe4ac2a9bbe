"""What moving from one image to another changes, as far as two scans can say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from bot.core.evidence.canonical import key
from bot.core.evidence.packages import package_changes
from bot.model.advisory import Listing
from bot.model.contents import PackageChange
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
    Urgency,
)


def compare(old: ScanOutcome | None, new: ScanOutcome) -> Evidence:
    """Pair two scans; there is a delta only where one scanner with one database made both.

    What is installed is no matter of a database, so that packages are compared wherever one scanner lists them.
    """
    packages = _packages(old, new)
    if not isinstance(old, Scan) or not isinstance(new, Scan):
        return Evidence(old, new, None, packages=packages)
    is_unnamed = not (_has_one_database(old.scanner) and _has_one_database(new.scanner))
    if is_unnamed and (old.scanner.name, old.scanner.version) == (new.scanner.name, new.scanner.version):
        return Evidence(NotScanned(Unscanned.DATABASE_UNKNOWN), new, None, packages=packages)
    if old.scanner != new.scanner:
        return Evidence(NotScanned(Unscanned.DIFFERENT_DATABASE), new, None, packages=packages)
    before = {key(finding): finding for finding in old.findings}
    after = {key(finding): finding for finding in new.findings}
    still_there = after.keys() | {key(each.finding) for each in new.set_aside}
    return Evidence(
        old,
        new,
        Delta(
            fixed=worst_first(before[key] for key in before.keys() - still_there),
            introduced=worst_first(after[key] for key in after.keys() - before.keys()),
            remaining=worst_first(after[key] for key in after.keys() & before.keys()),
        ),
        packages=packages,
    )


def _packages(old: ScanOutcome | None, new: ScanOutcome) -> tuple[PackageChange, ...] | None:
    """Return what became of the packages; None where somebody does not list them, or calls them otherwise."""
    if old is None or old.packages is None or new.packages is None:
        return None
    if isinstance(old, Scan) and isinstance(new, Scan) and old.scanner.name != new.scanner.name:
        return None
    return package_changes(old.packages, new.packages)


def is_pressing(evidence: Evidence) -> bool:
    """Say whether moving fixes something critical, or something that is known to be exploited."""
    return fixes(evidence, Severity.CRITICAL) or fixes(evidence, Listing.KEV)


def fixes(evidence: Evidence, wanted: Urgency) -> bool:
    """Say whether moving is known to fix something that is so severe or worse, or is known to be exploited."""
    fixed = evidence.delta.fixed if evidence.delta is not None else ()
    if wanted is Listing.KEV:
        return bool(exploited(fixed, evidence.known_exploited))
    return any(finding.severity >= wanted for finding in fixed)


def exploited(findings: Iterable[Finding], known: Collection[str] | None) -> tuple[Finding, ...]:
    """Return the findings that are among the ids known to be exploited; none where nobody could be asked."""
    return tuple(finding for finding in findings if known is not None and finding.id in known)


def exploited_in(evidence: Iterable[Evidence]) -> frozenset[str]:
    """Return the ids of all that is known to be exploited in several transitions."""
    return frozenset().union(*(each.known_exploited or frozenset() for each in evidence))


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


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings in the order in which people should read them."""
    return tuple(sorted(findings, key=lambda finding: (-finding.severity, *key(finding))))
