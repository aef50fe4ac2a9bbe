"""A path index returns the same paths as a search of all paths."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.model.path_index import index_paths

PARTS = st.sampled_from(["a", "A.yaml", "b.YAML", ".env", "Dockerfile", "ci.d", "\u0130\u0130", "x\ny", "\n", ""])
PATHS = st.lists(st.lists(PARTS, min_size=1, max_size=4).map("/".join), max_size=20, unique=True)
WORDS = ["a", "dockerfile", ".env", "yaml", "x", "i", "ci.d/", "a/", ".d/", "\u0307/"]


@settings(max_examples=100)
@given(paths=PATHS, words=st.lists(st.sampled_from(WORDS), max_size=3))
def test_path_index_finds_words_in_folders_and_file_names_in_any_case(paths, words):
    expected = set()
    for path in paths:
        folder, slash, name = path.lower().rpartition("/")
        expected |= {path for word in words if word in (folder + slash if word.endswith("/") else name)}
    found = list(index_paths(paths).list_containing(*words))
    assert (len(found), set(found)) == (len(expected), expected)


@settings(max_examples=50)
@given(paths=PATHS)
def test_path_index_finds_paths_by_file_name_and_ending(paths):
    index = index_paths(paths)
    names = {path: path.rpartition("/")[2] for path in paths}
    assert set(index.list_named("Dockerfile", "a")) == {path for path in paths if names[path] in {"Dockerfile", "a"}}
    assert set(index.list_ending(".yaml", ".env")) == {path for path in paths if path.endswith((".yaml", ".env"))}
    assert set(index.list_ending("Dockerfile")) == {path for path in paths if names[path] == "Dockerfile"}
    yaml_files = {path for path in paths if path.lower().endswith(".yaml")}
    assert set(index.list_ending_in_any_case(".yaml")) == yaml_files


def test_path_index_returns_existing_paths_in_requested_order():
    assert index_paths(["a", "b/c", "d"]).list_existing("d", "c", "a") == ["d", "a"]
