"""CODEOWNERS files, and the owners that they assign to image references."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values import reference

from bot.core.budgets import TreeBudget, WorkLimitError
from bot.core.references.relate.code_owners import assign_owners
from bot.formats.codeowners import FORMAT
from bot.model.path_index import index_paths
from bot.model.source import FilePath, SourceFile

PATH = FilePath(".github/CODEOWNERS")


def read(text):
    (found,) = FORMAT.extract(SourceFile(PATH, text.encode()))
    return found


def find_owners(text, path, budget=None):
    (owned,) = assign_owners((reference("nginx:1", path=path),), [read(text)], budget or TreeBudget())
    return owned.owners


def test_codeowners_is_read_from_first_standard_folder_only():
    assert list(FORMAT.select_paths(index_paths({"docs/CODEOWNERS", PATH, "CODEOWNERS", "a/CODEOWNERS"}))) == [PATH]
    assert list(FORMAT.select_paths(index_paths({"docs/CODEOWNERS"}))) == ["docs/CODEOWNERS"]


@pytest.mark.parametrize(
    ("pattern", "path", "is_match"),
    [
        ("*", "Dockerfile", True),
        ("*", "a/b/Dockerfile", True),
        ("*.yaml", "k8s/web.yaml", True),
        ("*.yaml", "Dockerfile", False),
        ("/services/", "services/web/Dockerfile", True),
        ("/services/", "old/services/web/Dockerfile", False),
        ("services/", "old/services/web/Dockerfile", True),
        ("/services", "services/web/Dockerfile", True),
        ("docs/*", "docs/compose.yaml", True),
        ("docs/*", "docs/a/compose.yaml", False),
        ("services/web", "services/web/Dockerfile", True),
        ("services/web", "services/website/Dockerfile", False),
        ("**/web/Dockerfile", "a/b/web/Dockerfile", True),
        ("/a/**/Dockerfile", "a/b/c/Dockerfile", True),
        ("Dockerfile", "a/Dockerfile", True),
    ],
)
def test_codeowners_pattern_matches_the_same_paths_as_on_github(pattern, path, is_match):
    assert find_owners(f"{pattern} @acme/web", path) == (("@acme/web",) if is_match else ())


def test_last_matching_codeowners_rule_decides_even_without_owners():
    text = "* @acme/all\n/web/ @acme/web bob@acme.example # the front end\n/web/generated/\n"
    assert find_owners(text, "Dockerfile") == ("@acme/all",)
    assert find_owners(text, "web/Dockerfile") == ("@acme/web", "bob@acme.example")
    assert find_owners(text, "web/generated/Dockerfile") == ()


def test_owners_of_all_gitlab_sections_are_combined_with_section_defaults():
    text = "* @all\n\n[Web] @web-team\n/web/\n^[Security][2]\n*.yaml @security\n"
    assert find_owners(text, "web/compose.yaml") == ("@all", "@web-team", "@security")
    assert find_owners(text, "api/Dockerfile") == ("@all",)


def test_codeowners_comments_empty_lines_and_too_long_lines_are_ignored():
    assert read(f"# a\n\n  \n{'x' * 2_000} @a\n").sections == ((),)


def test_escaped_space_in_codeowners_belongs_to_the_pattern():
    assert find_owners("/my\\ app/ @acme", "my app/Dockerfile") == ("@acme",)


@given(st.text(max_size=200))
def test_arbitrary_codeowners_files_raise_no_error(text):
    assert isinstance(find_owners(text, "a/b/Dockerfile"), tuple)


def test_too_many_codeowners_comparisons_raise_work_limit_error():
    text = "".join(f"/{'x' * 80}{number}/* @acme\n" for number in range(1_000))
    references = tuple(reference("nginx:1", path=f"{'y' * 200}/{number}/Dockerfile") for number in range(2_000))
    with pytest.raises(WorkLimitError, match="CODEOWNERS"):
        assign_owners(references, [read(text)], TreeBudget())
