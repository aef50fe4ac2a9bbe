"""Combination of the results for several signatures of one image."""

from __future__ import annotations

from collections.abc import Iterable

from bot.model.signature import (
    BadSignature,
    NoSignature,
    SignatureDefect,
    SignatureOutcome,
    SignatureUnknown,
    UnsupportedSignature,
    VerifiedSignature,
)

_DEFECT_ORDER = (
    SignatureDefect.OTHER_IMAGE,
    SignatureDefect.BROKEN,
    SignatureDefect.OTHER_SIGNER,
    SignatureDefect.UNPROVED,
)
"""The order in which defects are reported. A copied signature is an attack, but an unlisted signer may be harmless."""


def combine_signatures(outcomes: Iterable[SignatureOutcome]) -> SignatureOutcome:
    """Return the outcome that counts if an image has several signatures; `NoSignature` if there are none.

    A verified signature takes precedence over all others. A signature that could not be fetched comes second, because
    it may be valid. Defective signatures come third.
    """
    return min(outcomes, key=_rank, default=NoSignature())


def _rank(outcome: SignatureOutcome) -> tuple[int, int]:
    match outcome:
        case VerifiedSignature():
            return 0, 0
        case SignatureUnknown():
            return 1, 0
        case BadSignature(defect=defect):
            return 2, _DEFECT_ORDER.index(defect)
        case UnsupportedSignature():
            return 3, 0
        case NoSignature():
            return 4, 0
