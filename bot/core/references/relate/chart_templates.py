"""Tags in the values of Helm charts. The templates of a chart determine whether a digest may be appended to a tag.

A value such as `tag: 1.25@sha256:…` works if the templates write it only at the end of an image reference. It breaks
the chart if they also write it into a label. So this module traces how the templates use each value, including the
named templates that they include.

A *value path* is the list of keys that leads from a template's data to a value: `("Values", "image", "tag")`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from posixpath import basename, dirname

from bot.core.references.locking import unlock_allowed
from bot.core.references.relate.chart_loading import SUBCHARTS, ChartLoader
from bot.model.cross_file import ChartMetadata, ChartTemplate, CrossFileFact, TemplateInclusion, ValuePath, ValueUse
from bot.model.extracted_item import ExtractedReferences
from bot.model.source import EditSlot, FilePath, NotEditable, Occurrence, Span
from bot.model.vocabulary import Reason

MAX_INCLUSIONS = 20_000
"""Limit for the templates that are followed for one chart, once for each distinct input. Large charts need some
hundreds. Beyond the limit, the use of the chart's values counts as unknown."""
MAX_TREE_PATHS = 2_000_000
"""Limit for the value paths that are followed in all charts of a tree, which takes about 15 seconds. The 118 charts of
a large public repository need 400,000. Beyond the limit, the use of all values of the remaining charts counts as
unknown."""
MAX_VALUE_PATHS = 200
"""Limit for the value paths in the input of one template."""
MAX_KEYS = 40
"""Limit for the keys on the path from the top of a chart to the input of a template."""
MAX_SUBCHARTS = 20
"""Limit for the nesting depth of subcharts."""

_FORMAT = "helm"
_TEMPLATES = "/templates/"
_VALUES = "Values"
_ITEM = "*"
_OTHER_USES = {ValueUse.OTHER, ValueUse.BEHIND_ALGORITHM}
_GLOBAL = "global"
"""The key of the values that a chart shares with its subcharts."""
_LIBRARY = "common."
"""Prefix of a template library that most charts by Bitnami, and many others, include as a dependency. Templates pass
the values to it as named arguments, next to the context
(https://github.com/bitnami/charts/tree/main/bitnami/common)."""
_LIBRARY_IMAGE = "common.images.image"
_ValuePathUse = tuple[ValuePath, ValueUse]
_UNKNOWN_USE: frozenset[_ValuePathUse] = frozenset({((), ValueUse.UNKNOWN)})


def unlock_templated_digests(references: ExtractedReferences, facts: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Unlock the digest of each chart image if the templates use its tag only at the end of image references.

    An unlocked digest can be appended to the tag. In these cases, the digest stays locked:

    - If the templates use the tag anywhere else, for example in a label, the reason for the lock becomes
      `tag-is-label`.
    - If they do not use the tag, or the use cannot be determined, the reason stays `chart-unknown`.

    A separate digest value is locked if the templates write it after a literal `sha256:`. Such a value must not contain
    the algorithm, and basebump does not support digests of this form.
    """
    templates = [fact for fact in facts if isinstance(fact, ChartTemplate)]
    if not templates:
        return references
    values: dict[_ChartDigestBytes, set[str]] = defaultdict(set)
    for reference in references:
        if isinstance(reference, Occurrence) and _is_decided_by_chart(reference):
            values[_get_digest_bytes(reference)] |= set(reference.variables)
    charts = _build_index(_TemplateFacts((*templates, *(fact for fact in facts if isinstance(fact, ChartMetadata)))))
    return tuple(
        _apply_uses(reference, charts, values[_get_digest_bytes(reference)])
        if isinstance(reference, Occurrence) and _is_decided_by_chart(reference)
        else reference
        for reference in references
    )


class _TemplateFacts:
    """The templates and the metadata of all charts in a tree, compared by the identity of the single facts."""

    def __init__(self, facts: tuple[ChartTemplate | ChartMetadata, ...]) -> None:
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
    )


_ChartDigestBytes = tuple[FilePath, Span | None]


def _get_digest_bytes(occurrence: Occurrence) -> _ChartDigestBytes:
    """Return the file and the byte range of the digest.

    The result is equal for references whose digest is written in the same bytes, because they share a YAML anchor.
    """
    slot = occurrence.digest_slot.slot if isinstance(occurrence.digest_slot, NotEditable) else occurrence.digest_slot
    return occurrence.path, slot.span if slot is not None else None


def _is_decided_by_chart(occurrence: Occurrence) -> bool:
    """Return True if the chart's templates determine whether the digest can be edited.

    This is the case if the image is in chart values, and the digest is editable or locked with the reason
    `chart-unknown`.
    """
    can_be_decided = (
        isinstance(occurrence.digest_slot, EditSlot) or occurrence.digest_slot.reason is Reason.CHART_UNKNOWN
    )
    return can_be_decided and occurrence.format == _FORMAT and bool(occurrence.variables)


def _apply_uses(occurrence: Occurrence, charts: _TemplateIndex, values: Collection[str]) -> Occurrence:
    """Lock or unlock the digest of a chart image, depending on how the templates use the values of the image.

    - If a template writes a separate digest value after a literal `sha256:`, the digest is locked.
    - If the templates use all values of the image only in image references, a locked digest is unlocked.
    - If the templates use a value of the image anywhere else, a locked digest gets the reason `tag-is-label`.
    - An image outside a chart is returned unchanged.

    `values` contains the dotted paths of the image's values, such as `image.tag`. If several images share a YAML
    anchor, `values` contains the paths of all of them.
    """
    chart = charts.find_chart(occurrence.path)
    if chart is None:
        return occurrence
    uses = [charts.get_uses(chart, value) for value in values]
    if isinstance(occurrence.digest_slot, EditSlot):
        is_without_algorithm = any(ValueUse.BEHIND_ALGORITHM in each for each in uses)
        return (
            replace(occurrence, digest_slot=NotEditable(Reason.UNSUPPORTED_DIGEST))
            if is_without_algorithm
            else occurrence
        )
    if any(each & _OTHER_USES for each in uses):
        return replace(occurrence, digest_slot=NotEditable(Reason.TAG_IS_LABEL))
    return (
        unlock_allowed(occurrence, {Reason.CHART_UNKNOWN})
        if all(each == {ValueUse.IMAGE} for each in uses)
        else occurrence
    )


class _TemplateIndex:
    """The templates of all charts in a tree. Finds the uses of a chart's values in them."""

    def __init__(self, templates: Sequence[ChartTemplate], metadata: Sequence[ChartMetadata]) -> None:
        self._templates: dict[str, list[ChartTemplate]] = defaultdict(list)
        """Templates that are not named, by chart."""
        self._named_templates: dict[tuple[str, str], list[ChartTemplate]] = defaultdict(list)
        """Named templates by outermost chart and name."""
        self._subcharts: dict[str, list[str]] = defaultdict(list)
        self._value_uses: dict[str, _ValueUses] = {}
        self._path_counter = _PathCounter()
        for template in templates:
            for folder in _list_chart_folders(template.path):
                self._templates[folder] += [] if template.template else [template]
        self._loader = ChartLoader(self._templates, metadata)
        for template in templates:
            for outermost in {self._loader.get_outermost(folder) for folder in _list_chart_folders(template.path)}:
                self._named_templates[outermost, template.template].append(template)
        for folder in self._templates:
            if basename(dirname(folder)) == SUBCHARTS:
                self._subcharts[dirname(dirname(folder))].append(folder)
        for template in templates:
            chart = None if _TEMPLATES in f"/{template.path}" else self.find_chart(template.path)
            if chart is not None:  # a values file whose values contain templates
                self._templates[chart].append(template)

    def find_chart(self, path: FilePath) -> str | None:
        """Return the folder of the chart to which a values file belongs, or None if it does not belong to a chart.

        This is the nearest parent folder that contains templates. The search stops at a folder named `charts`, because
        the folders in it are charts of their own.
        """
        folder = dirname(path)
        while folder not in self._templates:
            if not folder or basename(folder) == SUBCHARTS:
                return None
            folder = dirname(folder)
        return folder

    def _find_definitions(self, chart: str, name: str) -> Sequence[ChartTemplate]:
        """Return the definitions of the template `name` that the templates of a chart can include.

        Definitions in the same outermost chart take precedence over those in its dependencies.
        """
        loaded = self._loader.list_loaded_charts(self._loader.get_outermost(chart))
        return next((found for each in loaded if (found := self._named_templates.get((each, name)))), ())

    def get_uses(self, chart: str, value: str) -> set[ValueUse]:
        """Return how the templates of the chart and of its subcharts use a value of the chart.

        `chart` is the folder of the chart, and `value` is the dotted path of the value, such as `image.tag`.
        """
        if chart not in self._value_uses:
            self._value_uses[chart] = _ValueUses()
            for path, use in self._list_uses(chart, 0):
                self._value_uses[chart].add_use(path, use)
        return self._value_uses[chart].get_uses(value.split("."))

    def _list_uses(self, chart: str, depth: int) -> Iterator[_ValuePathUse]:
        yield from _collect_uses(self._templates[chart], partial(self._find_definitions, chart), self._path_counter)
        if depth == MAX_SUBCHARTS:
            yield from _UNKNOWN_USE
            return
        for subchart in self._subcharts.get(chart, ()):
            for path, use in self._list_uses(subchart, depth + 1):
                is_subchart_value = path[:1] == (_VALUES,) and path[1:2] != (_GLOBAL,)
                yield (_VALUES, basename(subchart), *path[1:]) if is_subchart_value or not path else path, use


def _list_chart_folders(path: FilePath) -> Iterator[str]:
    """Yield each folder that may be the chart to which a template belongs.

    For `web/templates/a/templates/b.yaml`, these are `web` and `web/templates/a`.
    """
    whole = f"/{path}"
    at = whole.find(_TEMPLATES)
    while at >= 0:
        yield whole[1:at]
        at = whole.find(_TEMPLATES, at + 1)


@dataclass(slots=True)
class _ValueUses:
    """How templates use one chart value, such as `image`, and the values below it, such as `image.tag`.

    `children` contains one object for each key below this value, such as `tag`. The objects form a tree.
    """

    children: dict[str, _ValueUses] = field(default_factory=dict)
    direct_uses: set[ValueUse] = field(default_factory=set)

    def add_use(self, value_path: ValuePath, use: ValueUse) -> None:
        if value_path[:1] not in {(), (_VALUES,)} or use is ValueUse.CONDITION:
            return  # the path is metadata of the chart, release or cluster, or the value is only tested
        values = self
        for key in value_path[1:]:
            values = values.children.setdefault(key, _ValueUses())
        values.direct_uses.add(use)

    def get_uses(self, keys: Sequence[str]) -> set[ValueUse]:
        """Return the uses of the value that is reached by `keys`, such as `("image", "tag")`.

        The uses of its parents are included, because a template that uses all of `image` may use `image.tag`. If the
        use of a parent is IMAGE (the end of an image reference), it is returned as UNKNOWN, because the parent is a
        mapping and cannot be written into an image reference.
        """
        found: set[ValueUse] = {ValueUse.UNKNOWN} if self.direct_uses else set()
        nodes = [self]
        for number, key in enumerate(keys, start=1):
            nodes = [values.children[each] for values in nodes for each in (key, _ITEM) if each in values.children]
            uses = {use for values in nodes for use in values.direct_uses}
            is_parent_image = number < len(keys) and ValueUse.IMAGE in uses  # a mapping cannot be an image reference
            found |= uses - {ValueUse.IMAGE} | {ValueUse.UNKNOWN} if is_parent_image else uses
        return found


@dataclass(frozen=True, slots=True)
class _TemplateInput:
    """The data that is passed to an included template: the paths of the chart values that the data may contain.

    For example, `include "a" .Values.web` passes the value at the path `("Values", "web")`, so `value_paths` contains
    this path. `include "a" (dict "image" .Values.web)` passes the same value under the name `image`, so `named_paths`
    contains the path together with this name.
    """

    value_paths: frozenset[ValuePath] = frozenset({()})
    named_paths: tuple[tuple[str, frozenset[ValuePath]], ...] = ()

    @property
    def path_count(self) -> int:
        """The number of paths, which is at least 1."""
        return 1 + len(self.value_paths) + sum(len(paths) for _, paths in self.named_paths)

    @property
    def is_too_large(self) -> bool:
        paths = self.value_paths.union(*dict(self.named_paths).values())
        return len(paths) > MAX_VALUE_PATHS or any(len(path) > MAX_KEYS for path in paths)

    def resolve_path(self, value_path: ValuePath) -> frozenset[ValuePath]:
        """Return the paths of all chart values to which `value_path`, a path in the template's data, may refer.

        For example, if the template was included with `.Values.web`, the path `("tag",)` refers to `("Values", "web",
        "tag")`.
        """
        named = {key: paths for key, paths in self.named_paths if not value_path or value_path[0] in {key, _ITEM}}
        inside = frozenset[ValuePath]().union(*named.values())
        return frozenset(
            {(*each, *value_path) for each in self.value_paths} | {(*each, *value_path[1:]) for each in inside}
        )

    def build_inclusion_input(self, inclusion: TemplateInclusion) -> _TemplateInput:
        """Return the data that this template passes to another template when it includes it.

        `self` is the data that was passed to this template.
        """
        named = tuple((key, self._resolve_paths(paths)) for key, paths in inclusion.named_arguments)
        return _TemplateInput(self._resolve_paths(inclusion.argument_paths), named)

    def _resolve_paths(self, value_paths: Iterable[ValuePath]) -> frozenset[ValuePath]:
        return frozenset(found for path in value_paths for found in self.resolve_path(path))


@dataclass(slots=True)
class _PathCounter:
    """Counts the value paths that are followed in all charts of a tree."""

    followed_paths: int = 0

    @property
    def is_exceeded(self) -> bool:
        return self.followed_paths > MAX_TREE_PATHS


def _collect_uses(
    templates: Iterable[ChartTemplate],
    find_definitions: Callable[[str], Sequence[ChartTemplate]],
    path_counter: _PathCounter,
) -> frozenset[_ValuePathUse]:
    """Return how `templates`, and all templates that they include, use the chart's values.

    `find_definitions` returns the templates with a given name. If the templates include too many others
    (MAX_INCLUSIONS), if the data of a template has too many paths, or if all charts of the tree together have too many,
    the result states that the use of all values is unknown.
    """
    uses: set[_ValuePathUse] = set()
    pending = [(template, _TemplateInput(), ValueUse.OTHER) for template in templates]
    visited: set[tuple[int, _TemplateInput, ValueUse]] = set()
    while pending:
        template, template_input, purpose = pending.pop()
        if (id(template), template_input, purpose) in visited:
            continue
        visited.add((id(template), template_input, purpose))
        path_counter.followed_paths += (1 + len(template.uses)) * template_input.path_count
        if len(visited) > MAX_INCLUSIONS or template_input.is_too_large or path_counter.is_exceeded:
            return _UNKNOWN_USE
        for source, use in template.uses:
            effect = purpose if use is ValueUse.END else use
            if not isinstance(source, TemplateInclusion):
                uses.update((path, effect) for path in template_input.resolve_path(source))
            elif included_templates := find_definitions(source.template):
                pending += [(each, template_input.build_inclusion_input(source), effect) for each in included_templates]
            else:
                uses |= _assume_external_uses(source.template, template_input.build_inclusion_input(source), effect)
    return frozenset(uses)


def _assume_external_uses(template: str, template_input: _TemplateInput, effect: ValueUse) -> frozenset[_ValuePathUse]:
    """Return how a template that is not in the tree is assumed to use the chart values that are passed to it.

    - The template `common.images.image` of the library `common` writes an image reference that ends with the tag of
      `imageRoot`.
    - All other templates of this library are assumed to use the values outside of image references.
    - For all other templates, the use is unknown.

    `effect` states how the template that includes `template` uses the output. For example, it is IMAGE if the output
    becomes the end of an image reference.
    """
    named_paths = dict(template_input.named_paths)
    if template == _LIBRARY_IMAGE:
        return frozenset(((*path, "tag"), effect) for path in named_paths.get("imageRoot", ()))
    value_paths = template_input.value_paths.union(*named_paths.values())
    if template.startswith(_LIBRARY):
        return frozenset((path, ValueUse.OTHER) for path in value_paths if path)
    return frozenset((path, ValueUse.UNKNOWN) for path in value_paths)
