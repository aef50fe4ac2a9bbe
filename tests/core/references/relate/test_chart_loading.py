"""The search for charts that Helm loads together takes few steps, whatever the names of the charts."""

from __future__ import annotations

from collections.abc import Iterator

from support.steps import LINEAR

from bot.core.references.relate.chart_loading import MAX_DEPENDENCIES, ChartLoader
from bot.model.chart_facts import ChartDependency, ChartMetadata
from bot.model.source import FilePath


class VisitedFolders(list[str]):
    """A list that counts how many of its items are visited."""

    visits = 0

    def __iter__(self) -> Iterator[str]:
        for folder in super().__iter__():
            self.visits += 1
            yield folder


def _load_charts_of_same_name(number):
    dependencies = (ChartDependency("web", ""),)
    charts = [ChartMetadata(FilePath(f"{each:04}/Chart.yaml"), "web", dependencies) for each in range(number)]
    loader = ChartLoader((), charts)
    candidates = loader._folders_by_name["web"] = VisitedFolders(loader._folders_by_name["web"])
    loaded = {each: loader.list_loaded_charts(f"{each:04}") for each in range(number)}
    return loaded, candidates.visits


def test_work_grows_linearly_with_charts_that_depend_on_own_name():
    _, few = _load_charts_of_same_name(200)
    _, many = _load_charts_of_same_name(400)
    assert many <= LINEAR * few


def test_only_first_charts_with_name_of_dependency_are_loaded_up_to_limit():
    loaded, _ = _load_charts_of_same_name(200)
    nearest = [f"{each:04}" for each in range(MAX_DEPENDENCIES)]
    assert loaded[150] == ("0150", *nearest)
    assert loaded[0] == ("0000", *(f"{each:04}" for each in range(1, MAX_DEPENDENCIES + 1)))
