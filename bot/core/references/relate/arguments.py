"""Build arguments that a build file sets. Their defaults in the Dockerfile are then not used there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from bot.core.references.relate.dockerfile_builds import resolve_builds
from bot.model.cross_file import CrossFileFact
from bot.model.extracted_item import ExtractedReferences
from bot.model.source import FilePath, Reference, UnsupportedText

MAX_NOTES = 3
"""Limit for the settings of one argument that notes name. Hundreds of build targets may set the same argument."""


class ArgumentSetting(NamedTuple):
    """The fact that a build file, such as a bake or Skaffold file, sets a build argument for a Dockerfile."""

    origin: str
    """The file and line of the setting, for notes: `acb.yaml:3`."""
    dockerfile: FilePath
    argument: str


def add_argument_notes(references: ExtractedReferences, facts: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Add a note to each image reference in a Dockerfile that contains a build argument which a build file sets.

    The note states that the default in the Dockerfile is not used there. `facts` contain the builds.
    """
    return add_setting_notes(
        references,
        (
            ArgumentSetting(f"{each.build.path}:{argument.line_number}", dockerfile, argument.name)
            for each in resolve_builds(facts)
            for dockerfile in each.dockerfiles
            for argument in each.build.arguments
        ),
    )


def add_setting_notes(references: ExtractedReferences, settings: Iterable[ArgumentSetting]) -> ExtractedReferences:
    """Add a note to each image reference in a Dockerfile that contains a build argument in `settings`.

    The note states that the default in the Dockerfile is not used there.
    """
    settings_by_file: dict[FilePath, dict[str, dict[ArgumentSetting, None]]] = defaultdict(lambda: defaultdict(dict))
    for setting in settings:
        settings_by_file[setting.dockerfile][setting.argument][setting] = None
    if not settings_by_file:
        return references
    notes_by_file = {
        path: {argument: tuple(_list_notes(tuple(each))) for argument, each in by_argument.items()}
        for path, by_argument in settings_by_file.items()
    }
    return tuple(
        _add_notes(reference, notes_by_file[reference.path])
        if reference.variables and reference.path in notes_by_file
        else reference
        for reference in references
    )


def _add_notes(
    reference: Reference | UnsupportedText, notes_by_argument: Mapping[str, Iterable[str]]
) -> Reference | UnsupportedText:
    notes = dict.fromkeys(note for name in reference.variables for note in notes_by_argument.get(name, ()))
    return replace(reference, notes=(*reference.notes, *notes)) if notes else reference


def _list_notes(settings: Sequence[ArgumentSetting]) -> Iterator[str]:
    """Yield a note for each of the first settings of one argument, and a note that states the number of the others."""
    for setting in settings[:MAX_NOTES]:
        yield f"{setting.origin} sets {setting.argument}; there the default does not count"
    if len(settings) > MAX_NOTES:
        yield f"{len(settings) - MAX_NOTES} other places set {settings[0].argument}, too"
