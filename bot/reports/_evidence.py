"""What reports for scripts say of scans: counts and findings, and a word where there are none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.core.evidence.compare import count_by_severity, distinct, exploited, scanner_of
from bot.core.evidence.trust import spoken
from bot.core.proposal.view.trust import signature_view
from bot.model.decision import Transition
from bot.model.evidence import Evidence, Finding, NotScanned, Scan, ScannerIdentity, ScanOutcome
from bot.model.proposal import ProposedImage
from bot.model.reference import Line
from bot.model.report import Verdict
from bot.model.signature import SignatureOutcome, Signatures
from bot.reports._json import JsonValue, moment_value

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


def evidence_value(move: Transition, evidence: Evidence) -> JsonValue:
    """Return what is known of one transition, in numbers."""
    delta, scanner = evidence.delta, scanner_of(evidence)
    return {
        "platforms": list(move.platforms),
        **_scans(evidence),
        "by_platform": {on: _scans(found) for on, found in evidence.by_platform.items()} or None,
        "fixed": counts_of(delta.fixed) if delta is not None else None,
        "introduced": counts_of(delta.introduced) if delta is not None else None,
        "remaining": counts_of(delta.remaining) if delta is not None else None,
        "known_exploited": _exploited_counts(evidence),
        "scanner": scanner.name if scanner is not None else None,
        "version": scanner.version if scanner is not None else None,
        "database": moment_value(scanner.database if scanner is not None else None),
        "signatures": _signatures(evidence.signatures) if evidence.signatures is not None else None,
    }


def _scans(evidence: Evidence) -> dict[str, JsonValue]:
    old = _dated(evidence.old) if evidence.old is not None else None
    return {"old": old, "new": _dated(evidence.new)}


def _dated(outcome: ScanOutcome) -> JsonValue:
    """Return the same as `scan_value`, and when the image was built, as it says."""
    created = outcome.created if isinstance(outcome, Scan) else None
    return {**scan_value(outcome), "created": moment_value(created)}


def _signatures(found: Signatures) -> JsonValue:
    return {"old": signature_value(found.old) if found.old is not None else None, "new": signature_value(found.new)}


def signature_value(outcome: SignatureOutcome) -> JsonValue:
    """Return who signed an image, or why nobody can be named."""
    return {"state": signature_view(outcome).state.value, "detail": spoken(outcome)}


class Known:
    """What is known of moves, as places and proposals ask for it."""

    def __init__(self, evidence: Mapping[Transition, Evidence]) -> None:
        self._evidence = evidence
        moves = sorted(evidence, key=lambda move: move.order, reverse=True)
        self._by_image: dict[tuple[Line, str | None, str], Transition] = {
            (move.goal, move.old, move.new): move for move in moves
        }

    def of_place(self, verdict: Verdict) -> JsonValue:
        """Return it of a place that moves or is refused; null of every other."""
        return self._of(verdict.transition)

    def of_image(self, image: ProposedImage) -> JsonValue:
        """Return it of an image that a proposal moves; of the first platforms, where its places differ in these."""
        return self._of(self._by_image.get((Line(image.canonical, image.tag), image.old, image.new)))

    def _of(self, move: Transition | None) -> JsonValue:
        evidence = self._evidence.get(move) if move is not None else None
        return evidence_value(move, evidence) if move is not None and evidence is not None else None


def scanner_value(scanner: ScannerIdentity | None) -> JsonValue:
    """Return who scanned as `{name, version, database}`, or null."""
    if scanner is None:
        return None
    return {"name": scanner.name, "version": scanner.version, "database": moment_value(scanner.database)}


def finding_value(finding: Finding, evidence: Evidence) -> dict[str, JsonValue]:
    """Return one vulnerability in one package, and what lists say of it; null where they could not be asked."""
    known, scores = evidence.known_exploited, evidence.epss
    return {
        "id": finding.id,
        "package": finding.package,
        "type": finding.package_type,
        "installed": finding.installed,
        "fixed_in": finding.fixed_in,
        "severity": finding.severity.word,
        "title": finding.title or None,
        "exploited": finding.id in known if known is not None else None,
        "epss": scores.get(finding.id) if scores is not None else None,
    }


def _exploited_counts(evidence: Evidence) -> JsonValue:
    delta, known = evidence.delta, evidence.known_exploited
    if delta is None or known is None:
        return None
    lists = {"fixed": delta.fixed, "introduced": delta.introduced, "remaining": delta.remaining}
    return {name: distinct(exploited(findings, known)) for name, findings in lists.items()}
