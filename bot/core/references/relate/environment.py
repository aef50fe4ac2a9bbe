"""Images in compose files that are written with variables, such as `app:${TAG}`. The values come from an `.env` file.

By default, Compose reads the `.env` file in the folder of the compose file
(https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/). Its values take precedence over
the defaults in the compose file. Variables in the user's shell take precedence over both, but basebump cannot know
them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from bot.core.references.expansion import (
    ExpandedText,
    expand_text,
    find_shared_variables,
    list_variables,
    resolve_interpolated,
)
from bot.core.references.locking import lock_reference
from bot.core.references.relate.folders import get_folder
from bot.model.cross_file import CrossFileFact, EnvironmentUse, EnvironmentVariable, InterpolatedImage
from bot.model.extracted_item import ExtractedReferences
from bot.model.source import FilePath, Reference, UnsupportedText
from bot.model.vocabulary import Reason


def add_interpolated_images(references: ExtractedReferences, facts: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Replace the variables in images of compose files, and add the resulting references.

    If the end of a reference comes from an `.env` variable, as in `app:${TAG}`, the reference gets the path and the
    line of this variable in the `.env` file, because the digest is written there.
    """
    folders: dict[str, _ComposeFolder] = defaultdict(_ComposeFolder)
    for fact in facts:
        match fact:
            case InterpolatedImage():
                folders[get_folder(fact.path)].images.append(fact)
            case EnvironmentUse():
                folders[get_folder(fact.path)].otherwise_used.add(fact.variable)
            case EnvironmentVariable():
                folders[get_folder(fact.path)].assign_variable(fact)
            case _:
                pass
    return (*references, *(reference for folder in folders.values() for reference in folder.list_references()))


@dataclass(slots=True)
class _ComposeFolder:
    """The images with variables in the compose files of one folder, and the values in its `.env` file."""

    images: list[InterpolatedImage] = field(default_factory=list)
    otherwise_used: set[str | None] = field(default_factory=set)
    """Variables that are used for something other than images. None in the set means that all variables may be."""
    values: dict[str, ExpandedText] = field(default_factory=dict)

    def assign_variable(self, assignment: EnvironmentVariable) -> None:
        """Store the value of an `.env` variable. Call this in the order of the lines in the file.

        The value can itself contain variables. Only variables that are assigned on earlier lines have a value.
        """
        self.values[assignment.variable] = expand_text(assignment.value, self.values, assignment)
        self.otherwise_used |= set(list_variables(assignment.value))

    def list_references(self) -> Iterator[Reference | UnsupportedText]:
        """Yield the image references of this folder, with replaced variables.

        Several services can use the same text, such as `app:${TAG}`. If its end comes from an `.env` variable, only one
        reference is yielded for all services with this text and the same platform.
        """
        images = [resolve_interpolated(image, self.values) for image in self.images]
        shared = self.otherwise_used | find_shared_variables(images)
        references_by_variable: dict[str, dict[_WrittenForm, Reference]] = defaultdict(dict)
        used_at: dict[tuple[str, _WrittenForm], list[tuple[FilePath, int]]] = defaultdict(list)
        for image in images:
            if image.assignment is None or isinstance(image.item, UnsupportedText):
                yield image.item
            else:
                written_form = (image.source.written, image.source.platform)
                references_by_variable[image.assignment.variable].setdefault(
                    written_form, _move_to_environment(image.item, image.assignment)
                )
                used_at[image.assignment.variable, written_form].append((image.item.path, image.item.line_number))
        for variable, references in references_by_variable.items():
            is_shared = None in shared or variable in shared
            for written_form, first in references.items():
                resolved = replace(first, usages=tuple(used_at[variable, written_form]))
                reference = (
                    resolved
                    if len(references) == 1
                    else replace(resolved, locator=_build_locator(variable, written_form))
                )
                yield lock_reference(reference, Reason.SHARED_ARGUMENT) if is_shared else reference


_WrittenForm = tuple[str, str | None]
"""The written text of an image, and its platform."""


def _build_locator(variable: str, written_form: _WrittenForm) -> str:
    written, platform = written_form
    return f"{variable} in {written}" + (f" for {platform}" if platform else "")


def _move_to_environment(reference: Reference, assignment: EnvironmentVariable) -> Reference:
    """Return the reference with the path and line of `assignment`, the `.env` variable that sets the reference's end.

    For example, if a Compose file contains `app:${TAG}` and the `.env` file contains `TAG=1.2`, the digest is written
    into the `.env` file.
    """
    return replace(
        reference,
        path=assignment.path,
        line_number=assignment.line_number,
        locator=assignment.variable,
        related_lines=(),
        notes=(f"{reference.path}:{reference.line_number} ends in it",),
    )
