"""Formats search a path for words before they match its pattern. The words must not hide a path from the pattern."""

from __future__ import annotations

from importlib import import_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.formats import load_all_formats
from bot.formats._syntax.compose.file_names import _COMPOSE_FILE
from bot.formats._syntax.yaml.path_formats import YamlPathFormat
from bot.model.path_index import index_paths

FORMATS = {each.name: each for each in load_all_formats()}
PATTERNS = {
    "compose": _COMPOSE_FILE,
    **{each.name: each.path_pattern for each in FORMATS.values() if isinstance(each, YamlPathFormat)},
    **{
        name: import_module(f"bot.formats.{name.replace('-', '_')}").__dict__[pattern]
        for name, pattern in (
            *(("arm-template", "_FILE_NAME"), ("bake", "_FILE_NAME"), ("bazel", "_FILE_NAME")),
            *(("devcontainer", "_FILES"), ("jib", "_FILE_NAME"), ("kubernetes", "_JSON_FILE")),
            *(("quadlet", "_FILE_NAME"), ("skaffold", "_FILE_NAME")),
        )
    },
}
ASCII = st.characters(codec="ascii")


@pytest.mark.parametrize("name", PATTERNS)
@settings(max_examples=20)
@given(data=st.data())
def test_format_selects_every_path_that_matches_the_format_pattern(name, data):
    path = data.draw(st.from_regex(PATTERNS[name], fullmatch=True, alphabet=ASCII))
    assert list(FORMATS[name].select_paths(index_paths([path]))) == [path]


def test_path_with_several_words_of_a_format_is_selected_once():
    path = ".pipelines/azure-pipelines/.ado/azure-pipelines.yml"
    assert list(FORMATS["azure-pipelines"].select_paths(index_paths([path]))) == [path]


@pytest.mark.parametrize("name", ["Chart.yaml", "values.yaml", "Values-a.yml", "templates/a.tpl", "values/a.yaml"])
def test_helm_format_selects_the_files_of_a_chart(name):
    assert f"c/{name}" in FORMATS["helm"].select_paths(index_paths(["c/Chart.yaml", f"c/{name}"]))
    assert "c/MyChart.yaml" not in FORMATS["helm"].select_paths(index_paths(["c/Chart.yaml", "c/MyChart.yaml"]))
