"""Helm charts: the images in values files, and how the templates of charts use the values."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from posixpath import dirname

from bot.core.references.relate.folders import list_values_folders
from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile
from bot.ports import FileFormat

_CHART_METADATA = "Chart.yaml"
"""The name of the file that makes a folder a chart."""
_TEMPLATE = re.compile(r"(?:.+/)?templates/.+\.(?:ya?ml|tpl|txt)", re.DOTALL)
_TEMPLATES_FOLDER = re.compile(r"(?<![^/])templates/")
_VALUES = re.compile(r"(?:.+/)?(?:[^/]*values[^/]*|values/[^/]+)\.ya?ml", re.DOTALL | re.IGNORECASE)
_OTHER_FILE = re.compile(
    r"(?:.*/)?(?:\..+|(?:docker-)?compose[^/]*|docker-stack[^/]*|skaffold[^/]*|[^/]*(?:azure-pipelines|cloudbuild)[^/]*)",
    re.DOTALL | re.IGNORECASE,
)
"""Files outside of charts with names that other formats read, such as files of CI systems in hidden folders."""
_HELMFILE = re.compile(r"(?:.*/)?(?:helmfile[^/]*|helmfile\.d/[^/]+)\.ya?ml(?:\.gotmpl)?", re.DOTALL)
"""Files that helmfile reads by default. They name the values files of releases."""


class _HelmFormat:
    name = "helm"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        charts = {dirname(path) for path in paths.list_named(_CHART_METADATA)}
        candidates = paths.list_containing("chart.yaml", "templates/", "values", "values/", "helmfile", "helmfile.d/")
        return [path for path in candidates if _is_selected(path, charts)]

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        if _TEMPLATE.fullmatch(file.path):
            from bot.formats._syntax.helm.templates import read_chart_template

            return read_chart_template(file.path, file.content)
        if _is_helmfile(file.path):
            from bot.formats._readers.helmfile import read_helmfile

            return read_helmfile(file)
        from bot.formats._readers.helm import read, read_metadata

        return read_metadata(file) if file.path.rpartition("/")[2] == _CHART_METADATA else read(file)


class _NamedValuesFormat:
    """Reads any file as a values file. It selects no files, because other files name the files that it reads."""

    name = _HelmFormat.name
    has_line_end_comments = _HelmFormat.has_line_end_comments

    def select_paths(self, _paths: PathIndex) -> Iterable[FilePath]:
        return ()

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        from bot.formats._readers.helm import read

        return read(file)


def _is_selected(path: FilePath, charts: Collection[str]) -> bool:
    """Return True if `path` is a `Chart.yaml`, a template, a helmfile, or a values file in or outside of a chart.

    `charts` are the folders of all charts. `a/templates/b/templates/c.yaml` is a template of the chart in `a` or in
    `a/templates/b`.
    """
    # Searching for a word is much faster than matching a pattern, which most paths do not match.
    if "templates/" in path and _TEMPLATE.fullmatch(path):
        return any(path[: each.start()].removesuffix("/") in charts for each in _TEMPLATES_FOLDER.finditer(path))
    if "values" in path.lower() and _VALUES.fullmatch(path):
        return not _OTHER_FILE.fullmatch(path) or any(folder in charts for folder in list_values_folders(path))
    if "helmfile" in path and _is_helmfile(path):
        return True
    return path.endswith(_CHART_METADATA) and path.rpartition("/")[2] == _CHART_METADATA


def _is_helmfile(path: FilePath) -> bool:
    return _HELMFILE.fullmatch(path) is not None and _VALUES.fullmatch(path) is None


FORMAT: FileFormat = _HelmFormat()
NAMED_VALUES_FORMAT: FileFormat = _NamedValuesFormat()
"""Reads the values files that other files name, whatever the names of the values files are."""
