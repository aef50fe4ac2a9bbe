"""Merge the values files of Helm charts, because the parts of an image can be in different files.

The parts of an image are its registry, repository, tag and digest, which can be separate values. An *overlay* is a
values file that overrides values of a chart, for example `values-prod.yaml`. It inherits the parts that it does not set
from the files that it overrides: the values files of parent charts, and finally the chart's own `values.yaml`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from posixpath import join

from bot.core.budgets import TreeBudget
from bot.core.references.locking import lock_reference, unlock_allowed
from bot.core.references.relate.chart_loading import SUBCHARTS
from bot.core.references.relate.folders import list_folders_and_path
from bot.core.references.relate.values_folders import ValuesFolders
from bot.model.chart_facts import ChartImage, ChartValue, ImagePart
from bot.model.cross_file import CrossFileFact
from bot.model.errors import InvalidReferenceError
from bot.model.extracted_item import ExtractedReferences
from bot.model.image_name import ImageName, parse_sha256
from bot.model.source import FilePath, NotEditable, Reference
from bot.model.vocabulary import Reason, Role

MAX_NOTES = 3
"""Limit for the files that the notes of one reference name. Charts may have dozens of values files for tests."""

_FORMAT = "helm"
_MAIN_VALUES_FILES = ("values.yaml", "values.yml")

_NOT_EDITABLE = NotEditable(Reason.CONFLICTING_EDITS)
_ValuePosition = tuple[FilePath, str]
"""A file, and a locator in this file."""


def merge_values_files(
    references: ExtractedReferences, facts: Sequence[CrossFileFact], tree_budget: TreeBudget
) -> ExtractedReferences:
    """Complete the images in overlays, such as `values-prod.yaml`, with the parts that they inherit from `values.yaml`.

    For example, if an overlay sets only repository and tag, and `values.yaml` sets the registry, the image would
    otherwise be looked up on Docker Hub. If an overlay sets parts of an image but not the repository, a reference that
    is not editable is added for the complete image. No reference is added if the overlay gives these parts to another
    image (see `_find_rivals`).

    A digest belongs to one registry, repository and tag. If an overlay changes one of these but inherits the digest,
    the references in both files are locked, so that basebump leaves them unchanged. A new digest in either file would
    make the chart deploy the wrong image.

    Raises:
        WorkLimitError: If the overlays override so many images that the budget is exceeded.
    """
    images = [fact for fact in facts if isinstance(fact, ChartImage)]
    if not images:
        return references
    readable = {
        (item.path, item.locator): item for item in references if isinstance(item, Reference) and item.format == _FORMAT
    }
    overlays, inherited_digest_notes = _find_overlays(_ChartValues(images, facts), tree_budget)
    rivals = _find_rivals(overlays.values(), readable)
    missing = [overlays[each] for each in overlays if each not in readable and each not in rivals]
    changed = {
        position: _complete_image(readable[position], overlay)
        for position, overlay in overlays.items()
        if position in readable
    }
    for position, rival in rivals.items():
        if overlays[position].get_inherited(ImagePart.DIGEST):  # the digest of the chart's own image
            changed[rival.path, rival.locator] = lock_reference(rival, Reason.CONFLICTING_EDITS)
    tag_sources = {position for overlay in overlays.values() for position in overlay.list_tag_sources()}
    for position in tag_sources & readable.keys():
        changed[position] = replace(changed.get(position, readable[position]), tag_slot=_NOT_EDITABLE)
    for position in inherited_digest_notes.keys() & readable.keys():
        changed[position] = _lock_inherited_digest(
            changed.get(position, readable[position]), inherited_digest_notes[position]
        )
    return (
        *(
            changed.get((item.path, item.locator), item)
            if isinstance(item, Reference) and item.format == _FORMAT
            else item
            for item in references
        ),
        *filter(None, map(_build_image, missing)),
    )


@dataclass(frozen=True, slots=True)
class _ValuesLayer:
    """The parts of one image that a single values file sets."""

    path: FilePath
    values: Mapping[ImagePart, ChartValue]
    image: ChartImage | None
    """The complete image, if the file is the chart's own values file and sets the whole image."""

    @property
    def registry(self) -> str:
        own = self.values.get(ImagePart.REGISTRY)
        text = self.image.registry if self.image is not None else own.text if own is not None else ""
        return text.removesuffix("/")


@dataclass(frozen=True, slots=True)
class _ValuesOverlay:
    """One image in an overlay such as `values-prod.yaml`, with its parts in the overlay and in the overridden files."""

    position: _ValuePosition
    layers: tuple[_ValuesLayer, ...]
    """The files from the overlay down to the chart's own values; a file overrides the files after it."""
    pinned_in: ImagePart

    @property
    def own_values(self) -> Mapping[ImagePart, ChartValue]:
        return self.layers[0].values

    def get_overridden_value(self, part: ImagePart) -> str:
        """Return the value of a part in the files that the overlay overrides. The overlay's own value is ignored.

        The value is an empty text if none of these files sets the part.
        """
        texts = (layer.values[part].text for layer in self.layers[1:] if part in layer.values)
        return next(texts, "")

    def get_inherited(self, part: ImagePart) -> str:
        """Return the value of a part that the overlay does not set, but inherits from the files that it overrides.

        The value is an empty text if the overlay sets the part, or if no file sets it.
        """
        return "" if part in self.own_values else self.get_overridden_value(part)

    def get_registry(self) -> tuple[str, bool]:
        """Return the registry of the image, and whether the chart certainly puts it in front of the repository.

        If no file sets a registry, return an empty text and True.
        """
        layer = next((layer for layer in self.layers if layer.registry), None)
        if layer is None:
            return "", True
        return layer.registry, layer.image is None or layer.image.is_certain

    def list_tag_sources(self) -> Iterator[_ValuePosition]:
        """Yield the positions of the images whose tag the overlay may inherit.

        These images are in the files that the overlay overrides. Their tags must not be updated, because this would
        also change the overlay's image. If the overlay sets the tag itself, yield nothing.
        """
        if self.get_inherited(ImagePart.TAG):
            yield from ((layer.path, layer.image.locator) for layer in self.layers[1:] if layer.image is not None)

    def list_inherited_digest_notes(self) -> Iterator[str]:
        """Yield a note if the overlay inherits the digest, but changes another part of the image, such as the tag.

        Such an overlay would combine the digest with the wrong image. The note names the changed parts.
        """
        if not any(self.pinned_in in layer.values for layer in self.layers[:-1]):
            parts = [part for part, value in self.own_values.items() if value.text or part is not ImagePart.DIGEST]
            if parts:
                yield f"{self.position[0]} sets its {_join_parts(parts)}, and would keep this digest"

    def list_inherited_notes(self) -> Iterator[str]:
        """Yield a note for each overridden file from which the overlay inherits parts of the image.

        The note names these parts.
        """
        overridden_parts = set(self.own_values)
        for layer in self.layers[1:]:
            parts = [part for part, value in layer.values.items() if part not in overridden_parts and value.text]
            overridden_parts |= layer.values.keys()
            if parts:
                yield f"{layer.path} has its {_join_parts(parts)}"


def _join_parts(parts: Iterable[ImagePart]) -> str:
    return " and ".join(part.value for part in parts)


def _find_overlays(
    charts: _ChartValues, tree_budget: TreeBudget
) -> tuple[dict[_ValuePosition, _ValuesOverlay], dict[_ValuePosition, list[str]]]:
    """Return the images in overlays, and notes about overlays that inherit a digest but change its image.

    The first dictionary contains the images by their positions in the overlays. The second dictionary contains the
    notes by the position of the image in the chart's own values, from which the digest is inherited.
    """
    overlays: dict[_ValuePosition, _ValuesOverlay] = {}
    inherited_digest_notes: dict[_ValuePosition, list[str]] = defaultdict(list)
    for image, files in dict.fromkeys(
        each for value in charts.values for each in charts.find_overridden_images(value, tree_budget)
    ):
        overlay = charts.build_overlay(image, files)
        inherited_digest_notes[image.path, image.locator] += overlay.list_inherited_digest_notes()
        if overlay.position not in overlays or len(overlays[overlay.position].layers) < len(overlay.layers):
            overlays[overlay.position] = overlay
    return overlays, {position: notes for position, notes in inherited_digest_notes.items() if notes}


_LayerFiles = tuple[tuple[FilePath, str], ...]
"""The files from an overlay down to the chart's own values, each with the prefix that keys of this chart's values have
in the file."""


class _ChartValues:
    """The values files of all charts, with the images and the single values in them."""

    def __init__(self, images: Sequence[ChartImage], facts: Sequence[CrossFileFact]) -> None:
        self.values = [fact for fact in facts if isinstance(fact, ChartValue)]
        self._values_folders = ValuesFolders(facts)
        self._images = {(image.path, image.locator): image for image in images}
        self._values = {(value.path, value.locator): value for value in self.values}
        self._images_by_part: dict[_ValuePosition, list[ChartImage]] = defaultdict(list)
        for image in images:
            for _, locator in image.parts:
                self._images_by_part[image.path, locator].append(image)
        paths = sorted({image.path for image in images})
        self._folders = {folder for path in paths for folder in list_folders_and_path(path)}
        self._main_files: dict[str, list[FilePath]] = defaultdict(list)
        """By folder of a chart: the chart's own values files, if they contain images."""
        for path in paths:
            folder, _, name = path.rpartition("/")
            self._main_files[folder] += [path] if name in _MAIN_VALUES_FILES else []

    def find_overridden_images(
        self, value: ChartValue, tree_budget: TreeBudget
    ) -> Iterator[tuple[ChartImage, _LayerFiles]]:
        """Yield each image of which `value` overrides a part, with the values files that can set its parts.

        A file overrides the files after it. The first one is the overlay that contains `value`, and the last one is the
        chart's own values file, which contains the image. The image can belong to the chart of the overlay or to one of
        its subcharts.

        Raises:
            WorkLimitError: If the budget is exceeded.
        """
        for top in self._values_folders.list_folders(value.path):
            chart = top
            index, *keys = value.locator.split("/")
            subchart_names: list[str] = []
            while True:
                for main_values in self._main_files.get(chart, ()):
                    part = main_values, "/".join((index, *keys))
                    for image in self._images_by_part.get(part, ()) if main_values != value.path else ():
                        tree_budget.spend_steps(1 + len(subchart_names), value.path)
                        yield image, tuple(_list_files(value.path, top, subchart_names, main_values))
                if not keys[1:] or join(chart, SUBCHARTS, keys[0]) not in self._folders:
                    break
                subchart_names.append(keys.pop(0))
                chart = join(chart, SUBCHARTS, subchart_names[-1])

    def build_overlay(self, image: ChartImage, files: _LayerFiles) -> _ValuesOverlay:
        (path, keys), *_ = files
        layers = tuple(self._build_layer(image, *each) for each in files)
        return _ValuesOverlay((path, _add_key_prefix(image.locator, keys)), layers, image.digest_part)

    def _build_layer(self, image: ChartImage, path: FilePath, keys: str) -> _ValuesLayer:
        positions = {part: (path, _add_key_prefix(locator, keys)) for part, locator in image.parts}
        values = {part: self._values[position] for part, position in positions.items() if position in self._values}
        return _ValuesLayer(path, values, self._images.get((path, _add_key_prefix(image.locator, keys))))


def _list_files(
    overlay: FilePath, top: str, subchart_names: Sequence[str], main_values: FilePath
) -> Iterator[tuple[FilePath, str]]:
    """Yield `overlay` and the files that it overrides, down to `main_values`, each with the prefix of its keys.

    For example, a parent chart sets values of its subchart `db` under the key `db`, so the prefix in its file is `db/`.

    Args:
        overlay: The values file that overrides the others.
        top: The folder of the overlay's chart.
        subchart_names: The names of the nested subcharts that lead from this chart to the chart of `main_values`.
        main_values: The own values file of the innermost chart.
    """
    yield overlay, "".join(f"{key}/" for key in subchart_names)
    chart = top
    for number, key in enumerate(subchart_names):
        for name in _MAIN_VALUES_FILES:
            path = FilePath(join(chart, name))
            if path != overlay:
                yield path, "".join(f"{each}/" for each in subchart_names[number:])
        chart = join(chart, SUBCHARTS, key)
    yield main_values, ""


def _add_key_prefix(locator: str, keys: str) -> str:
    """Return the locator that a value of a subchart has in the values file of a parent chart.

    For example, `0/image/tag` becomes `0/db/image/tag` if `keys` is `db/`.
    """
    index, _, rest = locator.partition("/")
    return f"{index}/{keys}{rest}"


def _find_rivals(
    overlays: Iterable[_ValuesOverlay], references: Mapping[_ValuePosition, Reference]
) -> dict[_ValuePosition, Reference]:
    """Return the images that get the parts of an overlay's image, because they are in the same mapping.

    For example, the chart has `{image: nginx, tag: "1"}`, and the overlay has `{repository: acme/nginx, tag: "2"}`.
    The chart then pulls `acme/nginx:2`, and never `nginx:2`. The keys of the result are the positions of `nginx` in the
    overlays.
    """
    mappings = {
        overlay.position: (overlay.position[0], overlay.position[1].rpartition("/")[0])
        for overlay in overlays
        if ImagePart.REPOSITORY not in overlay.own_values
    }
    return {position: references[mapping] for position, mapping in mappings.items() if mapping in references}


def _complete_image(reference: Reference, overlay: _ValuesOverlay) -> Reference:
    """Return the image of an overlay, completed with the parts that it inherits from the files that it overrides.

    The image is locked in these cases:

    - The parts together are not a valid reference.
    - It is uncertain whether the chart uses the registry.
    - The tag or digest is inherited, and the overlay does not set the value to which a digest would be written.
    """
    image = reference.image
    registry, is_certain = ("", True) if image.has_registry_host else overlay.get_registry()
    tag = "" if image.tag else overlay.get_inherited(ImagePart.TAG)
    digest = "" if image.digest else overlay.get_inherited(ImagePart.DIGEST)
    completed_image = _parse_reference(registry, image.name, image.tag or tag, image.digest or digest)
    if completed_image is None:
        return lock_reference(reference, Reason.CHART_UNKNOWN)
    reference = replace(reference, image=completed_image)
    reference = unlock_allowed(reference, {Reason.NO_TAG}) if tag else reference
    if (tag or digest) and overlay.pinned_in not in overlay.own_values:
        return replace(
            reference,
            digest_slot=_NOT_EDITABLE,
            tag_slot=_NOT_EDITABLE,
            notes=(*reference.notes, *overlay.list_inherited_notes()),
        )
    return reference if is_certain else replace(lock_reference(reference, Reason.CHART_UNKNOWN), variables=())


def _build_image(overlay: _ValuesOverlay) -> Reference | None:
    """Return the complete image of an overlay that does not set the repository. This image is not editable.

    Return None if the parts together are not a valid reference.
    """
    texts = {
        part: overlay.own_values[part].text if part in overlay.own_values else overlay.get_overridden_value(part)
        for part in ImagePart
    }
    name = _parse_reference("", texts[ImagePart.REPOSITORY], "", "")
    if name is None:
        return None
    registry = texts[ImagePart.REGISTRY] if ImagePart.REGISTRY in overlay.own_values else overlay.get_registry()[0]
    prefix = (
        "" if name.has_registry_host and ImagePart.REGISTRY not in overlay.own_values else registry.removesuffix("/")
    )
    reference = _parse_reference(prefix, str(name), texts[ImagePart.TAG], texts[ImagePart.DIGEST])
    if reference is None:
        return None
    path, locator = overlay.position
    first, *others = sorted({value.line_number for value in overlay.own_values.values()})
    return Reference(
        path=path,
        line_number=first,
        format=_FORMAT,
        locator=locator,
        written=str(reference),
        image=reference,
        role=Role.THIRD_PARTY,
        digest_slot=_NOT_EDITABLE,
        tag_slot=_NOT_EDITABLE,
        related_lines=tuple(others),
        notes=tuple(overlay.list_inherited_notes()),
    )


def _parse_reference(registry: str, name: str, tag: str, digest: str) -> ImageName | None:
    text = f"{registry}/{name}" if registry else name
    if tag:
        text += ("@" if parse_sha256(tag) else ":") + tag
    try:
        return ImageName.parse(f"{text}@{digest}" if digest else text)
    except InvalidReferenceError:
        return None


def _lock_inherited_digest(reference: Reference, notes: Sequence[str]) -> Reference:
    """Lock an image in a base file because overlays inherit its digest, but change other parts of the image.

    `notes` contains one sentence for each of these overlays, which names the overlay and the changed parts.
    """
    closed = lock_reference(reference, Reason.CONFLICTING_EDITS)
    if closed == reference:
        return reference
    others = len(notes) - MAX_NOTES
    more = [f"so would {others} other file{'s' * (others > 1)} of values"] if others > 0 else []
    return replace(closed, notes=(*reference.notes, *notes[:MAX_NOTES], *more))
