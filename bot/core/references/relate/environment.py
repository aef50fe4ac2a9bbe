"""Images with variables in compose files, resolved with the `.env` file that sets these variables.

By default, Compose reads the `.env` file in the folder of the compose file
(https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/). Its values take precedence over
the defaults in the compose file. Variables in the user's shell take precedence over both, but basebump cannot know
them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from posixpath import dirname

from bot.core.references.expansion import (
    ExpandedText,
    expand_text,
    find_shared_variables,
    list_variables,
    resolve_interpolated,
)
from bot.core.references.locking import lock_occurrence
from bot.model.cross_file import CrossFileFact, EnvironmentUse, EnvironmentVariable, InterpolatedImage
from bot.model.extracted_item import ExtractedReferences
from bot.model.source import FilePath, Occurrence, UnsupportedText
from bot.model.vocabulary import Reason


def add_interpolated_images(references: ExtractedReferences, facts: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Add the images that are written with variables.

    An image whose reference ends in the value of an `.env` variable is added at that value, in the `.env` file.
    """
    folders: dict[str, _ComposeFolder] = defaultdict(_ComposeFolder)
    for fact in facts:
        match fact:
            case InterpolatedImage():
                folders[dirname(fact.path)].images.append(fact)
            case EnvironmentUse():
                folders[dirname(fact.path)].otherwise_used.add(fact.variable)
            case EnvironmentVariable():
                folders[dirname(fact.path)].assign_variable(fact)
            case _:
                pass
    return (*references, *(reference for folder in folders.values() for reference in folder.list_references()))


@dataclass(slots=True)
class _ComposeFolder:
    """The images in the compose files of one folder, and the values in its `.env` file."""

    images: list[InterpolatedImage] = field(default_factory=list)
    otherwise_used: set[str | None] = field(default_factory=set)
    """Variables that are used for something other than images. If it contains None, all variables are."""
    values: dict[str, ExpandedText] = field(default_factory=dict)

    def assign_variable(self, assignment: EnvironmentVariable) -> None:
        """Expand and store the value of a variable, which can only use variables that were assigned before it."""
        self.values[assignment.variable] = expand_text(assignment.value, self.values, assignment)
        self.otherwise_used |= set(list_variables(assignment.value))

    def list_references(self) -> Iterator[Occurrence | UnsupportedText]:
        """Yield the resolved images of the folder.

        Images that end in the same `.env` variable and are written in the same form are yielded only once.
        """
        images = [resolve_interpolated(image, self.values) for image in self.images]
        shared = self.otherwise_used | find_shared_variables(images)
        occurrences_by_variable: dict[str, dict[_WrittenForm, Occurrence]] = defaultdict(dict)
        used_at: dict[tuple[str, _WrittenForm], list[tuple[FilePath, int]]] = defaultdict(list)
        for image in images:
            if image.assignment is None or isinstance(image.item, UnsupportedText):
                yield image.item
            else:
                written_form = (image.source.written, image.source.platform)
                occurrences_by_variable[image.assignment.variable].setdefault(
                    written_form, _move_to_environment(image.item, image.assignment)
                )
                used_at[image.assignment.variable, written_form].append((image.item.path, image.item.line_number))
        for variable, occurrences in occurrences_by_variable.items():
            is_shared = None in shared or variable in shared
            for written_form, first in occurrences.items():
                reference = replace(first, usages=tuple(used_at[variable, written_form]))
                occurrence = (
                    reference
                    if len(occurrences) == 1
                    else replace(reference, locator=_build_locator(variable, written_form))
                )
                yield lock_occurrence(occurrence, Reason.SHARED_ARGUMENT) if is_shared else occurrence


_WrittenForm = tuple[str, str | None]
"""The written text of an image, and its platform."""


def _build_locator(variable: str, written_form: _WrittenForm) -> str:
    written, platform = written_form
    return f"{variable} in {written}" + (f" for {platform}" if platform else "")


def _move_to_environment(occurrence: Occurrence, assignment: EnvironmentVariable) -> Occurrence:
    """Return the occurrence, moved to the `.env` value that contains the end of its reference."""
    return replace(
        occurrence,
        path=assignment.path,
        line_number=assignment.line_number,
        locator=assignment.variable,
        related_lines=(),
        notes=(f"{occurrence.path}:{occurrence.line_number} ends in it",),
    )
