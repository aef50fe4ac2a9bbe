"""Merge of Helm values files: an overlay sets some parts of an image, and the chart's own values have the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from posixpath import basename, dirname, join

from bot.core.places.closing import close
from bot.core.places.relate.folders import path_and_folders
from bot.model.errors import InvalidReferenceError
from bot.model.found import ExtractedReferences
from bot.model.reference import ImageReference, parse_sha256
from bot.model.remark import ChartImage, ChartValue, CrossFileFact, ImagePart
from bot.model.source import FilePath, NotEditable, Occurrence
from bot.model.vocabulary import Reason, Role

MAX_NOTES = 3
"""Files named in the notes of one reference; charts may have dozens of values files for tests."""

_FORMAT = "helm"
_MAIN = ("values.yaml", "values.yml")
_BELOW_CHART = {"ci", "values"}
"""Folders of a chart with overlays for its own values."""
_SUBCHARTS = "charts"
_CLOSED = NotEditable(Reason.CONFLICTING_EDITS)
_Place = tuple[FilePath, str]
"""A file and a locator in it."""


def lay_over(places: ExtractedReferences, remarks: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Complete the images in overlays with the chart's own values, and add those that have no repository of their own.

    Without the registry from the chart they would mean images on Docker Hub. A digest belongs to all parts of an image:
    if an overlay changes another part but keeps the digest of a lower file, neither reference is editable.
    """
    images = [remark for remark in remarks if isinstance(remark, ChartImage)]
    if not images:
        return places
    found = {
        (place.path, place.locator): place
        for place in places
        if isinstance(place, Occurrence) and place.format == _FORMAT
    }
    laid, keeping = _laid_over(images, [remark for remark in remarks if isinstance(remark, ChartValue)])
    listed = {place: _listed(overlay) for place, overlay in laid.items() if place not in found}
    changed = {place: _completed(found[place], overlay) for place, overlay in laid.items() if place in found}
    for place in {place for overlay in laid.values() for place in overlay.tagged_by()} & found.keys():
        changed[place] = replace(changed.get(place, found[place]), tag_slot=_CLOSED)
    for place in keeping.keys() & found.keys():
        changed[place] = _keeping(changed.get(place, found[place]), keeping[place])
    return (
        *(
            changed.get((place.path, place.locator), place)
            if isinstance(place, Occurrence) and place.format == _FORMAT
            else place
            for place in places
        ),
        *(place for place in listed.values() if place is not None),
    )


@dataclass(frozen=True, slots=True)
class _Layer:
    """The parts of an image that one file has."""

    path: FilePath
    values: Mapping[ImagePart, ChartValue]
    image: ChartImage | None
    """The complete image, if the file is a chart's own values file and has all of it."""

    @property
    def registry(self) -> str:
        own = self.values.get(ImagePart.REGISTRY)
        text = self.image.registry if self.image is not None else own.text if own is not None else ""
        return text.removesuffix("/")


@dataclass(frozen=True, slots=True)
class _Overlay:
    """A values file that sets parts of a chart's image."""

    place: _Place
    layers: tuple[_Layer, ...]
    """The files from the overlay down to the chart's own values."""
    pinned_in: ImagePart

    @property
    def own(self) -> Mapping[ImagePart, ChartValue]:
        return self.layers[0].values

    def inherited(self, part: ImagePart) -> str:
        """Return the value of a part in the lower files."""
        texts = (layer.values[part].text for layer in self.layers[1:] if part in layer.values)
        return next(texts, "")

    def missing(self, part: ImagePart) -> str:
        """Return the value of a part in the lower files if the overlay does not set it."""
        return "" if part in self.own else self.inherited(part)

    def registry(self) -> tuple[str, bool]:
        """Return the registry for a name without one, and whether the chart is certain to use it."""
        layer = next((layer for layer in self.layers if layer.registry), None)
        if layer is None:
            return "", True
        return layer.registry, layer.image is None or layer.image.is_certain

    def tagged_by(self) -> Iterator[_Place]:
        """Yield the lower images whose tag the overlay may use: an update of their tag would change its image."""
        if self.missing(ImagePart.TAG):
            yield from ((layer.path, layer.image.locator) for layer in self.layers[1:] if layer.image is not None)

    def notes_on_kept_digest(self) -> Iterator[str]:
        """Yield a note on the parts that the overlay sets, if it keeps the digest of the chart's own values."""
        if not any(self.pinned_in in layer.values for layer in self.layers[:-1]):
            parts = [part for part, value in self.own.items() if value.text or part is not ImagePart.DIGEST]
            if parts:
                yield f"{self.place[0]} sets its {_and(parts)}, and would keep this digest"

    def notes_on_rest(self) -> Iterator[str]:
        """Yield a note for each file with parts that the overlay does not set."""
        known = set(self.own)
        for layer in self.layers[1:]:
            parts = [part for part, value in layer.values.items() if part not in known and value.text]
            known |= layer.values.keys()
            if parts:
                yield f"{layer.path} has its {_and(parts)}"


def _and(parts: Iterable[ImagePart]) -> str:
    return " and ".join(part.value for part in parts)


def _laid_over(
    images: Sequence[ChartImage], values: Sequence[ChartValue]
) -> tuple[dict[_Place, _Overlay], dict[_Place, list[str]]]:
    """Return the overlays by position, and the notes about kept digests by the position of the digest."""
    charts = _Charts(images, values)
    laid: dict[_Place, _Overlay] = {}
    keeping: dict[_Place, list[str]] = defaultdict(list)
    for image, files in dict.fromkeys(each for value in values for each in charts.below(value)):
        overlay = charts.overlay(image, files)
        keeping[image.path, image.locator] += overlay.notes_on_kept_digest()
        if overlay.place not in laid or len(laid[overlay.place].layers) < len(overlay.layers):
            laid[overlay.place] = overlay
    return laid, {place: notes for place, notes in keeping.items() if notes}


_Files = tuple[tuple[FilePath, str], ...]
"""The files from an overlay down, each with a prefix of keys for the values of the lowest file."""


class _Charts:
    """The images in charts' own values, and the values of all files."""

    def __init__(self, images: Sequence[ChartImage], values: Sequence[ChartValue]) -> None:
        self._images = {(image.path, image.locator): image for image in images}
        self._values = {(value.path, value.locator): value for value in values}
        self._with_part: dict[_Place, list[ChartImage]] = defaultdict(list)
        for image in images:
            for _, locator in image.parts:
                self._with_part[image.path, locator].append(image)
        self._folders = {folder for path in {image.path for image in images} for folder in path_and_folders(path)}

    def below(self, value: ChartValue) -> Iterator[tuple[ChartImage, _Files]]:
        """Yield the images of which a value overrides a part: those of its chart and the subcharts."""
        folder = dirname(value.path)
        for top in (folder, dirname(folder)) if basename(folder) in _BELOW_CHART else (folder,):
            chart = top
            index, *keys = value.locator.split("/")
            inside: list[str] = []
            while True:
                for name in _MAIN:
                    own = FilePath(join(chart, name))
                    for image in self._with_part.get((own, "/".join((index, *keys))), ()) if own != value.path else ():
                        yield image, tuple(_files(value.path, top, inside, own))
                if not keys[1:] or join(chart, _SUBCHARTS, keys[0]) not in self._folders:
                    break
                inside.append(keys.pop(0))
                chart = join(chart, _SUBCHARTS, inside[-1])

    def overlay(self, image: ChartImage, files: _Files) -> _Overlay:
        (path, keys), *_ = files
        layers = tuple(self._layer(image, *each) for each in files)
        return _Overlay((path, _inside(image.locator, keys)), layers, image.digest_part)

    def _layer(self, image: ChartImage, path: FilePath, keys: str) -> _Layer:
        places = {part: (path, _inside(locator, keys)) for part, locator in image.parts}
        values = {part: self._values[place] for part, place in places.items() if place in self._values}
        return _Layer(path, values, self._images.get((path, _inside(image.locator, keys))))


def _files(overlay: FilePath, top: str, inside: Sequence[str], own: FilePath) -> Iterator[tuple[FilePath, str]]:
    """Yield the files from an overlay of chart `top` down to the values of the subchart at `inside`."""
    yield overlay, "".join(f"{key}/" for key in inside)
    chart = top
    for number, key in enumerate(inside):
        for name in _MAIN:
            path = FilePath(join(chart, name))
            if path != overlay:
                yield path, "".join(f"{each}/" for each in inside[number:])
        chart = join(chart, _SUBCHARTS, key)
    yield own, ""


def _inside(locator: str, keys: str) -> str:
    """Return the locator that a value has in the values of the parent chart."""
    index, _, rest = locator.partition("/")
    return f"{index}/{keys}{rest}"


def _completed(place: Occurrence, overlay: _Overlay) -> Occurrence:
    """Return the image of an overlay, completed with the parts from lower files."""
    reference = place.reference
    registry, is_certain = ("", True) if reference.has_registry_host else overlay.registry()
    tag = "" if reference.tag else overlay.missing(ImagePart.TAG)
    digest = "" if reference.digest else overlay.missing(ImagePart.DIGEST)
    whole = _parsed(registry, reference.name, reference.tag or tag, reference.digest or digest)
    if whole is None:
        return close(place, Reason.CHART_UNKNOWN)
    place = replace(place, reference=whole)
    if (tag or digest) and overlay.pinned_in not in overlay.own:
        return replace(place, digest_slot=_CLOSED, tag_slot=_CLOSED, notes=(*place.notes, *overlay.notes_on_rest()))
    return place if is_certain else close(place, Reason.CHART_UNKNOWN)


def _listed(overlay: _Overlay) -> Occurrence | None:
    """Return the image of an overlay that sets only some of its parts; None if it cannot be parsed."""
    texts = {part: overlay.own[part].text if part in overlay.own else overlay.inherited(part) for part in ImagePart}
    name = _parsed("", texts[ImagePart.REPOSITORY], "", "")
    if name is None:
        return None
    registry = texts[ImagePart.REGISTRY] if ImagePart.REGISTRY in overlay.own else overlay.registry()[0]
    prefix = "" if name.has_registry_host and ImagePart.REGISTRY not in overlay.own else registry.removesuffix("/")
    reference = _parsed(prefix, str(name), texts[ImagePart.TAG], texts[ImagePart.DIGEST])
    if reference is None:
        return None
    path, locator = overlay.place
    first, *others = sorted({value.line_number for value in overlay.own.values()})
    return Occurrence(
        path=path,
        line_number=first,
        format=_FORMAT,
        locator=locator,
        written=str(reference),
        reference=reference,
        role=Role.THIRD_PARTY,
        digest_slot=_CLOSED,
        tag_slot=_CLOSED,
        related_lines=tuple(others),
        notes=tuple(overlay.notes_on_rest()),
    )


def _parsed(registry: str, name: str, tag: str, digest: str) -> ImageReference | None:
    text = f"{registry}/{name}" if registry else name
    if tag:
        text += ("@" if parse_sha256(tag) else ":") + tag
    try:
        return ImageReference.parse(f"{text}@{digest}" if digest else text)
    except InvalidReferenceError:
        return None


def _keeping(place: Occurrence, notes: Sequence[str]) -> Occurrence:
    """Lock an occurrence whose digest would stay although an overlay changes the image."""
    closed = close(place, Reason.CONFLICTING_EDITS)
    if closed == place:
        return place
    others = len(notes) - MAX_NOTES
    more = [f"so would {others} other file{'s' * (others > 1)} of values"] if others > 0 else []
    return replace(closed, notes=(*place.notes, *notes[:MAX_NOTES], *more))
