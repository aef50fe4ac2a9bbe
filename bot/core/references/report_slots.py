"""Reports without the bytes that edits would replace."""

from __future__ import annotations

from dataclasses import replace

from bot.model.report import RepositoryReport, Verdict
from bot.model.source import EditSlot, NotEditable


def drop_slot_bytes(report: RepositoryReport) -> RepositoryReport:
    """Return a report whose references have the positions of edits, but not the bytes at these positions.

    Such a report can be stored and shown, but nothing can be edited with it.
    """
    return replace(report, verdicts=tuple(map(_drop_bytes, report.verdicts)))


def _drop_bytes(verdict: Verdict) -> Verdict:
    reference = verdict.reference
    digest_slot, tag_slot = _drop_slot(reference.digest_slot), _drop_slot(reference.tag_slot)
    return replace(verdict, reference=replace(reference, digest_slot=digest_slot, tag_slot=tag_slot))


def _drop_slot(slot: EditSlot | NotEditable) -> EditSlot | NotEditable:
    if isinstance(slot, EditSlot):
        return EditSlot(slot.span, b"")
    return slot if slot.slot is None else replace(slot, slot=EditSlot(slot.slot.span, b""))
