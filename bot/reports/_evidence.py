"""Renders scans and findings for machine-readable reports: counts, or a state if an image was not scanned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.core.evidence.compare import count_by_severity, distinct, exploited, scanner_of
from bot.core.evidence.trust import spoken
from bot.core.proposal.view.trust import signature_view
from bot.model.decision import Transition
from bot.model.evidence import Evidence, Finding, NotScanned, Scan, ScannerIdentity, ScanOutcome
from bot.model.proposal import ProposedImage
from bot.model.reference import TagRef
from bot.model.report import Verdict
from bot.model.signature import SignatureOutcome, TransitionSignatures
from bot.reports._json import JsonValue, moment_value

SCANNED = "scanned"
"""The state of a scanned image; every other state is a value of `UnscannedReason`."""


def state_of(outcome: ScanOutcome) -> str:
    """Return the state of a scan as one word."""
    return outcome.reason.value if isinstance(outcome, NotScanned) else SCANNED


def counts_of(findings: Iterable[Finding]) -> JsonValue:
    """Return the number of distinct vulnerabilities by severity, most severe first."""
    return {severity.word: count for severity, count in count_by_severity(findings).items()}


def scan_value(outcome: ScanOutcome) -> dict[str, JsonValue]:
    """Return state and counts of a scan; the counts are null if the image was not scanned."""
    return {"state": state_of(outcome), "counts": counts_of(outcome.findings) if isinstance(outcome, Scan) else None}


def evidence_value(move: Transition, evidence: Evidence) -> JsonValue:
    """Return the evidence of one update in numbers."""
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
    """Return state and counts of a scan with the build time of the image, from its config."""
    created = outcome.created if isinstance(outcome, Scan) else None
    return {**scan_value(outcome), "created": moment_value(created)}


def _signatures(found: TransitionSignatures) -> JsonValue:
    return {"old": signature_value(found.old) if found.old is not None else None, "new": signature_value(found.new)}


def signature_value(outcome: SignatureOutcome) -> JsonValue:
    """Return the state of a signature, and a phrase for its signer or for why it is not known."""
    return {"state": signature_view(outcome).state.value, "detail": spoken(outcome)}


class Known:
    """Finds the evidence of an update by a verdict or by an image of a proposal."""

    def __init__(self, evidence: Mapping[Transition, Evidence]) -> None:
        self._evidence = evidence
        moves = sorted(evidence, key=lambda move: move.sort_key, reverse=True)
        self._by_image: dict[tuple[TagRef, str | None, str], Transition] = {
            (move.new_tag_ref, move.old, move.new): move for move in moves
        }

    def of_place(self, verdict: Verdict) -> JsonValue:
        """Return the evidence of a verdict that proposes or refuses an update; null for any other verdict."""
        return self._of(verdict.transition)

    def of_image(self, image: ProposedImage) -> JsonValue:
        """Return the evidence of an image in a proposal.

        If the image references of the image differ in their platforms, this is the evidence of the first platforms.
        """
        return self._of(self._by_image.get((TagRef(image.canonical, image.tag), image.old, image.new)))

    def _of(self, move: Transition | None) -> JsonValue:
        evidence = self._evidence.get(move) if move is not None else None
        return evidence_value(move, evidence) if move is not None and evidence is not None else None


def scanner_value(scanner: ScannerIdentity | None) -> JsonValue:
    """Return the scanner as `{name, version, database}`, or null."""
    if scanner is None:
        return None
    return {"name": scanner.name, "version": scanner.version, "database": moment_value(scanner.database)}


def finding_value(finding: Finding, evidence: Evidence) -> dict[str, JsonValue]:
    """Return one vulnerability in one package, with data of public lists; null if a list could not be read."""
    known, scores = evidence.exploited_ids, evidence.epss_scores
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
    delta, known = evidence.delta, evidence.exploited_ids
    if delta is None or known is None:
        return None
    lists = {"fixed": delta.fixed, "introduced": delta.introduced, "remaining": delta.remaining}
    return {name: distinct(exploited(findings, known)) for name, findings in lists.items()}
