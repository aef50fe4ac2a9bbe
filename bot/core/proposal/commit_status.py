"""The commit status of a proposal: one line that summarises its evidence, without untrusted text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bot.core.evidence.compare import collect_exploited_ids
from bot.core.evidence.effect import summarise_effect, summarise_findings
from bot.core.markdown import make_one_line
from bot.model.evidence import Evidence, NotScanned, Scan, UnscannedReason
from bot.model.request_attributes import MAX_STATUS_DESCRIPTION, CommitStatus, StatusState
from bot.model.signature import SignatureUnknown, VerifiedSignature


def build_status(evidence: Sequence[Evidence], *, needs_review: bool) -> CommitStatus | None:
    """Return the commit status of a proposal, or None if neither a scanner nor signature checks are configured.

    If a maintainer must review the pull request before merging it (`needs_review`), the status is a failure. If not, it
    is a success, even if a scan is missing: if the policy required a scan, the update would not have been proposed
    without it.
    """
    if not any(map(_has_evidence_source, evidence)):
        return None
    summary = "; ".join((*_describe_scans(evidence), *_describe_signatures(evidence)))
    state = StatusState.FAILURE if needs_review else StatusState.SUCCESS
    description = f"Look before you merge: {summary}" if needs_review else f"{summary[:1].upper()}{summary[1:]}"
    return CommitStatus(state, make_one_line(description, MAX_STATUS_DESCRIPTION))


def _has_evidence_source(evidence: Evidence) -> bool:
    return evidence.signatures is not None or not (isinstance(evidence.new, NotScanned) and evidence.new.is_expected)


def _describe_scans(evidence: Sequence[Evidence]) -> Iterator[str]:
    effect = summarise_effect(evidence)
    pinned = [each.new for each in evidence if each.old is None and isinstance(each.new, Scan)]
    if effect is not None:
        yield str(effect)
    if pinned:
        findings = (finding for scan in pinned for finding in scan.findings)
        yield f"known in what it pins: {summarise_findings(findings, collect_exploited_ids(evidence))}"
    unknown = [why for each in evidence if each.delta is None and (why := _find_unscanned_reason(each)) is not None]
    if len(unknown) == len(evidence):
        yield f"what it changes is not known: {unknown[0].sentence}"
    elif unknown:
        yield f"for {len(unknown)} of {len(evidence)} images that is not known"


def _find_unscanned_reason(evidence: Evidence) -> UnscannedReason | None:
    return next((outcome.reason for outcome in (evidence.new, evidence.old) if isinstance(outcome, NotScanned)), None)


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
