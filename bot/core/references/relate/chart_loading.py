"""Find the charts that Helm loads together, and whose templates can include each other.

Helm loads a chart, the charts in its `charts/` folder, and the charts that it declares as dependencies. All of them
share one set of named templates (https://helm.sh/docs/chart_template_guide/named_templates/). Any other chart of the
same repository has no effect, even if it defines a template with the same name.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from posixpath import basename, join, normpath

from bot.core.references.relate.folders import get_folder
from bot.model.chart_facts import ChartDependency, ChartMetadata

SUBCHARTS = "charts"
"""The folder of a chart that contains copies of other charts."""
MAX_DEPENDENCIES = 50
"""Limit for the charts that one chart depends on, directly or through other charts, in the same repository."""
_LOCAL_REPOSITORY = "file://"


def get_parent_chart(folder: str) -> str | None:
    """Return the folder of the chart that contains a chart in its `charts/` folder, or None if there is none."""
    parent, _, name = get_folder(folder).rpartition("/")
    return parent if name == SUBCHARTS else None


class ChartLoader:
    """Finds the charts that Helm loads together. A chart is identified by its folder."""

    def __init__(self, folders: Iterable[str], metadata: Sequence[ChartMetadata]) -> None:
        """Take the folders that contain templates, and the content of all `Chart.yaml` files."""
        self._folders = {*folders, *(get_folder(chart.path) for chart in metadata)}
        self._folders_by_name: dict[str, list[str]] = defaultdict(list)
        """Outermost charts only, because Helm does not load a copy in the `charts/` folder of another chart."""
        self._dependencies: dict[str, list[ChartDependency]] = defaultdict(list)
        """The dependencies of each outermost chart and of all charts in it."""
        self._outermost: dict[str, str] = {}
        self._loaded_charts: dict[str, Sequence[str]] = {}
        self._direct_dependencies: dict[str, Sequence[str]] = {}
        for chart in metadata:
            folder = get_folder(chart.path)
            outermost = self.get_outermost(folder)
            if outermost == folder:
                self._folders_by_name[chart.name or basename(folder)].append(folder)
            self._dependencies[outermost] += [_normalise_dependency(folder, each) for each in chart.dependencies]

    def get_outermost(self, folder: str) -> str:
        """Return the outermost chart around a chart. For `web/charts/db/charts/lib`, this is `web` if `web` is a chart.

        A chart that is not in the `charts/` folder of another chart is returned unchanged.
        """
        if folder not in self._outermost:
            self._outermost[folder] = self._find_outermost(folder)
        return self._outermost[folder]

    def _find_outermost(self, folder: str) -> str:
        outermost = folder
        parent = get_parent_chart(folder)
        while parent is not None:
            outermost = parent if parent in self._folders else outermost
            parent = get_parent_chart(parent)
        return outermost

    def list_loaded_charts(self, outermost: str) -> Sequence[str]:
        """Return an outermost chart and the outermost charts that it depends on, the nearest dependencies first."""
        if outermost not in self._loaded_charts:
            self._loaded_charts[outermost] = tuple(islice(self._find_loaded_charts(outermost), MAX_DEPENDENCIES + 1))
        return self._loaded_charts[outermost]

    def _find_loaded_charts(self, outermost: str) -> Iterator[str]:
        """Yield each chart once, in the order of `list_loaded_charts`, as long as the caller asks for more."""
        found = {outermost}
        pending = deque([outermost])
        while pending:
            chart = pending.popleft()
            yield chart
            new_charts = [folder for folder in self._list_direct_dependencies(chart) if folder not in found]
            found.update(new_charts)
            pending += new_charts

    def _list_direct_dependencies(self, chart: str) -> Sequence[str]:
        """Return the outermost charts that an outermost chart itself depends on, at most MAX_DEPENDENCIES + 1.

        Many charts can have the same name and depend on that name. Each of them would otherwise visit all others.
        """
        if chart not in self._direct_dependencies:
            folders = (
                folder
                for dependency in dict.fromkeys(self._dependencies.get(chart, ()))
                for folder in islice(self._find_charts(dependency), MAX_DEPENDENCIES + 1)
            )
            distinct: dict[str, None] = {}
            for folder in folders:
                distinct[folder] = None
                if len(distinct) > MAX_DEPENDENCIES:
                    break
            self._direct_dependencies[chart] = tuple(distinct)
        return self._direct_dependencies[chart]

    def _find_charts(self, dependency: ChartDependency) -> Sequence[str]:
        """Return the charts of this repository that a dependency may mean; empty if it is not in this repository."""
        if dependency.repository.startswith(_LOCAL_REPOSITORY):
            folder = dependency.repository.removeprefix(_LOCAL_REPOSITORY)
            return [self.get_outermost(folder)] if folder in self._folders else []
        return self._folders_by_name.get(dependency.name, ())


def _normalise_dependency(folder: str, dependency: ChartDependency) -> ChartDependency:
    """Return an equal value for all dependencies on the same chart. `folder` is the chart that has the dependency.

    A `file://` path is made relative to the root of the git repository. Any other URL of a chart repository is removed,
    because only the name can show that the chart is also in the git repository.
    """
    if not dependency.repository.startswith(_LOCAL_REPOSITORY):
        return replace(dependency, repository="")
    target = normpath(join(folder, dependency.repository.removeprefix(_LOCAL_REPOSITORY)))
    return replace(dependency, repository=f"{_LOCAL_REPOSITORY}{'' if target == '.' else target}")
