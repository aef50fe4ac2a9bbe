"""Removal of private evidence from publicly readable texts."""

from __future__ import annotations

from dataclasses import replace

from bot.model.evidence import Evidence, NotScanned, UnscannedReason
from bot.model.signature import SignatureOutcome, SignatureUnknown, TransitionSignatures
from bot.model.vocabulary import OccurrenceStatus, Reason

REASON = "the numbers are private, and everybody can read this"
LEFT_OUT = NotScanned(UnscannedReason.WITHHELD)


def published(evidence: Evidence) -> Evidence:
    """Return the evidence that everyone may read: if it is private, without results of its scanner and the lists.

    Even the success of the scan is removed, so that a text does not change because of evidence that it does not show.
    The details of registry errors are removed as well, because they may name a mirror that only the operator knows.
    """
    found = evidence.signatures
    if found is not None:
        old = _without_hosts(found.old) if found.old is not None else None
        evidence = replace(evidence, signatures=TransitionSignatures(old, _without_hosts(found.new)))
    if not evidence.is_private:
        return evidence
    return replace(
        evidence,
        old=LEFT_OUT if evidence.old is not None else None,
        new=LEFT_OUT,
        delta=None,
        exploited_ids=None,
        epss_scores=None,
        list_versions=None,
        package_changes=None,
        by_platform={},
    )


def _without_hosts(outcome: SignatureOutcome) -> SignatureOutcome:
    return replace(outcome, detail="") if isinstance(outcome, SignatureUnknown) else outcome


def names_hosts(status: OccurrenceStatus, reason: Reason | None) -> bool:
    """Return True if the detail of a decision is an answer of a registry, which names the host."""
    return status is OccurrenceStatus.UNRESOLVED or reason is Reason.NOT_PULLABLE
