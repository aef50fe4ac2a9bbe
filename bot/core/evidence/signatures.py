"""What several signatures say of one image together."""

from __future__ import annotations

from collections.abc import Iterable

from bot.model.signature import (
    BadSignature,
    Flaw,
    SignatureOutcome,
    SignatureUnknown,
    Signed,
    Unsigned,
    UnsupportedSignature,
)

_TELLING = (Flaw.OTHER_IMAGE, Flaw.BROKEN, Flaw.OTHER_SIGNER, Flaw.UNPROVED)
"""Of several that do not hold, which is spoken of: a copied one is an attack, a stranger's may be a habit."""


def together(outcomes: Iterable[SignatureOutcome]) -> SignatureOutcome:
    """Return the one outcome of all signatures of an image: any that is verified counts, whatever else is there.

    What could not be asked comes next, since it may have been the one that counts; then what is wrong.
    """
    return min(outcomes, key=_rank, default=Unsigned())


def _rank(outcome: SignatureOutcome) -> tuple[int, int]:
    match outcome:
        case Signed():
            return 0, 0
        case SignatureUnknown():
            return 1, 0
        case BadSignature(flaw=flaw):
            return 2, _TELLING.index(flaw)
        case UnsupportedSignature():
            return 3, 0
        case Unsigned():
            return 4, 0
