"""Build arguments that a build file sets, which overrides the default in the Dockerfile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bot.model.found import ExtractedReferences
from bot.model.remark import BuildArgumentSetting, CrossFileFact
from bot.model.source import FilePath


@dataclass(frozen=True, slots=True)
class Setting:
    """The setting of a Dockerfile's build argument."""

    who: str
    """The origin, for notes: `acb.yaml:3`."""
    dockerfile: FilePath
    argument: str


def note_set_arguments(places: ExtractedReferences, remarks: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Add a note to each reference in a Dockerfile that depends on a build argument which a build file sets."""
    return note_settings(
        places,
        (
            Setting(f"{each.path}:{each.line_number}", each.dockerfile, each.argument)
            for each in remarks
            if isinstance(each, BuildArgumentSetting)
        ),
    )


def note_settings(places: ExtractedReferences, settings: Iterable[Setting]) -> ExtractedReferences:
    """Add a note to each reference in a Dockerfile that depends on an argument with a setting."""
    sets: dict[tuple[FilePath, str], list[Setting]] = defaultdict(list)
    for setting in settings:
        sets[setting.dockerfile, setting.argument].append(setting)
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


def _note(setting: Setting) -> str:
    return f"{setting.who} sets {setting.argument}; there the default does not count"
