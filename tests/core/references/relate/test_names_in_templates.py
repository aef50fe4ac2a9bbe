"""Tests of the names of images that chart templates write before a tag or a digest."""

from __future__ import annotations

import pytest
from support.charts import ROOT, SLOT, TAG, build_chart_reference, build_template, find_verdict

from bot.core.references.relate import template_uses
from bot.model.chart_facts import ChartValue, ReferenceEnd, TemplateInclusion, ValueUse
from bot.model.source import FilePath

IMAGE, END, OTHER = ValueUse.IMAGE, ValueUse.END, ValueUse.OTHER
REPOSITORY = ("Values", "image", "repository")
OTHER_NAME = ("Values", "cart", "name")


def build_named_value(key="image", **more):
    return build_chart_reference(f"{key}.tag", name_values=(f"{key}.repository",), **more)


def build_reference_end(*sources, end=TAG):
    return ReferenceEnd(end, frozenset(frozenset({source}) for source in sources))


def test_tag_written_after_name_of_other_image_is_not_editable():
    own, other = build_reference_end(REPOSITORY), build_reference_end(REPOSITORY, OTHER_NAME)
    assert find_verdict(build_template((own, IMAGE)), reference=build_named_value()) == "open"
    assert find_verdict(build_template((other, IMAGE)), reference=build_named_value()) == "tag-is-label"
    assert find_verdict(build_template((own, IMAGE), (other, IMAGE)), reference=build_named_value()) == "tag-is-label"
    assert find_verdict(build_template((other, OTHER), (own, IMAGE)), reference=build_named_value()) == "tag-is-label"


def test_digest_value_written_after_name_of_other_image_is_not_editable():
    reference = build_chart_reference("image.digest", digest_slot=SLOT, name_values=("image.repository",))
    digest = ("Values", "image", "digest")
    assert (
        find_verdict(build_template((build_reference_end(REPOSITORY, end=digest), IMAGE)), reference=reference)
        == "unknown"
    )
    assert (
        find_verdict(build_template((build_reference_end(OTHER_NAME, end=digest), IMAGE)), reference=reference)
        == "tag-is-label"
    )


def test_name_parts_before_and_inside_included_template_are_combined():
    defined = build_template((build_reference_end(OTHER_NAME), END), name="ending")
    ending = TemplateInclusion("ending", ROOT)
    assert (
        find_verdict(defined, build_template((build_reference_end(end=ending), IMAGE)), reference=build_named_value())
        == "tag-is-label"
    )
    top = build_template((build_reference_end(REPOSITORY, end=ending), IMAGE))
    assert find_verdict(defined, top, reference=build_named_value()) == "tag-is-label"
    assert find_verdict(build_template((TAG, END), name="ending"), top, reference=build_named_value()) == "open"


def test_image_name_from_included_template_belongs_to_passed_image():
    defined = build_template((ReferenceEnd(("repository",)), END), (("registry",), OTHER), name="name")
    for key, expected in (("image", "open"), ("cart", "tag-is-label")):
        included = TemplateInclusion("name", frozenset({("Values", key)}))
        assert (
            find_verdict(defined, build_template((build_reference_end(included), IMAGE)), reference=build_named_value())
            == expected
        )


def test_tag_after_name_from_recursive_template_is_not_editable():
    circle = TemplateInclusion("circle", ROOT)
    defined = build_template((circle, END), name="circle")
    assert (
        find_verdict(defined, build_template((build_reference_end(circle), IMAGE)), reference=build_named_value())
        == "tag-is-label"
    )


def test_tag_after_name_from_too_deeply_nested_includes_is_not_editable(monkeypatch):
    monkeypatch.setattr(template_uses, "MAX_NAME_DEPTH", 3)
    chain = [build_template((TemplateInclusion(f"n{number + 1}", ROOT), END), name=f"n{number}") for number in range(5)]
    last = build_template((REPOSITORY, END), name="n5")
    for number, expected in ((3, "open"), (2, "tag-is-label")):
        top = build_template((build_reference_end(TemplateInclusion(f"n{number}", ROOT)), IMAGE))
        assert find_verdict(*chain, last, top, reference=build_named_value()) == expected


def test_name_value_of_subchart_is_found_under_chart_name_in_parent_values():
    inside = build_template((build_reference_end(REPOSITORY), IMAGE), path="web/charts/db/templates/db.yaml")
    assert find_verdict(inside, build_template(), reference=build_named_value("db.image")) == "open"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [({}, "tag-is-label"), ({"values": ""}, "open"), ({"values": "", "values-prod": "mirror/"}, "tag-is-label")],
)
def test_prefix_value_before_image_name_is_ignored_if_always_empty(texts, expected):
    named = build_template((build_reference_end(("Values", "prefix"), REPOSITORY), IMAGE))
    values = [ChartValue(FilePath(f"web/{file}.yaml"), 1, "0/prefix", text) for file, text in texts.items()]
    assert find_verdict(named, *values, reference=build_named_value()) == expected
