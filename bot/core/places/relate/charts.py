"""Tags in Helm values: the templates of a chart determine whether a digest may follow them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from posixpath import basename, dirname

from bot.core.places.closing import allow
from bot.model.found import ExtractedReferences
from bot.model.remark import ChartTemplate, CrossFileFact, TemplateInclusion, ValuePath, ValueUse
from bot.model.source import EditSlot, FilePath, NotEditable, Occurrence, Span
from bot.model.vocabulary import Reason

MAX_INCLUSIONS = 20_000
"""Templates to follow for one chart, once for each input; large charts need some hundreds. Beyond this limit the use of
the chart's values is unknown."""
MAX_WAYS = 200
"""Value paths in the input of one template."""
MAX_KEYS = 40
"""Keys from the top of a chart to the input of a template."""
MAX_SUBCHARTS = 20
"""Nesting depth of subcharts."""

_FORMAT = "helm"
_TEMPLATES = "/templates/"
_SUBCHARTS = "charts"
_ANYWHERE = "/"
"""The key of the templates of all charts; it is not the folder of any chart."""
_VALUES = "Values"
_ITEM = "*"
_OTHER_USES = {ValueUse.OTHER, ValueUse.BEHIND_ALGORITHM}
_GLOBAL = "global"
"""The key of values that a chart shares with its subcharts."""
_LIBRARY = "common."
"""Prefix of a template library that most charts by Bitnami, and many others, include as a dependency. Templates name
the values that they pass to it in addition to the context (https://github.com/bitnami/charts/tree/main/bitnami/common)."""
_LIBRARY_IMAGE = "common.images.image"
_Use = tuple[ValuePath, ValueUse]
_ANYTHING: frozenset[_Use] = frozenset({((), ValueUse.UNKNOWN)})


def open_what_templates_take(places: ExtractedReferences, remarks: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Unlock each digest after a tag that templates of its chart use at the end of image references only.

    If they use the tag otherwise as well, the reason becomes `tag-is-label`. If they do not use it, or its use cannot
    be followed, the reason stays. A digest that templates write after `sha256:` is locked, because its value has no
    algorithm, and no registry uses such digests.
    """
    templates = [remark for remark in remarks if isinstance(remark, ChartTemplate)]
    if not templates:
        return places
    values: dict[_Bytes, set[str]] = defaultdict(set)
    for place in places:
        if isinstance(place, Occurrence) and _asks_its_chart(place):
            values[_bytes_of(place)] |= set(place.variables)
    charts = _Charts(templates)
    return tuple(
        _judged(place, charts, values[_bytes_of(place)])
        if isinstance(place, Occurrence) and _asks_its_chart(place)
        else place
        for place in places
    )


_Bytes = tuple[FilePath, Span | None]


def _bytes_of(place: Occurrence) -> _Bytes:
    """Return the bytes of the digest; the values of a YAML anchor and its aliases share them."""
    slot = place.digest_slot.slot if isinstance(place.digest_slot, NotEditable) else place.digest_slot
    return place.path, slot.span if slot is not None else None


def _asks_its_chart(place: Occurrence) -> bool:
    """Return True if the chart decides on the digest: it has a value for it, and no other reason locks it."""
    is_asking = isinstance(place.digest_slot, EditSlot) or place.digest_slot.reason is Reason.CHART_UNKNOWN
    return is_asking and place.format == _FORMAT and bool(place.variables)


def _judged(place: Occurrence, charts: _Charts, values: Collection[str]) -> Occurrence:
    """Lock or unlock an occurrence whose bytes are shared by all `values`."""
    chart = charts.of(place.path)
    if chart is None:
        return place
    uses = [charts.uses(chart, value) for value in values]
    if isinstance(place.digest_slot, EditSlot):
        is_half = any(ValueUse.BEHIND_ALGORITHM in each for each in uses)
        return replace(place, digest_slot=NotEditable(Reason.UNSUPPORTED_DIGEST)) if is_half else place
    if any(each & _OTHER_USES for each in uses):
        return replace(place, digest_slot=NotEditable(Reason.TAG_IS_LABEL))
    return allow(place, {Reason.CHART_UNKNOWN}) if all(each == {ValueUse.IMAGE} for each in uses) else place


class _Charts:
    """The templates of all charts in a tree, by the folder of the chart."""

    def __init__(self, templates: Sequence[ChartTemplate]) -> None:
        self._templates: dict[str, list[ChartTemplate]] = defaultdict(list)
        """Top-level templates by chart."""
        self._defined: dict[tuple[str, str], list[ChartTemplate]] = defaultdict(list)
        """Named templates by chart and name; and by name alone, for charts that include them from elsewhere."""
        self._subcharts: dict[str, list[str]] = defaultdict(list)
        self._known: dict[str, _Values] = {}
        for template in templates:
            for folder in _chart_folders(template.path):
                self._templates[folder] += [] if template.template else [template]
                self._defined[folder, template.template].append(template)
            self._defined[_ANYWHERE, template.template].append(template)
        for folder in self._templates:
            if basename(dirname(folder)) == _SUBCHARTS:
                self._subcharts[dirname(dirname(folder))].append(folder)
        for template in templates:
            chart = None if _TEMPLATES in f"/{template.path}" else self.of(template.path)
            if chart is not None:  # values that contain templates
                self._templates[chart].append(template)

    def of(self, path: FilePath) -> str | None:
        """Return the chart of a values file: the nearest parent folder with templates, not beyond `charts/`."""
        folder = dirname(path)
        while folder not in self._templates:
            if not folder or basename(folder) == _SUBCHARTS:
                return None
            folder = dirname(folder)
        return folder

    def _definitions(self, chart: str, name: str) -> Sequence[ChartTemplate]:
        return self._defined.get((chart, name), ()) or self._defined.get((_ANYWHERE, name), ())

    def uses(self, chart: str, value: str) -> set[ValueUse]:
        """Return the uses of a value in a chart and its subcharts."""
        if chart not in self._known:
            self._known[chart] = _Values()
            for way, use in self._uses(chart, 0):
                self._known[chart].note(way, use)
        return self._known[chart].uses(value.split("."))

    def _uses(self, chart: str, depth: int) -> Iterator[_Use]:
        yield from _followed(self._templates[chart], partial(self._definitions, chart))
        if depth == MAX_SUBCHARTS:
            yield from _ANYTHING
            return
        for subchart in self._subcharts.get(chart, ()):
            for way, use in self._uses(subchart, depth + 1):
                is_inside = way[:1] == (_VALUES,) and way[1:2] != (_GLOBAL,)
                yield (_VALUES, basename(subchart), *way[1:]) if is_inside or not way else way, use


def _chart_folders(path: FilePath) -> Iterator[str]:
    """Yield each folder that has a `templates/` folder around the file."""
    whole = f"/{path}"
    at = whole.find(_TEMPLATES)
    while at >= 0:
        yield whole[1:at]
        at = whole.find(_TEMPLATES, at + 1)


@dataclass(slots=True)
class _Values:
    """The uses of a chart's values, as a tree of keys."""

    inside: dict[str, _Values] = field(default_factory=dict)
    direct: set[ValueUse] = field(default_factory=set)

    def note(self, way: ValuePath, use: ValueUse) -> None:
        if way[:1] not in {(), (_VALUES,)} or use is ValueUse.CONDITION:
            return  # not a value but metadata of chart, release or cluster; or only a condition
        values = self
        for key in way[1:]:
            values = values.inside.setdefault(key, _Values())
        values.direct.add(use)

    def uses(self, keys: Sequence[str]) -> set[ValueUse]:
        """Return the uses of the value under `keys`, direct ones and those of its parents."""
        found: set[ValueUse] = {ValueUse.UNKNOWN} if self.direct else set()
        around = [self]
        for number, key in enumerate(keys, start=1):
            around = [values.inside[each] for values in around for each in (key, _ITEM) if each in values.inside]
            uses = {use for values in around for use in values.direct}
            is_whole = number < len(keys) and ValueUse.IMAGE in uses  # a mapping cannot be a reference
            found |= uses - {ValueUse.IMAGE} | {ValueUse.UNKNOWN} if is_whole else uses
        return found


@dataclass(frozen=True, slots=True)
class _Given:
    """The input of a template, as paths from the top of the chart's context."""

    ways: frozenset[ValuePath] = frozenset({()})
    named: tuple[tuple[str, frozenset[ValuePath]], ...] = ()

    @property
    def is_too_much(self) -> bool:
        ways = self.ways.union(*dict(self.named).values())
        return len(ways) > MAX_WAYS or any(len(way) > MAX_KEYS for way in ways)

    def at(self, way: ValuePath) -> frozenset[ValuePath]:
        """Return the paths that a path in the template leads to, from the top of the chart."""
        named = {key: ways for key, ways in self.named if not way or way[0] in {key, _ITEM}}
        inside = frozenset[ValuePath]().union(*named.values())
        return frozenset({(*each, *way) for each in self.ways} | {(*each, *way[1:]) for each in inside})

    def inner(self, inclusion: TemplateInclusion) -> _Given:
        """Return the input of an included template."""
        named = tuple((key, self._all_at(ways)) for key, ways in inclusion.named_arguments)
        return _Given(self._all_at(inclusion.argument_paths), named)

    def _all_at(self, ways: Iterable[ValuePath]) -> frozenset[ValuePath]:
        return frozenset(found for way in ways for found in self.at(way))


def _followed(
    templates: Iterable[ChartTemplate], definitions: Callable[[str], Sequence[ChartTemplate]]
) -> frozenset[_Use]:
    """Return the uses of the chart's context by `templates` and all templates that they include."""
    uses: set[_Use] = set()
    pending = [(template, _Given(), ValueUse.OTHER) for template in templates]
    seen: set[tuple[int, _Given, ValueUse]] = set()
    while pending:
        template, given, purpose = pending.pop()
        if (id(template), given, purpose) in seen:
            continue
        seen.add((id(template), given, purpose))
        if len(seen) > MAX_INCLUSIONS or given.is_too_much:
            return _ANYTHING
        for source, use in template.uses:
            effect = purpose if use is ValueUse.END else use
            if not isinstance(source, TemplateInclusion):
                uses.update((way, effect) for way in given.at(source))
            elif included := definitions(source.template):
                pending += [(each, given.inner(source), effect) for each in included]
            else:
                uses |= _done_elsewhere(source.template, given.inner(source), effect)
    return frozenset(uses)


def _done_elsewhere(template: str, given: _Given, effect: ValueUse) -> frozenset[_Use]:
    """Return the uses by a template that is not in this tree."""
    named = dict(given.named)
    if template == _LIBRARY_IMAGE:
        return frozenset(((*way, "tag"), effect) for way in named.get("imageRoot", ()))
    ways = given.ways.union(*named.values())
    if template.startswith(_LIBRARY):
        return frozenset((way, ValueUse.OTHER) for way in ways if way)
    return frozenset((way, ValueUse.UNKNOWN) for way in ways)
