"""Helm charts: the images in values files, and how the chart's templates use the values."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from bot.model.extracted_item import ExtractedItem
from bot.model.source import FilePath, SourceFile
from bot.ports import FileFormat

_CHART_METADATA = "Chart.yaml"
"""The name of the file that makes a folder a chart."""
_TEMPLATE = re.compile(r"(?:.+/)?templates/.+\.(?:ya?ml|tpl|txt)", re.DOTALL)
_TEMPLATES_FOLDER = re.compile(r"(?:(?<=/)|\A)templates/")
_VALUES = re.compile(r"(?:.+/)?(?:[^/]*values[^/]*|values/[^/]+)\.ya?ml", re.DOTALL | re.IGNORECASE)
_VALUES_FOLDER = re.compile(r"(?:(?<=/)|\A)(?:ci|values)/[^/]+\Z")
"""Folders below a `Chart.yaml` that contain values files. chart-testing keeps its values in `ci/`."""


class _HelmFormat:
    name = "helm"
    has_line_end_comments = True

    def select_paths(self, paths: Collection[FilePath]) -> Iterable[FilePath]:
        charts = {path.removesuffix(_CHART_METADATA) for path in paths if path.rpartition("/")[2] == _CHART_METADATA}
        return [
            path
            for path in paths
            if path.rpartition("/")[2] == _CHART_METADATA or not charts.isdisjoint(_list_chart_folders(path))
        ]

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        if _TEMPLATE.fullmatch(file.path):
            from bot.formats._syntax.helm.templates import read_chart_template

            return read_chart_template(file.path, file.content)
        from bot.formats._readers.helm import read, read_metadata

        return read_metadata(file) if file.path.rpartition("/")[2] == _CHART_METADATA else read(file)


def _list_chart_folders(path: FilePath) -> Iterator[str]:
    """Yield the folders that may be the chart to which `path`, a template or values file, belongs.

    Each folder ends with `/`. There may be several: `a/templates/b/templates/c.yaml` is a template of the chart in `a/`
    or in `a/templates/b/`. Yield nothing if `path` has neither the name of a template nor the name of a values file.
    """
    if _TEMPLATE.fullmatch(path):
        yield from (path[: folder.start()] for folder in _TEMPLATES_FOLDER.finditer(path))
    elif _VALUES.fullmatch(path):
        yield path[: path.rfind("/") + 1]
        yield from (path[: below.start()] for below in _VALUES_FOLDER.finditer(path))


FORMAT: FileFormat = _HelmFormat()
