"""Removal of private evidence from texts that everyone can read."""

from __future__ import annotations

from dataclasses import replace

from bot.model.evidence import Evidence, NotScanned, UnscannedReason
from bot.model.signature import SignatureOutcome, SignatureUnknown, TransitionSignatures
from bot.model.vocabulary import Reason, ReferenceStatus

WITHHELD_REASON = "the numbers are private, and everybody can read this"
WITHHELD_SCAN = NotScanned(UnscannedReason.WITHHELD)


def remove_private_evidence(evidence: Evidence) -> Evidence:
    """Return the evidence without the parts that not everyone may read.

    If the evidence is private, all scan results are removed: vulnerabilities, packages and data of vulnerability lists.
    Both scans are replaced by a `NotScanned` with the reason `withheld`, whether or not they succeeded, so that a
    public text does not change when a private scan fails.

    The reason that a signature could not be read is always removed, because it may contain the name of a mirror that
    only the operator knows. The names of clusters and namespaces are always removed, too.
    """
    signatures = evidence.signatures
    if evidence.running is not None:
        evidence = replace(evidence, running=None)
    if signatures is not None:
        old = _remove_hosts(signatures.old) if signatures.old is not None else None
        evidence = replace(evidence, signatures=TransitionSignatures(old, _remove_hosts(signatures.new)))
    if not evidence.is_private:
        return evidence
    return replace(
        evidence,
        old=WITHHELD_SCAN if evidence.old is not None else None,
        new=WITHHELD_SCAN,
        delta=None,
        exploited_ids=None,
        epss_scores=None,
        list_versions=None,
        package_changes=None,
        by_platform={},
    )


def _remove_hosts(outcome: SignatureOutcome) -> SignatureOutcome:
    return replace(outcome, detail="") if isinstance(outcome, SignatureUnknown) else outcome


def has_registry_detail(status: ReferenceStatus, reason: Reason | None) -> bool:
    """Return True if the detail of a decision with this status and reason may name the host of a registry.

    Such a detail is not shown in texts that everyone can read, because the host may be private.
    """
    return status is ReferenceStatus.UNRESOLVED or reason is Reason.NOT_PULLABLE
