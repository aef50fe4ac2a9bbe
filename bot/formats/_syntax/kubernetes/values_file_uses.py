"""Find the values files that objects of Argo CD and Flux and kustomizations pass to Helm charts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.core.references.tree_paths import resolve_in_tree
from bot.formats._syntax.kubernetes.object_texts import find_texts, resolve_from_root
from bot.formats._syntax.yaml.nodes import ALL_ITEMS, KeyPath, YamlDocument, YamlNode
from bot.model.chart_facts import ValuesFileUse
from bot.model.source import FilePath

_PACKAGED_CHARTS = "HelmRepository"
"""The kind of a source of Flux that contains packaged charts. The values files of such a chart are in the package."""
_DEFAULT_CHART_HOME = "charts"
_RELEASE_FIELDS: tuple[KeyPath, ...] = (("valuesFiles", ALL_ITEMS), ("valuesFile",))
_CHART_FIELDS: tuple[KeyPath, ...] = (("valuesFile",), ("additionalValuesFiles", ALL_ITEMS))
_GENERATORS: tuple[KeyPath, ...] = (
    ("configMapGenerator", ALL_ITEMS, "files", ALL_ITEMS),
    ("secretGenerator", ALL_ITEMS, "files", ALL_ITEMS),
)
_VALUES_ENDINGS = (".yaml", ".yml")


def list_release_uses(document: YamlDocument, node: YamlNode, path: FilePath) -> Iterator[ValuesFileUse]:
    """Yield each values file that a HelmRelease of Flux names, if the tree contains the file.

    Raises TooDeepError if the document's nodes are visited more than MAX_VISITS times.

    The paths of these files are relative to the root of the source
    (https://fluxcd.io/flux/components/helm/helmreleases/#values-files).
    """
    for _, chart_spec in document.walk(node, ("spec", "chart", "spec"), ""):
        if _PACKAGED_CHARTS in find_texts(document, chart_spec, ("sourceRef", "kind")):
            continue
        chart = resolve_from_root(next(find_texts(document, chart_spec, ("chart",)), ""))
        for key_path in _RELEASE_FIELDS:
            for text in find_texts(document, chart_spec, key_path):
                yield from _make_use(path, resolve_from_root(text), chart)


def list_application_uses(
    document: YamlDocument, sources: Sequence[YamlNode], path: FilePath
) -> Iterator[ValuesFileUse]:
    """Yield the values files in the tree that an Application of Argo CD names.

    Raises TooDeepError if the document's nodes are visited more than MAX_VISITS times.

    A file is relative to the folder of the chart, or to the root of its repository if it starts with a slash. A file
    that starts with `$NAME/` is in the source with this name, which may be another repository than the repository of
    the chart (https://argo-cd.readthedocs.io/en/stable/user-guide/helm/#values-files). Files and folders whose paths
    contain templates are left out.

    Args:
        document: The document with the Application.
        sources: The sources of the Application.
        path: The path of the file with the Application.
    """
    repositories = {
        name: document.get_string(source, "repoURL")
        for source in sources
        for name in find_texts(document, source, ("ref",))
    }
    for source in sources:
        is_packaged = document.get_string(source, "chart") is not None
        folder = None if is_packaged else resolve_from_root(document.get_string(source, "path") or "")
        for text in find_texts(document, source, ("helm", "valueFiles", ALL_ITEMS)):
            first, _, rest = text.partition("/")
            if first.startswith("$"):
                is_same = repositories.get(first[1:], "") == document.get_string(source, "repoURL")
                yield from _make_use(path, resolve_from_root(rest), folder if is_same else None)
            elif not first:
                yield from _make_use(path, resolve_from_root(rest), folder)
            elif folder is not None:
                yield from _make_use(path, resolve_from_root(f"{folder}/{text}"), folder)


def list_kustomization_uses(document: YamlDocument, path: FilePath) -> Iterator[ValuesFileUse]:
    """Yield the values files in the tree that a kustomization names.

    Raises TooDeepError if the document's nodes are visited more than MAX_VISITS times.

    These are the values files of the charts that the kustomization renders, and files that it stores as `values.yaml`
    in a ConfigMap or a Secret. A HelmRelease reads its values from such an object.
    """
    homes = find_texts(document, document.root, ("helmGlobals", "chartHome"))
    home = next(homes, _DEFAULT_CHART_HOME)
    for _, chart_node in document.walk(document.root, ("helmCharts", ALL_ITEMS), ""):
        chart = resolve_in_tree(path, home, document.get_string(chart_node, "name") or "")
        for key_path in _CHART_FIELDS:
            for text in find_texts(document, chart_node, key_path):
                yield from _make_use(path, resolve_in_tree(path, text), chart)
    for key_path in _GENERATORS:
        for text in find_texts(document, document.root, key_path):
            name, _, stored_path = text.partition("=")
            if stored_path and _is_values_key(name.lower()):
                yield from _make_use(path, resolve_in_tree(path, stored_path), None)


def _is_values_key(name: str) -> bool:
    """Return True if a HelmRelease probably reads values from the key `name` of a ConfigMap, such as `values.yaml`."""
    return name.endswith(_VALUES_ENDINGS) and "values" in name and "/" not in name


def _make_use(path: FilePath, values_path: FilePath | None, chart: FilePath | None) -> Iterator[ValuesFileUse]:
    """Yield the fact that the file at `path` names a values file, unless the values file is not in the tree."""
    if values_path:
        yield ValuesFileUse(path, values_path, chart)
