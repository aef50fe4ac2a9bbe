"""Images of compose files that are written with variables, brought together with the `.env` file that sets them.

Compose takes the `.env` of the folder that a compose file is in, where nothing else is said
(https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/); what stands there comes before
the defaults in the file. What somebody's shell sets comes before both, and nobody here can know it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from posixpath import dirname

from bot.core.places.closing import close
from bot.core.places.expansion import Expanded, expand, names_in
from bot.core.places.interpolated import read_interpolated, shared_variables
from bot.model.found import Places
from bot.model.remark import EnvironmentUse, EnvironmentVariable, Interpolated, Remark
from bot.model.source import FilePath, Occurrence, Unsupported
from bot.model.vocabulary import Reason


def add_interpolated(places: Places, remarks: Sequence[Remark]) -> Places:
    """Add the images that are written with variables: in an `.env` file where one sets how they end."""
    folders: dict[str, _Folder] = defaultdict(_Folder)
    for remark in remarks:
        match remark:
            case Interpolated():
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
    """The compose files of one folder, and the `.env` beside them."""

    images: list[Interpolated] = field(default_factory=list)
    used: set[str | None] = field(default_factory=set)
    """Variables that are used for something that is no image; None for all."""
    values: dict[str, Expanded] = field(default_factory=dict)

    def assign(self, variable: EnvironmentVariable) -> None:
        """Let a variable have what its value comes to now: what is set further down is not known there."""
        self.values[variable.variable] = expand(variable.value, self.values, variable)
        self.used |= set(names_in(variable.value))

    def places(self) -> Iterator[Occurrence | Unsupported]:
        """Yield what the images come to, each once for every way in which a variable of the `.env` is written."""
        images = [read_interpolated(image, self.values) for image in self.images]
        shared = self.used | shared_variables(images)
        ways: dict[str, dict[_Way, Occurrence]] = defaultdict(dict)
        used_at: dict[tuple[str, _Way], list[tuple[FilePath, int]]] = defaultdict(list)
        for image in images:
            if image.holder is None or isinstance(image.place, Unsupported):
                yield image.place
            else:
                way = (image.source.written, image.source.platform)
                ways[image.holder.variable].setdefault(way, _in_environment(image.place, image.holder))
                used_at[image.holder.variable, way].append((image.place.path, image.place.line_number))
        for variable, of_variable in ways.items():
            is_shared = None in shared or variable in shared
            for way, first in of_variable.items():
                place = replace(first, used_at=tuple(used_at[variable, way]))
                told_apart = place if len(of_variable) == 1 else replace(place, locator=_locator(variable, way))
                yield close(told_apart, Reason.SHARED_ARGUMENT) if is_shared else told_apart


_Way = tuple[str, str | None]
"""How an image is written, and for which platform."""


def _locator(variable: str, way: _Way) -> str:
    written, platform = way
    return f"{variable} in {written}" + (f" for {platform}" if platform else "")


def _in_environment(place: Occurrence, holder: EnvironmentVariable) -> Occurrence:
    """Return the place in the `.env` file where the end of an image is set."""
    return replace(
        place,
        path=holder.path,
        line_number=holder.line_number,
        locator=holder.variable,
        also_lines=(),
        notes=(f"{place.path}:{place.line_number} ends in it",),
    )
