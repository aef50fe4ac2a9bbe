"""What is told of private evidence where everybody can read it: that it is left out."""

from __future__ import annotations

from dataclasses import replace

from bot.model.evidence import Evidence, NotScanned, Unscanned
from bot.model.signature import SignatureOutcome, Signatures, SignatureUnknown
from bot.model.vocabulary import Reason, Status

REASON = "the numbers are private, and everybody can read this"
LEFT_OUT = NotScanned(Unscanned.WITHHELD)


def published(evidence: Evidence) -> Evidence:
    """Return what everybody may read: evidence that is private without all that its scanner, or a list of it, says.

    Not even whether the scan worked is told, so that a text does not change with what it does not show. What a registry
    answered names the host that was asked, which may be a mirror that only the operator knows.
    """
    found = evidence.signatures
    if found is not None:
        old = _without_hosts(found.old) if found.old is not None else None
        evidence = replace(evidence, signatures=Signatures(old, _without_hosts(found.new)))
    if not evidence.is_private:
        return evidence
    return replace(
        evidence,
        old=LEFT_OUT if evidence.old is not None else None,
        new=LEFT_OUT,
        delta=None,
        known_exploited=None,
        epss=None,
        asked=None,
        packages=None,
        by_platform={},
    )


def _without_hosts(outcome: SignatureOutcome) -> SignatureOutcome:
    return replace(outcome, detail="") if isinstance(outcome, SignatureUnknown) else outcome


def names_hosts(status: Status, reason: Reason | None) -> bool:
    """Say whether the detail of a place is what a registry answered, and who was asked."""
    return status is Status.UNRESOLVED or reason is Reason.NOT_PULLABLE
