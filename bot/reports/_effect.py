"""Describes in a few words which vulnerabilities an update fixes and introduces."""

from __future__ import annotations

from bot.core.evidence.compare import count_distinct
from bot.core.evidence.effect import summarise_effect
from bot.model.evidence import Evidence, NotScanned, UnscannedReason


def describe_effect(evidence: Evidence | None) -> str:
    """Return a phrase about the effect of an update, such as `fixes 3 (1 critical), adds none, 5 remain`.

    If the effect is not known, the phrase is one of these:
    - `not scanned: REASON`, if the new image was not scanned.
    - `old image not scanned: REASON`.
    - `has 8 known vulnerabilities`, if the new image was scanned but there is no old image with a comparable scan.

    Return an empty string if there is no evidence. If no scanner is available, return an empty string, too, because
    reports mention a missing scanner once for the whole run.
    """
    if evidence is None or evidence.new == NotScanned(UnscannedReason.NO_SCANNER):
        return ""
    if isinstance(evidence.new, NotScanned):
        return f"not scanned: {evidence.new.reason.sentence}"
    if evidence.delta is None:
        if isinstance(evidence.old, NotScanned):
            return f"old image not scanned: {evidence.old.reason.sentence}"
        count = count_distinct(evidence.new.findings)
        return f"has {count} known vulnerabilit{'y' if count == 1 else 'ies'}"
    return f"{summarise_effect([evidence])}, {count_distinct(evidence.delta.remaining)} remain"
