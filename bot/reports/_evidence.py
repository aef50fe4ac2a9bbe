"""What reports for scripts say of scans: counts and findings, and a word where there are none."""

from __future__ import annotations

from collections.abc import Iterable

from bot.core.compare import count_by_severity, scanner_of
from bot.model.evidence import Evidence, Finding, NotScanned, Scan, ScannerIdentity, ScanOutcome
from bot.reports._json import JsonValue

SCANNED = "scanned"
"""The state of an image that was; every other state is a word of `Unscanned`."""


def state_of(outcome: ScanOutcome) -> str:
    """Return one word."""
    return outcome.why.value if isinstance(outcome, NotScanned) else SCANNED


def counts_of(findings: Iterable[Finding]) -> JsonValue:
    """Return the number of distinct vulnerabilities of each severity, worst first, by its word."""
    return {severity.word: count for severity, count in count_by_severity(findings).items()}


def scan_value(outcome: ScanOutcome) -> dict[str, JsonValue]:
    """Return the state, and counts or null: unknown is never zero."""
    return {"state": state_of(outcome), "counts": counts_of(outcome.findings) if isinstance(outcome, Scan) else None}


def evidence_value(evidence: Evidence) -> JsonValue:
    """Return what is known of one transition, in numbers."""
    delta = evidence.delta
    return {
        "old": scan_value(evidence.old) if evidence.old is not None else None,
        "new": scan_value(evidence.new),
        "fixed": counts_of(delta.fixed) if delta is not None else None,
        "introduced": counts_of(delta.introduced) if delta is not None else None,
        "remaining": counts_of(delta.remaining) if delta is not None else None,
        **_flat(scanner_of(evidence)),
    }


def scanner_value(scanner: ScannerIdentity | None) -> JsonValue:
    """Return who scanned as `{name, version, database}`, or null."""
    if scanner is None:
        return None
    built = f"{scanner.database:%Y-%m-%dT%H:%M:%SZ}" if scanner.database is not None else None
    return {"name": scanner.name, "version": scanner.version, "database": built}


def finding_value(finding: Finding) -> dict[str, JsonValue]:
    """Return one vulnerability in one package."""
    return {
        "id": finding.id,
        "package": finding.package,
        "type": finding.package_type,
        "installed": finding.installed,
        "fixed_in": finding.fixed_in,
        "severity": finding.severity.word,
        "title": finding.title or None,
    }


def _flat(scanner: ScannerIdentity | None) -> dict[str, JsonValue]:
    value = scanner_value(scanner)
    said = value if isinstance(value, dict) else {}
    return {"scanner": said.get("name"), "version": said.get("version"), "database": said.get("database")}
