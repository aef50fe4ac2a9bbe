"""The charts to which values files belong, according to their folders and to the files that name them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from bot.core.references.relate.folders import list_values_folders
from bot.model.chart_facts import ValuesFileUse
from bot.model.cross_file import CrossFileFact
from bot.model.source import FilePath


class ValuesFolders:
    """Finds the folders of the charts to which a values file may belong."""

    def __init__(self, facts: Iterable[CrossFileFact]) -> None:
        """Take the facts of the whole tree. A file that is passed to several charts belongs to none of them."""
        charts: dict[FilePath, set[FilePath | None]] = defaultdict(set)
        for fact in facts:
            if isinstance(fact, ValuesFileUse):
                charts[fact.values_path].add(fact.chart)
        self._charts = {path: chart for path, (chart, *others) in charts.items() if not others and chart is not None}

    def list_folders(self, path: FilePath) -> tuple[str, ...]:
        """Return the folders around a values file, and then the chart to which another file passes it."""
        folders = list_values_folders(path)
        chart = self._charts.get(path)
        return folders if chart is None or chart in folders else (*folders, chart)
