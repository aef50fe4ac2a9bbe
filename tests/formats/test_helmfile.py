"""Helmfiles: the values files that they pass to the charts of their releases, whatever templates they contain."""

from __future__ import annotations

import pytest

from bot.formats._syntax.helm.actions import MAX_ACTIONS
from bot.formats.helm import FORMAT
from bot.model.chart_facts import ValuesFileUse
from bot.model.path_index import index_paths
from bot.model.source import FilePath, SourceFile

RELEASES = "releases:\n- name: web\n  chart: ../charts/web\n  values:\n"


def read(text, path="deploy/helmfile.yaml"):
    """Return the values files with the charts to which the helmfile passes them. It yields nothing else."""
    items = list(FORMAT.extract(SourceFile(FilePath(path), text.encode())))
    assert all(isinstance(each, ValuesFileUse) and each.path == path for each in items)
    return [(each.values_path, each.chart) for each in items]


@pytest.mark.parametrize(
    "path",
    [
        "helmfile.yaml",
        "a/helmfile.yml",
        "helmfile-prod.yaml",
        "helmfile.yaml.gotmpl",
        "helmfile.d/web.yaml",
        "helmfile.d/a.yml.gotmpl",
    ],
)
def test_helm_format_selects_helmfiles_by_path(path):
    assert list(FORMAT.select_paths(index_paths([FilePath(path)]))) == [path]


@pytest.mark.parametrize("path", ["helmfile.md", "helmfile.d/bin/web.yaml", "helmfile.d", "my-helmfile.yaml"])
def test_helm_format_selects_no_files_resembling_helmfiles(path):
    assert list(FORMAT.select_paths(index_paths([FilePath(path)]))) == []


def test_file_named_helmfile_values_is_read_as_values_file():
    found = list(FORMAT.extract(SourceFile(FilePath("helmfile-values.yaml"), b"image: nginx:1.27\n")))
    assert [type(each).__name__ for each in found][:1] == ["Reference"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{RELEASES}  - web.yaml\n", [("deploy/web.yaml", "charts/web")]),
        (f"{RELEASES}  - web.yaml\n".replace("\n", "\r\n"), [("deploy/web.yaml", "charts/web")]),
        (f"{RELEASES}  - replicas: 2\n  - 7\n  - ''\n  - [web.yaml]\n", []),
        (f"{RELEASES}  - ../../web.yaml\n  - /etc/web.yaml\n", []),
        (f"{RELEASES}  - a.yaml\n".replace("../charts/web", "acme/web"), [("deploy/a.yaml", None)]),
        (
            f"environments: {{}}\n---\n{{{{ if .a }}}}\n{RELEASES}  - a.yaml\n{{{{- end }}}}\n",
            [("deploy/a.yaml", "charts/web")],
        ),
        (
            f"{RELEASES}  - {{{{ .a }}}}/web.yaml\n  - a.yaml {{{{/* b */}}}}\n",
            [],
        ),
        (f"{RELEASES}  - web.yaml\n  - {{{{ open\n", []),
        ("releases: values\n", []),
        (f"{RELEASES}{'  - {{ a }}' * (MAX_ACTIONS + 1)}\n  - web.yaml\n", []),
    ],
)
def test_values_files_and_charts_are_read_from_helmfile_releases(text, expected):
    assert read(text) == expected
