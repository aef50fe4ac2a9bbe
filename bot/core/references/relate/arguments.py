"""Notes about build arguments. If a build file sets an argument, its default in the Dockerfile is not used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bot.model.cross_file import BuildArgumentSetting, CrossFileFact
from bot.model.extracted_item import ExtractedReferences
from bot.model.source import FilePath


@dataclass(frozen=True, slots=True)
class ArgumentSetting:
    """The fact that a build file, such as a bake or Skaffold file, sets a build argument for a Dockerfile."""

    origin: str
    """The file and line of the setting, for notes: `acb.yaml:3`."""
    dockerfile: FilePath
    argument: str


def add_argument_notes(references: ExtractedReferences, facts: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Add a note to each image reference in a Dockerfile that contains a build argument which a build file sets.

    The note states that the default in the Dockerfile is not used there. `facts` contain the build arguments that are
    set.
    """
    return add_setting_notes(
        references,
        (
            ArgumentSetting(f"{each.path}:{each.line_number}", each.dockerfile, each.argument)
            for each in facts
            if isinstance(each, BuildArgumentSetting)
        ),
    )


def add_setting_notes(references: ExtractedReferences, settings: Iterable[ArgumentSetting]) -> ExtractedReferences:
    """Add a note to each image reference in a Dockerfile that contains a build argument in `settings`.

    The note states that the default in the Dockerfile is not used there.
    """
    settings_by_argument: dict[tuple[FilePath, str], list[ArgumentSetting]] = defaultdict(list)
    for setting in settings:
        settings_by_argument[setting.dockerfile, setting.argument].append(setting)
    if not settings_by_argument:
        return references
    return tuple(
        replace(reference, notes=(*reference.notes, *notes))
        if (
            notes := dict.fromkeys(
                _format_note(each)
                for name in reference.variables
                for each in settings_by_argument.get((reference.path, name), ())
            )
        )
        else reference
        for reference in references
    )


def _format_note(setting: ArgumentSetting) -> str:
    return f"{setting.origin} sets {setting.argument}; there the default does not count"
