"""Read bake files: the images that targets use as build contexts, and the images of inline Dockerfiles.

https://docs.docker.com/build/bake/reference/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import assert_never

from bot.core.places.closing import close
from bot.core.places.expansion import Expanded, Values, expand
from bot.core.places.interpolated import ResolvedInterpolation, read_interpolated, shared_variables
from bot.formats._syntax.bake.files import BakeFile, BakeTarget, BakeText, read_bake
from bot.formats._syntax.bake.targets import arguments_of
from bot.formats._syntax.broken import BrokenFile
from bot.formats._syntax.dockerfile.inline import InlineDockerfile
from bot.formats._syntax.hcl.json_syntax import read_hcl_json
from bot.formats._syntax.hcl.reader import Hcl, read_hcl
from bot.formats._syntax.hcl.tokens import Interpolation, Literal
from bot.formats._syntax.places import Locators, Place, shown
from bot.model import remark
from bot.model.found import ExtractedItem
from bot.model.remark import BuildArgumentSetting, EnvironmentVariable, InterpolatedImage, InterpolatedText, VariableUse
from bot.model.source import FilePath, Occurrence, SourceFile, Span, UnsupportedText
from bot.model.vocabulary import Reason, Role

_FORMAT = "bake"
_BLOCKS = {"target": 1, "variable": 1, "group": 1, "function": 1}
"""The block types of a bake file, and how many labels each has."""
_SCHEME = "docker-image://"


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the images of a bake file, and the build arguments that it sets."""
    content = file.content
    hcl = read_hcl_json(content, _BLOCKS) if file.path.endswith(".json") else read_hcl(content)
    match hcl:
        case BrokenFile():
            yield hcl.unsupported(file.path)
        case Hcl():
            yield from _places_and_remarks(file.path, hcl)
        case _:
            assert_never(hcl)


def _places_and_remarks(path: FilePath, hcl: Hcl) -> Iterator[ExtractedItem]:
    bake = read_bake(hcl)
    places: list[Occurrence | UnsupportedText] = []
    for locator, target in _located(bake.targets):
        if target.inline is not None:
            places += _inline(path, hcl, target.inline, f"{locator}/dockerfile-inline")
    places += _contexts(path, hcl, bake)
    yield from sorted(places, key=lambda place: place.line_number)
    arguments = dict.fromkeys(arguments_of(path, bake.targets))
    yield from (BuildArgumentSetting(path, hcl.line_number(start), dockerfile, name) for dockerfile, name, start in arguments)


def _located(targets: Iterable[BakeTarget]) -> Iterator[tuple[str, BakeTarget]]:
    """Yield targets with unique locators, since several targets may have the same name."""
    locators = Locators()
    return ((locators.unique(f"target/{target.name}"), target) for target in targets)


def _contexts(path: FilePath, hcl: Hcl, bake: BakeFile) -> Iterator[Occurrence | UnsupportedText]:
    """Yield the images among the contexts; the default of a variable takes the digest if an image ends in it."""
    values = _values(path, hcl, bake)
    images: list[ResolvedInterpolation] = []
    locators = Locators()
    for locator, target in _located(bake.targets):
        for key, text in target.contexts:
            found = _read(path, hcl, locators.unique(f"{locator}/contexts/{key}"), text, values)
            if isinstance(found, InterpolatedImage):
                images.append(read_interpolated(found, values))
            elif found is not None:
                yield found
    shared = bake.used | shared_variables(images)
    for image in images:
        holder = image.holder
        place = image.place
        if holder is not None and isinstance(place, Occurrence):
            place = replace(place, related_lines=(holder.line_number,))
            place = close(place, Reason.SHARED_ARGUMENT) if holder.variable in shared else place
        yield place


def _values(path: FilePath, hcl: Hcl, bake: BakeFile) -> dict[str, Expanded]:
    """Return the expanded defaults of the variables; a variable that is defined further down counts as unset."""
    values: dict[str, Expanded] = {}
    for name, default in bake.variables:
        variable = EnvironmentVariable(path, hcl.line_number(default.start), name, default.text)
        values[name] = expand(variable.value, values, variable)
    return values


def _read(
    path: FilePath, hcl: Hcl, locator: str, text: BakeText, values: Values
) -> Occurrence | UnsupportedText | InterpolatedImage | None:
    """Return the image of a context; None for a context that is not an image."""
    place = Place(path, _FORMAT, Role.BASE, hcl.line_number(text.start), locator)
    written = _without_scheme(text.text) if text.is_template else None
    if written is None:
        is_image = expand(text.text, values).text.startswith(_SCHEME) or (
            _SCHEME in text.source and not text.is_template
        )
        return place.unsupported(text.source, Reason.UNRESOLVED_ARGUMENT) if is_image else None
    match written:
        case (remark.LiteralText(literal, Span(start, _)),):
            return place.read(literal, start)
        case _ if not any(isinstance(part, VariableUse) for part in written):
            return place.unsupported(text.source, Reason.MALFORMED)
        case _:
            return InterpolatedImage(
                path=path,
                format=_FORMAT,
                line_number=place.line_number,
                locator=locator,
                written=shown(text.source.strip('"').removeprefix(_SCHEME)),
                text=written,
                role=Role.BASE,
            )


def _without_scheme(text: InterpolatedText) -> InterpolatedText | None:
    """Return the text behind `docker-image://`; None if the text does not begin with it."""
    match text:
        case (remark.LiteralText(first, span), *rest) if first.startswith(_SCHEME):
            length = len(_SCHEME)
            moved = None if span is None else Span(span.start + length, span.end)
            return (remark.LiteralText(first[length:], moved), *rest)
        case _:
            return None


def _inline(path: FilePath, hcl: Hcl, text: BakeText, locator: str) -> Iterator[Occurrence | UnsupportedText]:
    dockerfile = InlineDockerfile(hcl.line_number(text.start), hcl.line_number)
    for part in text.parts:
        match part:
            case Literal(value, start):
                dockerfile.add(value, start)
            case Interpolation(_, _, expression):
                dockerfile.add(b"{{%b}}" % expression, None)
            case _:
                assert_never(part)
    return dockerfile.read(path, _FORMAT, locator)
