"""The commit status of a proposal: one line that summarises its evidence, without untrusted text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bot.core.evidence.compare import count_by_severity, count_distinct
from bot.core.markdown import make_one_line
from bot.model.evidence import Evidence, Finding, NotScanned, Scan, Severity, UnscannedReason
from bot.model.request_attributes import MAX_STATUS_DESCRIPTION, CommitStatus, StatusState
from bot.model.signature import SignatureUnknown, VerifiedSignature


def build_status(evidence: Sequence[Evidence], *, needs_review: bool) -> CommitStatus | None:
    """Return the commit status of a proposal, or None if neither a scanner nor signature checks are configured.

    If a maintainer must review the request before merging it (`needs_review`), the status is a failure. If not, it is a
    success, even if a scan is missing: if the policy required a scan, the update would not have been proposed without
    it.
    """
    if not any(map(_has_evidence_source, evidence)):
        return None
    summary = "; ".join((*_describe_scans(evidence), *_describe_signatures(evidence)))
    state = StatusState.FAILURE if needs_review else StatusState.SUCCESS
    description = f"Look before you merge: {summary}" if needs_review else f"{summary[:1].upper()}{summary[1:]}"
    return CommitStatus(state, make_one_line(description, MAX_STATUS_DESCRIPTION))


def _has_evidence_source(evidence: Evidence) -> bool:
    has_no_scanner = isinstance(evidence.new, NotScanned) and evidence.new.reason is UnscannedReason.NO_SCANNER
    return evidence.signatures is not None or not has_no_scanner


def _describe_scans(evidence: Sequence[Evidence]) -> Iterator[str]:
    deltas = [each.delta for each in evidence if each.delta is not None]
    pinned = [each.new for each in evidence if each.old is None and isinstance(each.new, Scan)]
    if deltas:
        fixed = _format_count(finding for delta in deltas for finding in delta.fixed)
        yield f"fixes {fixed}, brings {_format_count(finding for delta in deltas for finding in delta.introduced)}"
    if pinned:
        yield f"known in what it pins: {_format_count(finding for scan in pinned for finding in scan.findings)}"
    unknown = [why for each in evidence if each.delta is None and (why := _find_unscanned_reason(each)) is not None]
    if len(unknown) == len(evidence):
        yield f"what it changes is not known: {unknown[0].sentence}"
    elif unknown:
        yield f"for {len(unknown)} of {len(evidence)} images that is not known"


def _find_unscanned_reason(evidence: Evidence) -> UnscannedReason | None:
    return next((outcome.reason for outcome in (evidence.new, evidence.old) if isinstance(outcome, NotScanned)), None)


def _format_count(findings: Iterable[Finding]) -> str:
    """Return the number of distinct vulnerabilities, and how many of them are critical: `7 (1 critical)`."""
    found = list(findings)
    critical = count_by_severity(found)[Severity.CRITICAL]
    return f"{count_distinct(found) or 'none'}{f' ({critical} critical)' if critical else ''}"


def _describe_signatures(evidence: Iterable[Evidence]) -> Iterator[str]:
    found = [each.signatures.new for each in evidence if each.signatures is not None]
    unknown = sum(isinstance(each, SignatureUnknown) for each in found)
    unsigned = len(found) - unknown - sum(isinstance(each, VerifiedSignature) for each in found)

    def format_share(count: int) -> str:
        return f": {count} of {len(found)} images" if len(found) > 1 else ""

    if unsigned:
        yield f"not signed by anybody trusted{format_share(unsigned)}"
    if unknown:
        yield f"whether it is signed is not known{format_share(unknown)}"
    if found and not unsigned and not unknown:
        yield "signed by somebody trusted"
