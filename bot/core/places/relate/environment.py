"""Images with variables in compose files, resolved with the `.env` file that sets the variables.

By default Compose reads the `.env` file in the folder of the compose file
(https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/); its values precede the defaults
in the compose file. Variables of the user's shell precede both, and are not known here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from posixpath import dirname

from bot.core.places.closing import close
from bot.core.places.expansion import Expanded, expand, names_in
from bot.core.places.interpolated import read_interpolated, shared_variables
from bot.model.found import ExtractedReferences
from bot.model.remark import CrossFileFact, EnvironmentUse, EnvironmentVariable, InterpolatedImage
from bot.model.source import FilePath, Occurrence, UnsupportedText
from bot.model.vocabulary import Reason


def add_interpolated(places: ExtractedReferences, remarks: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Add the images with variables; if an `.env` value has the end of a reference, at that value."""
    folders: dict[str, _Folder] = defaultdict(_Folder)
    for remark in remarks:
        match remark:
            case InterpolatedImage():
                folders[dirname(remark.path)].images.append(remark)
            case EnvironmentUse():
                folders[dirname(remark.path)].used.add(remark.variable)
            case EnvironmentVariable():
                folders[dirname(remark.path)].assign(remark)
            case _:
                pass
    return (*places, *(place for folder in folders.values() for place in folder.places()))


@dataclass(slots=True)
class _Folder:
    """The compose files of one folder, and its `.env` file."""

    images: list[InterpolatedImage] = field(default_factory=list)
    used: set[str | None] = field(default_factory=set)
    """Variables used for anything but images; None stands for all variables."""
    values: dict[str, Expanded] = field(default_factory=dict)

    def assign(self, variable: EnvironmentVariable) -> None:
        """Expand and store a value; variables that are set further down are not known to it."""
        self.values[variable.variable] = expand(variable.value, self.values, variable)
        self.used |= set(names_in(variable.value))

    def places(self) -> Iterator[Occurrence | UnsupportedText]:
        """Yield the resolved images; those that end in an `.env` variable once for each written form."""
        images = [read_interpolated(image, self.values) for image in self.images]
        shared = self.used | shared_variables(images)
        ways: dict[str, dict[_Way, Occurrence]] = defaultdict(dict)
        used_at: dict[tuple[str, _Way], list[tuple[FilePath, int]]] = defaultdict(list)
        for image in images:
            if image.holder is None or isinstance(image.place, UnsupportedText):
                yield image.place
            else:
                way = (image.source.written, image.source.platform)
                ways[image.holder.variable].setdefault(way, _in_environment(image.place, image.holder))
                used_at[image.holder.variable, way].append((image.place.path, image.place.line_number))
        for variable, of_variable in ways.items():
            is_shared = None in shared or variable in shared
            for way, first in of_variable.items():
                place = replace(first, usages=tuple(used_at[variable, way]))
                told_apart = place if len(of_variable) == 1 else replace(place, locator=_locator(variable, way))
                yield close(told_apart, Reason.SHARED_ARGUMENT) if is_shared else told_apart


_Way = tuple[str, str | None]
"""The written text of an image, and its platform."""


def _locator(variable: str, way: _Way) -> str:
    written, platform = way
    return f"{variable} in {written}" + (f" for {platform}" if platform else "")


def _in_environment(place: Occurrence, holder: EnvironmentVariable) -> Occurrence:
    """Return the occurrence at the `.env` value that has the end of the reference."""
    return replace(
        place,
        path=holder.path,
        line_number=holder.line_number,
        locator=holder.variable,
        related_lines=(),
        notes=(f"{place.path}:{place.line_number} ends in it",),
    )
