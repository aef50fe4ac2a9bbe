"""Tests of Renovate's patterns: results are compared with Python's own engine, and no pattern is slow."""

from __future__ import annotations

import re

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st
from support.soon import soon

from bot.core.budgets import TreeBudget
from bot.core.references.relate.renovate.patterns import MAX_LENGTH, PatternMatcher


def is_pattern_match(pattern, value):
    return PatternMatcher(TreeBudget(), "renovate.json").is_match(pattern, value)


def is_pattern_list_match(patterns, value):
    return PatternMatcher(TreeBudget(), "renovate.json").is_list_match(patterns, value)


CHARACTERS = st.sampled_from("ab/.-")
PARTS = st.one_of(CHARACTERS.map(re.escape), st.sampled_from([".", "[ab]", "[^a/]", "[a-z.]", r"\.", r"\w", r"\D"]))
REGULAR = st.recursive(
    PARTS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda options: f"(?:{'|'.join(options)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}"])).map(
            lambda both: f"({both[0]}){both[1]}"
        ),
    ),
    max_leaves=6,
)


@given(st.sampled_from(["", "^"]), REGULAR, st.sampled_from(["", "$"]), st.text(alphabet="ab/.-", max_size=6))
def test_regular_expression_matches_same_texts_as_in_python(start, middle, end, text):
    pattern = f"{start}{middle}{end}"
    assert is_pattern_match(f"/{pattern}/", text) is (re.search(pattern, text) is not None)


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("/(^|/)k8s/.+\\.ya?ml$/", "k8s/web.yaml", True),
        ("/(^|/)k8s/.+\\.ya?ml$/", "apps/k8s/web.yml", True),
        ("/(^|/)k8s/.+\\.ya?ml$/", "apps/nok8s/web.yml", False),
        ("/^GHCR/i", "ghcr.io/acme/web", True),
        ("/^GHCR/", "ghcr.io/acme/web", False),
        ("/^docker\\.io\\/library\\//", "docker.io/library/nginx", True),
        ("/x[^A-Z]/i", "xa", False),
        ("nginx", "nginx", True),
        ("nginx", "nginx-unprivileged", False),
        ("NGINX", "nginx", True),
        ("*", "ghcr.io/acme/web", True),
        ("ghcr.io/*", "ghcr.io/acme/web", False),
        ("ghcr.io/**", "ghcr.io/acme/web", True),
        ("acme**", "acme-web", True),
        ("abc**/*", "abc/def", True),
        ("abc**/*", "abc/def/ghi", False),
        ("abc**/**", "abc/def/ghi", True),
        ("abc**/**", "abcd", False),
        ("abc{/,}**", "abc/def/ghi", True),
        ("abc{/,}**", "abcd", True),
        ("**/values.y{a,}ml", "values.yml", True),
        ("**/values.y{a,}ml", "charts/web/values.yaml", True),
        ("a/{b,{c,d}}/?.yaml", "a/d/x.yaml", True),
        ("v[0-9]/*", "v3/x", True),
        ("v[!0-9]/*", "v3/x", False),
    ],
)
def test_common_patterns_match_as_documented_by_renovate(pattern, value, expected):
    assert is_pattern_match(pattern, value) is expected


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("/a$$/", "a", True),
        ("/a$$/", "a\n", False),
        ("/a$/", "a\n", False),
        ("/a$$b/", "a$b", False),
        ("/a$$$/", "ba", True),
        ("/$$/", "a", True),
        ("/^$$/", "", True),
        ("/(?m)a$$/", "a\nb", True),
        ("/(?m)a$$\nb/", "a\nb", True),
        (r"/a\$$/", "a$", True),
        (r"/a$\$/", "a$", False),
        ("/[$$]/", "$", True),
    ],
)
def test_repeated_dollar_signs_match_same_texts_as_in_re2(pattern, value, expected):
    expression = pattern[1:-1].encode()
    assert (re2.search(expression, value.encode()) is not None) is expected
    assert is_pattern_match(pattern, value) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        "/a(?!b)/",
        r"/(a)\1/",
        r"/\u0061/",
        "/a**/",
        "/a{2,1}/",
        "/a{1001}/",
        "/(/",
        "/[/",
        "**/!(package.json)",
        "a{1..3}",
        "a{b",
        "[[:alpha:]]",
        "x*" * MAX_LENGTH,
        "{a,b}" * 8,
    ],
)
def test_match_of_unsupported_pattern_is_unknown(pattern):
    assert is_pattern_match(pattern, "a") is None


@given(st.text(alphabet="ab/\\[](){}*+?|^$.,-!19", max_size=20), st.text(alphabet="ab/[{", max_size=6), st.booleans())
def test_arbitrary_renovate_patterns_raise_no_error(pattern, value, is_regular):
    assert is_pattern_match(f"/{pattern}/" if is_regular else pattern, value) in (True, False, None)


@pytest.mark.parametrize(
    "pattern",
    [
        "/(a+)+$/",
        "/(a|a)*b/",
        "/" + "a?" * 200 + "a" * 200 + "/",
        "/" + ".*" * 300 + "x/",
        "/" + "(" * 19 + ")" + "{100})" * 18 + "/",
        "a*" * 300,
        "**/" * 200,
        "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}" + "*" * 100,
    ],
)
def test_renovate_patterns_with_exponential_backtracking_are_matched_fast(pattern):
    with soon(3):
        is_pattern_match(pattern, "a" * 3000 + "!")


@pytest.mark.parametrize(
    ("patterns", "value", "expected"),
    [
        (["/^abc/", "!/^abcd/", "!/abce/"], "abcf", True),
        (["/^abc/", "!/^abcd/", "!/abce/"], "abcdef", False),
        (["/^abc/", "!/^abcd/", "!/abce/"], "foo", False),
        (["!nginx"], "redis", True),
        (["!nginx"], "nginx", False),
        (["redis", "nginx"], "nginx", True),
        (["/(?!x)/", "nginx"], "nginx", True),
        (["/(?!x)/"], "nginx", None),
        (["nginx", "!/(?!x)/"], "nginx", None),
        (["redis", "!/(?!x)/"], "nginx", False),
        ([], "nginx", False),
    ],
)
def test_pattern_list_matches_if_one_positive_and_no_negative_pattern_matches(patterns, value, expected):
    assert is_pattern_list_match(patterns, value) is expected
