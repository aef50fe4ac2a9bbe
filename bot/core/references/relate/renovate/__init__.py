"""Images that a Renovate config updates: basebump leaves them to Renovate."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.notes import add_occurrence_notes
from bot.core.references.locking import assign_to_other_bot
from bot.core.references.relate.renovate.decisions import RenovateDecisions
from bot.core.references.relate.renovate.managers import list_managers
from bot.model.cross_file import CrossFileFact, RenovateConfig, TreeBranch
from bot.model.extracted_item import ExtractedReferences
from bot.model.source import EditSlot, Occurrence, UnsupportedText

MAX_SHOWN = 60
"""Characters of a preset's name in a note."""


def assign_to_renovate(references: ExtractedReferences, facts: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Lock the references that Renovate already updates on this branch.

    If there are several Renovate configs, Renovate uses only one. If that one is invalid, Renovate updates nothing, and
    notes at the references say so.
    """
    config = min((remark for remark in facts if isinstance(remark, RenovateConfig)), key=lambda each: each.rank)
    branch = next((remark for remark in facts if isinstance(remark, TreeBranch)), None)
    decisions = RenovateDecisions(config.settings, branch) if config.settings is not None else None
    note = _format_note(config)

    def assign_reference(reference: Occurrence | UnsupportedText) -> Occurrence | UnsupportedText:
        if isinstance(reference, UnsupportedText):
            return reference
        if decisions is not None and decisions.can_update(reference):
            return assign_to_other_bot(reference, "Renovate", config.path)
        is_editable = isinstance(reference.digest_slot, EditSlot) and bool(list_managers(reference))
        return (
            add_occurrence_notes(reference, note)
            if is_editable and (decisions is None or decisions.can_be_enabled_by_preset(reference))
            else reference
        )

    return tuple(map(assign_reference, references))


def _format_note(config: RenovateConfig) -> str:
    """Return the note for references that are not left to Renovate; empty if its whole config could be read."""
    if config.settings is None:
        return f"{config.path} cannot be read, so Renovate moves nothing"
    presets = config.settings.unread_presets
    if not presets:
        return ""
    shown = presets[0] if len(presets[0]) <= MAX_SHOWN else f"{presets[0][:MAX_SHOWN]}…"
    more = f" and {len(presets) - 1} more" if len(presets) > 1 else ""
    return f"{config.path} extends `{shown}`{more}, which basebump does not read: Renovate may move it all the same"
