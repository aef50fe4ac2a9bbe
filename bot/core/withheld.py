"""What is told of private evidence where everybody can read it: that it is left out."""

from __future__ import annotations

from dataclasses import replace

from bot.model.evidence import Evidence, NotScanned, Unscanned

REASON = "the numbers are private, and everybody can read this"
LEFT_OUT = NotScanned(Unscanned.WITHHELD)


def published(evidence: Evidence) -> Evidence:
    """Return what everybody may read: evidence that is private without all that its scanner, or a list of it, says.

    Not even whether the scan worked is told, so that a text does not change with what it does not show.
    """
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
