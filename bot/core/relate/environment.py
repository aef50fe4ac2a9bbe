"""Images of compose files that are written with variables, brought together with the `.env` file that sets them.

Compose takes the `.env` of the folder that a compose file is in, where nothing else is said
(https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/); what stands there comes before
the defaults in the file. What somebody's shell sets comes before both, and nobody here can know it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from bot.core.closing import close
from bot.core.expansion import Expanded, Values, Written, expand, names_in
from bot.model.errors import InvalidReferenceError
from bot.model.reference import ImageReference, Line
from bot.model.remark import EnvironmentUse, EnvironmentVariable, Interpolated, Places, Remark
from bot.model.source import FilePath, Occurrence, Unsupported
from bot.model.vocabulary import Reason

MAX_VARIABLES = 20
"""Variables named at one place: more than any image is made of."""


def add_interpolated(places: Places, remarks: Sequence[Remark]) -> Places:
    """Add the images that are written with variables: in an `.env` file where one sets how they end."""
    folders: dict[str, _Folder] = defaultdict(_Folder)
    for remark in remarks:
        match remark:
            case Interpolated():
                folders[_folder_of(remark.path)].images.append(remark)
            case EnvironmentUse():
                folders[_folder_of(remark.path)].used.add(remark.variable)
            case EnvironmentVariable():
                folders[_folder_of(remark.path)].assign(remark)
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
        images = [_read(image, self.values) for image in self.images]
        shared = self.used | _shared(images)
        ways: dict[EnvironmentVariable, dict[_Way, Occurrence]] = defaultdict(dict)
        for image in images:
            if image.holder is None or isinstance(image.place, Unsupported):
                yield image.place
            else:
                ways[image.holder].setdefault((image.source.written, image.source.platform), image.place)
        for holder, of_holder in ways.items():
            is_shared = None in shared or holder.variable in shared
            for way, place in of_holder.items():
                moved = _in_environment(place, holder, way if len(of_holder) > 1 else None)
                yield close(moved, Reason.SHARED_ARGUMENT) if is_shared else moved


_Way = tuple[str, str | None]
"""How an image is written, and for which platform."""


@dataclass(frozen=True, slots=True)
class _Image:
    """An image that was written with variables, and what it comes to."""

    source: Interpolated
    place: Occurrence | Unsupported
    holder: EnvironmentVariable | None = None
    """The variable of the `.env` that it ends in."""

    @property
    def line(self) -> Line | None:
        """What it names; of images without a tag, those of one repository are one."""
        return self.place.reference.line(followed="latest") if isinstance(self.place, Occurrence) else None


def _read(source: Interpolated, values: Values) -> _Image:
    expanded = expand(source.text, values)
    variables = tuple(dict.fromkeys(islice(names_in(source.text), MAX_VARIABLES)))
    if expanded.missing or expanded.is_empty:
        missing = expanded.missing[:MAX_VARIABLES] or variables
        return _Image(source, _unsupported(source, Reason.UNRESOLVED_ARGUMENT, missing))
    try:
        reference = ImageReference.parse(expanded.text)
    except InvalidReferenceError:
        return _Image(source, _unsupported(source, Reason.MALFORMED, variables))
    written = Written(source.path, expanded, reference)
    place = Occurrence(
        path=source.path,
        line_number=source.line_number,
        format=source.format,
        locator=source.locator,
        written=source.written,
        reference=reference,
        role=source.role,
        digest=written.digest,
        tag=written.tag,
        platform=source.platform,
        variables=variables,
        also_lines=source.also_lines,
    )
    return _Image(source, close(place, Reason.CONFLICTING_EDITS) if source.is_shared else place, written.holder)


def _unsupported(source: Interpolated, reason: Reason, variables: tuple[str, ...]) -> Unsupported:
    return Unsupported(source.path, source.line_number, source.written, reason, variables)


def _shared(images: Sequence[_Image]) -> set[str]:
    """Return the variables that do more than to end one image."""
    shared: set[str] = set()
    ends: dict[str, set[Line | None]] = defaultdict(set)
    for image in images:
        for name, count in Counter(names_in(image.source.text)).items():
            is_end = image.holder is not None and image.holder.variable == name
            if is_end and count == 1 and not image.source.is_shared:
                ends[name].add(image.line)
            else:
                shared.add(name)
    return shared | {name for name, lines in ends.items() if len(lines) > 1}


def _in_environment(place: Occurrence, holder: EnvironmentVariable, way: _Way | None) -> Occurrence:
    """Return the place in the `.env` file where the end of an image is set; `way` tells it from others there."""
    suffix = "" if way is None else f" in {way[0]}" + (f" for {way[1]}" if way[1] else "")
    return replace(
        place,
        path=holder.path,
        line_number=holder.line_number,
        locator=f"{holder.variable}{suffix}",
        also_lines=(),
        notes=(f"{place.path}:{place.line_number} ends in it",),
    )


def _folder_of(path: FilePath) -> str:
    return path.rpartition("/")[0]
