"""Gates: what must be true of the evidence before an update is proposed."""

from __future__ import annotations

from bot.model.decision import Refused, Update
from bot.model.evidence import Evidence, NotScanned
from bot.model.vocabulary import Reason


def gate(update: Update, evidence: Evidence) -> Update | Refused:
    """Return the update, or the reason why it is refused."""
    if update.selected.policy.require_scan and isinstance(evidence.new, NotScanned):
        return Refused(update, Reason.NOT_SCANNED, evidence.new.why.sentence)
    return update
