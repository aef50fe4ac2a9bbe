"""Tags in Helm values: a chart's templates say whether a digest may stand behind them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from posixpath import basename, dirname

from bot.core.places.closing import allow
from bot.model.found import Places
from bot.model.remark import ChartTemplate, Inclusion, Remark, ValueUse, Way
from bot.model.source import Closed, FilePath, Occurrence, Slot, Span
from bot.model.vocabulary import Reason

MAX_INCLUSIONS = 20_000
"""Templates gone into for one chart, each once for all that it may be given; large charts need some hundreds. Beyond it
nothing is known of the chart's values."""
MAX_WAYS = 200
"""What one template may be given at one place."""
MAX_KEYS = 40
"""From the top of a chart to what a template is given."""
MAX_SUBCHARTS = 20
"""Charts inside charts inside charts."""

_FORMAT = "helm"
_TEMPLATES = "/templates/"
_SUBCHARTS = "charts"
_ANYWHERE = "/"
"""The folder of no chart."""
_VALUES = "Values"
_ITEM = "*"
_OTHER_USES = {ValueUse.OTHER, ValueUse.BEHIND_ALGORITHM}
_GLOBAL = "global"
"""The values under it are the same for a chart and those inside it."""
_LIBRARY = "common."
"""The library of templates that most charts of Bitnami, and many others, bring from elsewhere; what it is given beside
the context is written out (https://github.com/bitnami/charts/tree/main/bitnami/common)."""
_LIBRARY_IMAGE = "common.images.image"
_Use = tuple[Way, ValueUse]
_ANYTHING: frozenset[_Use] = frozenset({((), ValueUse.UNKNOWN)})


def open_what_templates_take(places: Places, remarks: Sequence[Remark]) -> Places:
    """Open every digest behind a tag that its chart's templates use to end references of images, and for nothing else.

    What they use otherwise, too, is `tag-is-label`. What they do not use, or nobody can follow, stays as it is. A place
    for a digest that they write behind `sha256:` is closed: it takes what no registry calls a digest.
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
    """Return where the digest would be written: the values of an anchor and of its aliases have it in common."""
    slot = place.digest.slot if isinstance(place.digest, Closed) else place.digest
    return place.path, slot.span if slot is not None else None


def _asks_its_chart(place: Occurrence) -> bool:
    """Say whether there is a value that a digest would go to, and none that something else forbids."""
    is_asking = isinstance(place.digest, Slot) or place.digest.reason is Reason.CHART_UNKNOWN
    return is_asking and place.format == _FORMAT and bool(place.variables)


def _judged(place: Occurrence, charts: _Charts, values: Collection[str]) -> Occurrence:
    """Open or close a place whose bytes are those of all `values`."""
    chart = charts.of(place.path)
    if chart is None:
        return place
    uses = [charts.uses(chart, value) for value in values]
    if isinstance(place.digest, Slot):
        is_half = any(ValueUse.BEHIND_ALGORITHM in each for each in uses)
        return replace(place, digest=Closed(Reason.UNSUPPORTED_DIGEST)) if is_half else place
    if any(each & _OTHER_USES for each in uses):
        return replace(place, digest=Closed(Reason.TAG_IS_LABEL))
    return allow(place, {Reason.CHART_UNKNOWN}) if all(each == {ValueUse.IMAGE} for each in uses) else place


class _Charts:
    """The charts of a tree, by their folders."""

    def __init__(self, templates: Sequence[ChartTemplate]) -> None:
        self._templates: dict[str, list[ChartTemplate]] = defaultdict(list)
        """What the files of each chart render themselves."""
        self._defined: dict[tuple[str, str], list[ChartTemplate]] = defaultdict(list)
        """By the chart and their name; and for charts that bring them from elsewhere in the tree, by the name alone."""
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
            if chart is not None:  # values with templates in them
                self._templates[chart].append(template)

    def of(self, path: FilePath) -> str | None:
        """Return the chart that a file of values is for: the nearest folder with templates, not beyond `charts/`."""
        folder = dirname(path)
        while folder not in self._templates:
            if not folder or basename(folder) == _SUBCHARTS:
                return None
            folder = dirname(folder)
        return folder

    def _definitions(self, chart: str, name: str) -> Sequence[ChartTemplate]:
        return self._defined.get((chart, name), ()) or self._defined.get((_ANYWHERE, name), ())

    def uses(self, chart: str, value: str) -> set[ValueUse]:
        """Return what a chart, and those inside it, do with a value."""
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
    """Yield every folder whose `templates/` a file is in."""
    whole = f"/{path}"
    at = whole.find(_TEMPLATES)
    while at >= 0:
        yield whole[1:at]
        at = whole.find(_TEMPLATES, at + 1)


@dataclass(slots=True)
class _Values:
    """What is done with the values of a chart, by their keys."""

    inside: dict[str, _Values] = field(default_factory=dict)
    direct: set[ValueUse] = field(default_factory=set)

    def note(self, way: Way, use: ValueUse) -> None:
        if way[:1] not in {(), (_VALUES,)} or use is ValueUse.CONDITION:
            return  # of the chart, the release, the cluster; or no more than asked for
        values = self
        for key in way[1:]:
            values = values.inside.setdefault(key, _Values())
        values.direct.add(use)

    def uses(self, keys: Sequence[str]) -> set[ValueUse]:
        """Return what is done with the value under `keys`, by itself or as a part of what it is in."""
        found: set[ValueUse] = {ValueUse.UNKNOWN} if self.direct else set()
        around = [self]
        for number, key in enumerate(keys, start=1):
            around = [values.inside[each] for values in around for each in (key, _ITEM) if each in values.inside]
            uses = {use for values in around for use in values.direct}
            is_whole = number < len(keys) and ValueUse.IMAGE in uses  # a mapping is no reference
            found |= uses - {ValueUse.IMAGE} | {ValueUse.UNKNOWN} if is_whole else uses
        return found


@dataclass(frozen=True, slots=True)
class _Given:
    """What a template is given, from the top of the chart."""

    ways: frozenset[Way] = frozenset({()})
    named: tuple[tuple[str, frozenset[Way]], ...] = ()

    @property
    def is_too_much(self) -> bool:
        ways = self.ways.union(*dict(self.named).values())
        return len(ways) > MAX_WAYS or any(len(way) > MAX_KEYS for way in ways)

    def at(self, way: Way) -> frozenset[Way]:
        """Return what `way` leads to from here."""
        named = {key: ways for key, ways in self.named if not way or way[0] in {key, _ITEM}}
        inside = frozenset[Way]().union(*named.values())
        return frozenset({(*each, *way) for each in self.ways} | {(*each, *way[1:]) for each in inside})

    def inner(self, inclusion: Inclusion) -> _Given:
        """Return what the template that is included is given."""
        named = tuple((key, self._all_at(ways)) for key, ways in inclusion.named)
        return _Given(self._all_at(inclusion.given), named)

    def _all_at(self, ways: Iterable[Way]) -> frozenset[Way]:
        return frozenset(found for way in ways for found in self.at(way))


def _followed(
    templates: Iterable[ChartTemplate], definitions: Callable[[str], Sequence[ChartTemplate]]
) -> frozenset[_Use]:
    """Return what `templates` do with what is at the top of their chart, and what they include with it."""
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
            if not isinstance(source, Inclusion):
                uses.update((way, effect) for way in given.at(source))
            elif included := definitions(source.template):
                pending += [(each, given.inner(source), effect) for each in included]
            else:
                uses |= _done_elsewhere(source.template, given.inner(source), effect)
    return frozenset(uses)


def _done_elsewhere(template: str, given: _Given, effect: ValueUse) -> frozenset[_Use]:
    """Return what a template does that is not in this tree."""
    named = dict(given.named)
    if template == _LIBRARY_IMAGE:
        return frozenset(((*way, "tag"), effect) for way in named.get("imageRoot", ()))
    ways = given.ways.union(*named.values())
    if template.startswith(_LIBRARY):
        return frozenset((way, ValueUse.OTHER) for way in ways if way)
    return frozenset((way, ValueUse.UNKNOWN) for way in ways)
