"""Tags in the values of Helm charts. The templates of a chart determine whether a digest may be appended to a tag.

A value such as `tag: 1.25@sha256:…` works if the templates write it only at the end of an image reference. It breaks
the chart if they also write it into a label. So this module traces how the templates use each value, including the
named templates that they include.

A *value path* is the list of keys that leads from a template's data to a value: `("Values", "image", "tag")`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from posixpath import basename, join

from bot.core.references.chart_names import ANY_KEY, NO_NAME, ResolvedName, are_names_of_image
from bot.core.references.locking import unlock_allowed
from bot.core.references.relate.chart_loading import ChartLoader, get_parent_chart
from bot.core.references.relate.folders import get_folder
from bot.core.references.relate.template_uses import UNKNOWN_USE, VALUES, NamedUse, PathCounter, collect_uses
from bot.core.references.relate.values_folders import ValuesFolders
from bot.model.chart_facts import ChartMetadata, ChartTemplate, ChartValue, ValuePath, ValuesFileUse, ValueUse
from bot.model.cross_file import CrossFileFact
from bot.model.extracted_item import ExtractedReferences
from bot.model.image_name import is_tag
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, Span
from bot.model.vocabulary import Reason

MAX_SUBCHARTS = 20
"""Limit for the nesting depth of subcharts."""

_FORMAT = "helm"
_TEMPLATES = "/templates/"
_OTHER_USES = {ValueUse.OTHER, ValueUse.OTHER_IMAGE, ValueUse.BEHIND_ALGORITHM}
_IMAGE_USES = {ValueUse.IMAGE, ValueUse.IMAGE_OR_APP_VERSION}
_GLOBAL = "global"
"""The key of the values that a chart shares with its subcharts."""


def unlock_templated_digests(references: ExtractedReferences, facts: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Unlock the digest of each chart image if the templates use its tag only at the end of image references.

    An unlocked digest can be appended to the tag. In these cases, the digest stays locked:

    - If the templates use the tag anywhere else, for example in a label, the reason for the lock becomes
      `tag-is-label`.
    - If they do not use the tag, or the use cannot be determined, the reason stays `chart-unknown`.

    A separate digest value is locked if the templates write it after a literal `sha256:`. Such a value must not contain
    the algorithm, and basebump does not support digests of this form.

    An image without a tag gets the `appVersion` of the chart as its tag if the templates do the same. Its digest is
    then unlocked if it is a separate value.
    """
    templates = [fact for fact in facts if isinstance(fact, ChartTemplate)]
    decided = {
        number: reference
        for number, reference in enumerate(references)
        if isinstance(reference, Reference) and _is_decided_by_chart(reference)
    }
    if not templates or not decided:
        return references
    sharing: dict[_ChartDigestBytes, list[Reference]] = defaultdict(list)
    for reference in decided.values():
        sharing[_get_digest_bytes(reference)].append(reference)
    others = (fact for fact in facts if isinstance(fact, ChartMetadata | ValuesFileUse))
    index = _build_index(_TemplateFacts((*templates, *others)))
    charts = _ChartUses(index, _find_empty_values([fact for fact in facts if isinstance(fact, ChartValue)], index))
    related = list(references)
    for number, reference in decided.items():
        related[number] = _apply_uses(reference, charts, sharing[_get_digest_bytes(reference)])
    return tuple(related)


class _TemplateFacts:
    """The templates, metadata and values files of all charts in a tree, compared by the identity of the facts."""

    def __init__(self, facts: tuple[ChartTemplate | ChartMetadata | ValuesFileUse, ...]) -> None:
        self.facts = facts

    def __hash__(self) -> int:
        return hash(tuple(map(id, self.facts)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _TemplateFacts) and list(map(id, self.facts)) == list(map(id, other.facts))


@lru_cache(maxsize=8)
def _build_index(template_facts: _TemplateFacts) -> _TemplateIndex:
    """Return the index of the templates.

    Each proposal relates the references of the tree again to verify its edits, and hardly any edit changes templates.
    So the index is kept, because the analysis of the templates takes nearly all the time.
    """
    facts = template_facts.facts
    return _TemplateIndex(
        [fact for fact in facts if isinstance(fact, ChartTemplate)],
        [fact for fact in facts if isinstance(fact, ChartMetadata)],
        ValuesFolders(facts),
    )


_ChartDigestBytes = tuple[FilePath, Span | None]


def _get_digest_bytes(reference: Reference) -> _ChartDigestBytes:
    """Return the file and the byte range of the digest.

    The result is equal for references whose digest is written in the same bytes, because they share a YAML anchor.
    """
    slot = reference.digest_slot.slot if isinstance(reference.digest_slot, NotEditable) else reference.digest_slot
    return reference.path, slot.span if slot is not None else None


def _is_decided_by_chart(reference: Reference) -> bool:
    """Return True if the chart's templates determine whether the digest can be edited.

    This is the case if the image is in chart values, and the digest is editable or locked with the reason
    `chart-unknown`. It is also the case if the image has no tag.
    """
    return (
        reference.format == _FORMAT
        and bool(reference.variables)
        and (
            isinstance(reference.digest_slot, EditSlot)
            or reference.digest_slot.reason is Reason.CHART_UNKNOWN
            or reference.image.tag is None
        )
    )


def _apply_uses(reference: Reference, charts: _ChartUses, sharing: Collection[Reference]) -> Reference:
    """Lock or unlock the digest of a chart image, depending on how the templates use the values of the image.

    - If a template writes a separate digest value after a literal `sha256:`, the digest is locked.
    - If a template writes a separate digest value after the name of another image, the digest is locked.
    - If the templates use all values of the image only in image references, a locked digest is unlocked.
    - If the templates use a value of the image anywhere else, a locked digest gets the reason `tag-is-label`.
    - An image outside a chart is returned unchanged.
    - If an image has no tag, see `_follow_app_version`.

    `sharing` contains the images whose digest is written in the same bytes, because they share a YAML anchor. It
    contains `reference` itself.
    """
    chart = charts.index.find_chart(reference.path)
    if chart is None:
        return reference
    if reference.image.tag is None and isinstance(reference.digest_slot, NotEditable):
        return _follow_app_version(reference, charts, chart)
    uses = [charts.get_image_uses(chart, value, each) for each in sharing for value in each.variables]
    if isinstance(reference.digest_slot, EditSlot):
        if any(ValueUse.BEHIND_ALGORITHM in each for each in uses):
            return replace(reference, digest_slot=NotEditable(Reason.UNSUPPORTED_DIGEST))
        is_for_other_name = any(ValueUse.OTHER_IMAGE in each for each in uses)
        return replace(reference, digest_slot=NotEditable(Reason.TAG_IS_LABEL)) if is_for_other_name else reference
    if any(each & _OTHER_USES for each in uses):
        return replace(reference, digest_slot=NotEditable(Reason.TAG_IS_LABEL))
    return (
        unlock_allowed(reference, {Reason.CHART_UNKNOWN})
        if all(each and each <= _IMAGE_USES for each in uses)
        else reference
    )


def _follow_app_version(reference: Reference, charts: _ChartUses, chart: str) -> Reference:
    """Set the tag of an untagged image to the chart's `appVersion` if all templates that write the tag do the same.

    If the chart has a separate value for the digest, the digest can then be edited, unless it is locked for another
    reason than the missing tag. Without such a value, the digest cannot be edited, and the reason is `composed-tag`.

    The first element of `reference.variables` is the path of the tag. If there is a second element, it is the path of
    the digest.
    """
    tag_value, *digest_values = reference.variables
    version = charts.index.get_app_version(chart)
    tag_uses = charts.get_image_uses(chart, tag_value, reference)
    if not is_tag(version) or tag_uses != {ValueUse.IMAGE_OR_APP_VERSION}:
        return reference
    note = f"the tag is the appVersion in {join(chart, 'Chart.yaml')}"
    image = replace(reference.image, tag=version)
    reference = replace(reference, image=image, notes=(*reference.notes, note))
    locked = reference.digest_slot
    if not isinstance(locked, NotEditable) or locked.reason is not Reason.NO_TAG:
        return reference
    if locked.slot is None:
        return replace(reference, digest_slot=NotEditable(Reason.COMPOSED_TAG))
    digest_uses = {use for value in digest_values for use in charts.get_image_uses(chart, value, reference)}
    if ValueUse.BEHIND_ALGORITHM in digest_uses:
        return replace(reference, digest_slot=NotEditable(Reason.UNSUPPORTED_DIGEST))
    if ValueUse.OTHER_IMAGE in digest_uses:
        return replace(reference, digest_slot=NotEditable(Reason.TAG_IS_LABEL))
    return unlock_allowed(reference, {Reason.NO_TAG})


@dataclass(frozen=True, slots=True)
class _ChartUses:
    """Finds how the templates of charts use the values of an image."""

    index: _TemplateIndex
    empty_values: Mapping[str, Collection[ValuePath]]
    """The empty values of each chart that may be parts of image names. Templates often write an empty prefix."""

    def get_image_uses(self, chart: str, value: str, image: Reference) -> set[ValueUse]:
        """Return how the templates of the chart and of its subcharts use a value that belongs to `image`.

        If they write the value after another name than that of `image`, the result includes OTHER_IMAGE. `chart` is
        the folder of the chart, and `value` is the dotted path of the value, such as `image.tag`.
        """
        found = self.index.get_uses(chart, value)
        empty_values = self.empty_values.get(chart, ())
        names = [
            frozenset(part for part in name if any(source not in empty_values for source in part)) or name
            for use, name in found
            if use in _IMAGE_USES
        ]
        return {use for use, _ in found} | (set() if are_names_of_image(names, image) else {ValueUse.OTHER_IMAGE})


def _find_empty_values(values: Sequence[ChartValue], index: _TemplateIndex) -> dict[str, set[ValuePath]]:
    """Return the values of each chart that are empty in all values files of the chart that contain them."""
    empty_values: dict[str, set[ValuePath]] = defaultdict(set)
    for value in sorted(values, key=lambda each: each.text == "", reverse=True):
        chart = index.find_chart(value.path)
        path = (VALUES, *value.locator.split("/")[1:])
        if chart is not None:
            (empty_values[chart].discard if value.text else empty_values[chart].add)(path)
    return empty_values


class _TemplateIndex:
    """The templates of all charts in a tree. Finds the uses of a chart's values in them."""

    def __init__(
        self, templates: Sequence[ChartTemplate], metadata: Sequence[ChartMetadata], values_folders: ValuesFolders
    ) -> None:
        self._values_folders = values_folders
        self._templates: dict[str, list[ChartTemplate]] = defaultdict(list)
        """The templates outside of every `define`, by chart."""
        self._named_templates: dict[tuple[str, str], list[ChartTemplate]] = defaultdict(list)
        """The templates in a `define`, by outermost chart and name."""
        self._subcharts: dict[str, list[str]] = defaultdict(list)
        self._value_uses: dict[str, _ValueUses] = {}
        self._path_counter = PathCounter()
        folders = {template.path: tuple(_list_chart_folders(template.path)) for template in templates}
        for template in templates:
            for folder in folders[template.path]:
                self._templates[folder] += [] if template.template else [template]
        self._app_versions = {get_folder(each.path): each.app_version for each in metadata}
        self._loader = ChartLoader(self._templates, metadata)
        for template in templates:
            for outermost in {self._loader.get_outermost(folder) for folder in folders[template.path]}:
                self._named_templates[outermost, template.template].append(template)
        for folder in self._templates:
            parent = get_parent_chart(folder)
            if parent is not None:
                self._subcharts[parent].append(folder)
        for template in templates:
            chart = None if folders[template.path] else self.find_chart(template.path)
            if chart is not None:  # a values file whose values contain templates
                self._templates[chart].append(template)

    def find_chart(self, path: FilePath) -> str | None:
        """Return the folder of the chart to which a values file belongs, or None if it does not belong to a chart.

        The folder of a chart contains templates. The values file is directly in it, in its folder `ci` or `values`, or
        another file passes the values file to the chart.
        """
        folders = self._values_folders.list_folders(path)
        return next((folder for folder in folders if folder in self._templates), None)

    def get_app_version(self, chart: str) -> str:
        """Return the `appVersion` of the chart in the folder `chart`; empty if it has none or if it is unknown."""
        return self._app_versions.get(chart, "")

    def _find_definitions(self, loaded: Sequence[str], name: str) -> Sequence[ChartTemplate]:
        """Return the definitions of the template `name` that the templates of a chart can include.

        `loaded` are the outermost charts that Helm loads together with the chart, in the order of their precedence.
        """
        return next((found for each in loaded if (found := self._named_templates.get((each, name)))), ())

    def get_uses(self, chart: str, value: str) -> set[NamedUse]:
        """Return how the templates of the chart and of its subcharts use a value of the chart.

        `chart` is the folder of the chart, and `value` is the dotted path of the value, such as `image.tag`.
        """
        if chart not in self._value_uses:
            self._value_uses[chart] = _ValueUses(self._list_uses(chart, 0), 1)
        return self._value_uses[chart].get_uses(value.split("."))

    def _list_uses(self, chart: str, depth: int) -> Iterator[tuple[NamedUse, Iterable[ValuePath]]]:
        loaded = self._loader.list_loaded_charts(self._loader.get_outermost(chart))
        found = collect_uses(self._templates[chart], partial(self._find_definitions, loaded), self._path_counter)
        yield from found.items()
        if depth == MAX_SUBCHARTS:
            yield from UNKNOWN_USE.items()
            return
        for subchart in self._subcharts.get(chart, ()):
            for (use, name), paths in self._list_uses(subchart, depth + 1):
                use = ValueUse.IMAGE if use is ValueUse.IMAGE_OR_APP_VERSION else use  # noqa: PLW2901  (its own version)
                yield (use, _prefix_name(name, subchart)), [_prefix_path(path, subchart) for path in paths]


def _prefix_name(name: ResolvedName, subchart: str) -> ResolvedName:
    """Convert the paths of values in a name as `_prefix_path` does."""
    return frozenset(
        frozenset(each if isinstance(each, str) else _prefix_path(each, subchart) for each in part) for part in name
    )


def _prefix_path(path: ValuePath, subchart: str) -> ValuePath:
    """Convert the path of a value in a subchart to its path in the chart around it."""
    is_subchart_value = path[:1] == (VALUES,) and path[1:2] != (_GLOBAL,)
    return (VALUES, basename(subchart), *path[1:]) if is_subchart_value or not path else path


def _list_chart_folders(path: FilePath) -> Iterator[str]:
    """Yield each folder that may be the chart to which a template belongs.

    For `web/templates/a/templates/b.yaml`, these are `web` and `web/templates/a`.
    """
    whole = f"/{path}"
    at = whole.find(_TEMPLATES)
    while at >= 0:
        yield whole[1:at]
        at = whole.find(_TEMPLATES, at + 1)


class _ValueUses:
    """How templates use one chart value, such as `image`, and the values below it, such as `image.tag`.

    The objects form a tree. Those for the values below a value are created when one of these values is looked up,
    because most values of a chart do not belong to images.
    """

    def __init__(self, uses: Iterable[tuple[NamedUse, Iterable[ValuePath]]], depth: int) -> None:
        """Take the uses of this value and of the values below it, and the number of keys on the path of this value.

        The path of all values of a chart is `("Values",)`, so its depth is 1.
        """
        self.direct_uses: set[NamedUse] = set()
        self._depth = depth
        self._children: dict[str, _ValueUses] = {}
        self._inner_uses: dict[str, list[tuple[NamedUse, list[ValuePath]]]] = defaultdict(list)
        """The uses of the values that are not yet in `_children`, by the key below this value."""
        for use, paths in uses:
            inner_paths: dict[str, list[ValuePath]] = defaultdict(list)
            for path in paths:
                if len(path) > depth:
                    inner_paths[path[depth]].append(path)
                else:
                    self.direct_uses.add(use)
            for key, each in inner_paths.items():
                self._inner_uses[key].append((use, each))

    def get_uses(self, keys: Sequence[str]) -> set[NamedUse]:
        """Return the uses of the value that is reached by `keys`, such as `("image", "tag")`.

        Each use comes with the name of the image before the value, if the value is the end of an image reference.

        The uses of its parents are included, because a template that uses all of `image` may use `image.tag`. If the
        use of a parent is IMAGE (the end of an image reference), it is returned as UNKNOWN, because the parent is a
        mapping and cannot be written into an image reference.
        """
        unknown = ValueUse.UNKNOWN, NO_NAME
        found: set[NamedUse] = {unknown} if self.direct_uses else set()
        nodes = [self]
        for number, key in enumerate(keys, start=1):
            nodes = [child for values in nodes for child in values.list_children(key)]
            is_parent = number < len(keys)
            for each in (each for values in nodes for each in values.direct_uses):
                found.add(unknown if is_parent and each[0] in _IMAGE_USES else each)
        return found

    def list_children(self, key: str) -> Iterator[_ValueUses]:
        """Yield the uses of the values with the given key, and of those with any key, directly below this value."""
        for each in {key, ANY_KEY}:
            if each in self._inner_uses:
                self._children[each] = _ValueUses(self._inner_uses.pop(each), self._depth + 1)
            if each in self._children:
                yield self._children[each]
