"""Values that are laid over those of a chart: an image that names no registry there has the one of the chart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from posixpath import dirname, join

from bot.core.closing import close
from bot.model.errors import InvalidReferenceError
from bot.model.reference import ImageReference
from bot.model.remark import ChartRegistry, Places, Remark
from bot.model.source import FilePath, Occurrence
from bot.model.vocabulary import Reason

_FORMAT = "helm"
_MAIN = ("values.yaml", "values.yml")


def inherit_registries(places: Places, remarks: Sequence[Remark]) -> Places:
    """Give images of other files of values the registry that the chart's own file has for them apart from their names.

    Without it they would mean images on Docker Hub. Where the chart may put another before it, they are closed.
    """
    registries = {(each.path, each.locator): each for each in remarks if isinstance(each, ChartRegistry)}
    if not registries:
        return places
    return tuple(
        _inherited(place, found)
        if isinstance(place, Occurrence)
        and place.format == _FORMAT
        and not place.reference.names_a_registry
        and (found := next((registries[key] for key in _keys(place) if key in registries), None)) is not None
        else place
        for place in places
    )


def _keys(place: Occurrence) -> Iterator[tuple[FilePath, str]]:
    """Yield where the chart's own values would have the same image: files laid over them are beside or below them."""
    folder = dirname(place.path)
    for chart in (folder, dirname(folder)) if folder else (folder,):
        yield from ((FilePath(join(chart, name)), place.locator) for name in _MAIN)


def _inherited(place: Occurrence, found: ChartRegistry) -> Occurrence:
    reference = place.reference
    try:
        whole = ImageReference.parse(f"{found.registry}/{reference}")
    except InvalidReferenceError:
        return close(place, Reason.CHART_UNKNOWN)
    inherited = replace(place, reference=whole)
    return inherited if found.is_certain else close(inherited, Reason.CHART_UNKNOWN)
