"""Tests of globs."""

from __future__ import annotations

import pytest
import re2
from hypothesis import example, given
from hypothesis import strategies as st
from support.soon import soon

from bot.core.globs import MAX_COMBINED_CHARACTERS, is_any_glob_match, is_glob_match


@pytest.mark.parametrize(
    ("glob", "value"),
    [
        ("docker.io/library/nginx", "docker.io/library/nginx"),
        ("docker.io/library/*", "docker.io/library/nginx"),
        ("docker.io/*/nginx", "docker.io/library/nginx"),
        ("docker.io/**", "docker.io/library/nginx"),
        ("docker.io/lib**nx", "docker.io/library/nginx"),
        ("**/nginx", "docker.io/library/nginx"),
        ("**", "docker.io/library/nginx"),
        ("**", ""),
        ("*", ""),
        ("*", "main"),
        ("release-?.?", "release-1.2"),
        ("**/Dockerfile", "Dockerfile"),
        ("**/Dockerfile", "a/Dockerfile"),
        ("**/Dockerfile", "a/b/Dockerfile"),
        ("a/**/b", "a/b"),
        ("a/**/b", "a/x/y/b"),
        ("**/**/b", "b"),
        ("a/**/**/b", "a/b"),
        ("**/*.yaml", "x.yaml"),
        ("**/*.yaml", "deploy/x.yaml"),
        ("a***", "a/b/c"),
        ("[ab]{c}\\", "[ab]{c}\\"),
        ("caf?", "café"),
    ],
)
def test_glob_with_wildcards_matches_fitting_values(glob, value):
    assert is_glob_match(glob, value)


@pytest.mark.parametrize(
    ("glob", "value"),
    [
        ("nginx", "docker.io/library/nginx"),
        ("docker.io/*", "docker.io/library/nginx"),
        ("*", "a/b"),
        ("*", "/"),
        ("?", "/"),
        ("?", ""),
        ("", "a"),
        ("a", ""),
        ("**/Dockerfile", "xDockerfile"),
        ("**/Dockerfile", "a/xDockerfile"),
        ("a/**/b", "a/xb"),
        ("a/**/b", "ab"),
        ("a/**", "a"),
        ("a**/b", "ab"),
        ("ab*ba", "aba"),
        ("[ab]", "a"),
        ("{a,b}", "a"),
        ("MAIN", "main"),
        ("a.c", "abc"),
        ("main", "main\n"),
        ("*.yaml", "x.yaml\n"),
    ],
)
def test_glob_does_not_match_part_of_a_value_and_single_star_matches_no_slash(glob, value):
    assert not is_glob_match(glob, value)


def is_match_by_reference(glob: str, value: str, at_segment: bool = True) -> bool:
    """A reference implementation of the rules, which is simple but slow."""
    if not glob:
        return not value
    if glob.startswith("**/") and at_segment:
        starts = [0, *(index + 1 for index, character in enumerate(value) if character == "/")]
        return any(is_match_by_reference(glob[3:], value[start:], at_segment=True) for start in starts)
    if glob.startswith("*"):
        rest = glob.lstrip("*")
        across = len(glob) - len(rest) > 1
        ends = range(len(value) + 1)
        return any(
            (across or "/" not in value[:end]) and is_match_by_reference(rest, value[end:], False) for end in ends
        )
    fits = value[:1] == glob[0] if glob[0] != "?" else bool(value) and value[0] != "/"
    return fits and is_match_by_reference(glob[1:], value[1:], glob[0] == "/")


@given(st.text("ab/*?", max_size=8), st.text("ab/", max_size=8))
@example("**/a", "b/a")
@example("a/**/**b", "a/b/b")
@example("***/b", "a/b")
def test_globs_match_like_reference_implementation(glob, value):
    assert is_glob_match(glob, value) is is_match_by_reference(glob, value)


@given(st.text(max_size=20), st.text(max_size=20))
def test_glob_without_wildcards_requires_equality(glob, value):
    plain = glob.replace("*", "").replace("?", "")
    assert is_glob_match(plain, value) is (plain == value)
    assert is_glob_match(plain, plain)


@pytest.mark.parametrize("glob", ["*a" * 100 + "b", "**a" * 100 + "b", "**/*a" * 50 + "?b", "*?" * 100 + "/b"])
def test_glob_is_matched_against_hostile_value_in_linear_time(glob):
    """A matcher that backtracks would practically never finish."""
    hostile = "a" * 5000 + "cb"
    with soon(5):
        assert not is_glob_match(glob, hostile)


@given(st.lists(st.text("ab/*?", max_size=8), max_size=4).map(tuple), st.text("ab/", max_size=8))
def test_list_of_globs_matches_when_any_glob_matches(globs, value):
    assert is_any_glob_match(globs, value) is any(is_match_by_reference(glob, value) for glob in globs)


def test_thousands_of_globs_are_compiled_into_few_expressions(monkeypatch):
    """Each distinct glob would otherwise be compiled and matched again for each value."""
    compiled, compile_expression = [], re2.compile
    monkeypatch.setattr(re2, "compile", lambda *each: compiled.append(each) or compile_expression(*each))
    globs = tuple(f"**/folder-{number}/*" for number in range(3000))
    matches = [is_any_glob_match(globs, f"apps/folder-{number}/Dockerfile") for number in range(0, 6000, 100)]
    assert matches == [True] * 30 + [False] * 30
    assert len(compiled) <= 1 + sum(map(len, globs)) // (MAX_COMBINED_CHARACTERS // 2)
