"""Tests of the names that chart templates write before tags, and of their comparison with the names in values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values import reference

from bot.core.references import chart_names
from bot.core.references.chart_names import NO_NAME, UNKNOWN_NAME, are_names_of_image, combine_alternatives

REPOSITORY = ("Values", "image", "repository")
REGISTRY = ("Values", "image", "registry")
SUFFIX = ("Values", "suffix")


def build_name(*parts):
    """Return a name of which each part is one source, or a set of alternatives."""
    return frozenset(part if isinstance(part, frozenset) else frozenset({part}) for part in parts)


def build_image(written="quay.io/acme/web:v1", values=("image.repository", "image.registry")):
    return reference(written, variables=("image.tag",), name_values=values)


NAMES = st.frozensets(st.frozensets(st.sampled_from("abcdef"), min_size=1, max_size=3), min_size=1, max_size=3)


@given(names=st.lists(NAMES, min_size=1, max_size=3), own_sources=st.frozensets(st.sampled_from("abcdef")))
def test_combined_name_belongs_to_image_if_any_alternative_belongs(names, own_sources):
    def is_own(written_name):
        return all(part & own_sources for part in written_name)

    assert is_own(combine_alternatives(names)) == any(is_own(each) for each in names)


def test_empty_names_are_dropped_when_alternatives_are_combined():
    assert combine_alternatives([]) == NO_NAME
    assert combine_alternatives([NO_NAME, build_name("a", "b"), NO_NAME]) == build_name("a", "b")


def test_combined_name_with_too_many_sources_is_unknown(monkeypatch):
    monkeypatch.setattr(chart_names, "MAX_NAME_SOURCES", 10)
    names = [build_name("a", "b"), build_name("c", "d"), build_name("e", "f")]
    assert combine_alternatives(names[:2]) != UNKNOWN_NAME
    assert combine_alternatives(names) == UNKNOWN_NAME


@pytest.mark.parametrize(
    ("written_name", "expected"),
    [
        (build_name(REPOSITORY, REGISTRY), True),
        (build_name(REPOSITORY, ("Values", "global", "imageRegistry")), True),
        (build_name(REPOSITORY, "quay.io"), True),
        (build_name("quay.io/acme/web"), True),
        (build_name(frozenset({REPOSITORY, SUFFIX}), REGISTRY), True),
        (build_name(("Values", "*", "repository"), REGISTRY), True),
        (build_name(REPOSITORY, REGISTRY, ("Values", "image", "tag")), True),
        (NO_NAME, True),
        (build_name(REPOSITORY), False),
        (build_name(REGISTRY), False),
        (build_name(REPOSITORY, REGISTRY, SUFFIX), False),
        (build_name(REPOSITORY, REGISTRY, ("Values", "other", "tag")), False),
        (build_name("quay.io/acme/api"), False),
        (build_name("acme/web"), False),
        (build_name("-debug", REPOSITORY, REGISTRY), False),
        (UNKNOWN_NAME, False),
    ],
)
def test_template_name_belongs_to_image_only_if_all_parts_belong_to_image(written_name, expected):
    assert are_names_of_image([written_name], build_image()) is expected


def test_at_least_one_name_contains_the_registry_unless_image_is_on_docker_hub():
    assert are_names_of_image([build_name(REPOSITORY), build_name(REPOSITORY, REGISTRY)], build_image())
    assert are_names_of_image([build_name(REPOSITORY)], build_image("acme/web:v1"))
    assert are_names_of_image([build_name(REPOSITORY)], build_image(values=("image.repository",)))


def test_any_name_belongs_to_image_that_is_in_one_value_or_unused():
    assert are_names_of_image([build_name(SUFFIX)], build_image(values=()))
    assert are_names_of_image([], build_image())
