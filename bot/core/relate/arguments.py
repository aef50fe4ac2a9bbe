"""Build arguments that a build file sets: the default in the Dockerfile does not count there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from bot.model.found import Places
from bot.model.remark import ArgumentSet, Remark
from bot.model.source import FilePath


def note_set_arguments(places: Places, remarks: Sequence[Remark]) -> Places:
    """Add a note to every place of a Dockerfile that depends on an argument which a build file sets."""
    sets: dict[tuple[FilePath, str], list[ArgumentSet]] = defaultdict(list)
    for remark in remarks:
        if isinstance(remark, ArgumentSet):
            sets[remark.dockerfile, remark.argument].append(remark)
    if not sets:
        return places
    return tuple(
        replace(place, notes=(*place.notes, *notes))
        if (
            notes := dict.fromkeys(_note(each) for name in place.variables for each in sets.get((place.path, name), ()))
        )
        else place
        for place in places
    )


def _note(remark: ArgumentSet) -> str:
    return f"{remark.path}:{remark.line_number} sets {remark.argument}; there the default does not count"
