"""Build arguments that a build file sets. Their defaults in the Dockerfile are then not used there."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from bot.model.cross_file import BuildArgumentSetting, CrossFileFact
from bot.model.errors import InvalidReferenceError
from bot.model.extracted_item import ExtractedReferences
from bot.model.image_name import ImageName
from bot.model.source import FilePath, NotEditable, Reference, UnsupportedText
from bot.model.vocabulary import Reason

_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?[-+][^}]*)?\})", re.ASCII)
"""A use of a build argument, such as `$TAG` or `${TAG:-3.12}`."""

MAX_OVERRIDDEN = 10
"""Limit for the images in one Dockerfile for which one setting of an argument is evaluated."""
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

    The note states that the default in the Dockerfile is not used there. Also add the images that result from the
    values of build files. `facts` contain the build arguments that are set.
    """
    noted = add_setting_notes(
        references,
        (
            ArgumentSetting(f"{each.path}:{each.line_number}", each.dockerfile, each.argument)
            for each in facts
            if isinstance(each, BuildArgumentSetting)
        ),
    )
    settings = [each for each in facts if isinstance(each, BuildArgumentSetting) and each.value]
    return (*noted, *_list_overriding_images(references, settings)) if settings else noted


def _list_overriding_images(
    references: ExtractedReferences, settings: Sequence[BuildArgumentSetting]
) -> Iterator[Reference]:
    """Yield the images that builds use instead of an image in a Dockerfile, because they set its only argument.

    An image that is equal to the one in the Dockerfile is left out. So is an image that cannot be parsed.
    """
    by_argument: dict[tuple[FilePath, str], list[Reference]] = defaultdict(list)
    for reference in references:
        if isinstance(reference, Reference) and len(reference.variables) == 1:
            by_argument[(reference.path, reference.variables[0])].append(reference)
    counts: Counter[tuple[FilePath, int, str]] = Counter()
    yielded: set[tuple[FilePath, int, ImageName]] = set()
    for setting in settings:
        for reference in by_argument.get((setting.dockerfile, setting.argument), ())[:MAX_OVERRIDDEN]:
            image = _parse_image(_substitute(reference.written, setting))
            if image is None or image == reference.image:
                continue
            key = (setting.path, setting.line_number, image)
            if key in yielded:
                continue
            yielded.add(key)
            position = (setting.path, setting.line_number, setting.argument)
            counts[position] += 1
            yield replace(
                reference,
                path=setting.path,
                line_number=setting.line_number,
                format=setting.format_name,
                locator=f"build-argument/{setting.line_number}/{setting.argument}#{counts[position]}",
                written=setting.value,
                image=image,
                digest_slot=NotEditable(Reason.BUILD_ARGUMENT),
                tag_slot=NotEditable(Reason.BUILD_ARGUMENT),
                variables=(),
                related_lines=(),
                notes=(f"replaces the default of {setting.argument} in {reference.path}:{reference.line_number}",),
            )


def _substitute(written: str, setting: BuildArgumentSetting) -> str:
    """Return the text of an image in a Dockerfile with the value of an argument: `python:3.12` for `python:${TAG}`."""
    return _VARIABLE.sub(lambda use: setting.value if setting.argument in use.groups() else use[0], written)


def _parse_image(text: str) -> ImageName | None:
    try:
        return ImageName.parse(text)
    except InvalidReferenceError:
        return None


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
