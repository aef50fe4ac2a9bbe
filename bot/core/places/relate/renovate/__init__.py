"""Images that a Renovate config updates: basebump leaves them to Renovate."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.notes import with_notes
from bot.core.places.closing import leave_to_other
from bot.core.places.relate.renovate.decisions import Decisions
from bot.core.places.relate.renovate.managers import managers_of
from bot.model.found import ExtractedReferences
from bot.model.remark import CrossFileFact, RenovateConfig, TreeBranch
from bot.model.source import EditSlot, Occurrence, UnsupportedText

MAX_SHOWN = 60
"""Characters of a preset's name in a note."""


def leave_to_renovate(places: ExtractedReferences, remarks: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Lock the references that the Renovate config updates on this branch.

    Renovate uses one of several configs. If that is invalid, Renovate updates nothing, and notes say so.
    """
    config = min((remark for remark in remarks if isinstance(remark, RenovateConfig)), key=lambda each: each.rank)
    branch = next((remark for remark in remarks if isinstance(remark, TreeBranch)), None)
    decisions = Decisions(config.settings, branch) if config.settings is not None else None
    note = _note(config)

    def related(place: Occurrence | UnsupportedText) -> Occurrence | UnsupportedText:
        if isinstance(place, UnsupportedText):
            return place
        if decisions is not None and decisions.moves(place):
            return leave_to_other(place, "Renovate", config.path)
        is_open = isinstance(place.digest_slot, EditSlot) and bool(managers_of(place))
        return (
            with_notes(place, note) if is_open and (decisions is None or decisions.may_be_told_more(place)) else place
        )

    return tuple(map(related, places))


def _note(config: RenovateConfig) -> str:
    """Return the note for references that are not left to Renovate; empty if its whole config could be read."""
    if config.settings is None:
        return f"{config.path} cannot be read, so Renovate moves nothing"
    presets = config.settings.unread_presets
    if not presets:
        return ""
    shown = presets[0] if len(presets[0]) <= MAX_SHOWN else f"{presets[0][:MAX_SHOWN]}…"
    more = f" and {len(presets) - 1} more" if len(presets) > 1 else ""
    return f"{config.path} extends `{shown}`{more}, which basebump does not read: Renovate may move it all the same"
