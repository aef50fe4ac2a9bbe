"""The exposure of an image in use: which of its vulnerabilities have a fix, and where."""

from __future__ import annotations

from collections.abc import Iterable

from bot.core.evidence.compare import sort_for_readers
from bot.core.evidence.finding_keys import get_finding_key
from bot.model.evidence import Evidence, Finding, Scan, Severity
from bot.model.exposure import ExposedFinding, Exposure, FixPlace


def build_exposure(evidence: Evidence) -> Exposure:
    """Return the exposure of an image in use.

    `evidence.old` is the scan of the image in use, and `evidence.new` that of the newest digest of its tag. If the
    image in use is the newest one, `evidence.old` is None, and `evidence.new` is its scan.
    """
    in_use = evidence.new if evidence.old is None else evidence.old
    if not isinstance(in_use, Scan):
        return Exposure(in_use, exploited_ids=evidence.exploited_ids, is_private=evidence.is_private)
    findings = sort_for_readers(in_use.findings, evidence)
    exposed = tuple(map(ExposedFinding, findings, _find_fixes(findings, evidence)))
    return Exposure(in_use, exposed, evidence.exploited_ids, evidence.is_private)


def _find_fixes(findings: Iterable[Finding], evidence: Evidence) -> Iterable[FixPlace | None]:
    """Yield the place of the fix of each finding of the image in use."""
    is_newest, delta = evidence.old is None, evidence.delta
    fixed_keys = {get_finding_key(finding) for finding in delta.fixed} if delta is not None else set()
    for finding in findings:
        if get_finding_key(finding) in fixed_keys:
            yield FixPlace.IN_UPDATE
        elif finding.fixed_in is None:
            yield FixPlace.NO_FIX
        else:
            yield FixPlace.IN_DISTRIBUTION if is_newest or delta is not None else None


def is_exploited(exposed: ExposedFinding, exposure: Exposure) -> bool:
    """Return True if the vulnerability is known to be exploited."""
    return exposure.exploited_ids is not None and exposed.finding.id in exposure.exploited_ids


def list_urgent_findings(exposure: Exposure) -> list[ExposedFinding]:
    """Return the findings that are critical or known to be exploited, and have a fix in some place."""
    return [
        each
        for each in exposure.findings
        if each.fix is not FixPlace.NO_FIX
        and (each.finding.severity is Severity.CRITICAL or is_exploited(each, exposure))
    ]
