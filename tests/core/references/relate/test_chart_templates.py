"""Tests of how chart templates use tags from values, and what follows for digests."""

from __future__ import annotations

import pytest
from support.charts import ROOT, SLOT, TAG, chart, template, value, verdict
from support.soon import soon

from bot.core.references.relate import chart_loading, chart_templates, template_uses
from bot.core.references.relate.chart_templates import unlock_templated_digests
from bot.model.chart_facts import TemplateInclusion, ValueUse
from bot.model.source import EditSlot, NotEditable, Span
from bot.model.vocabulary import Reason

IMAGE, END, OTHER, CONDITION, UNKNOWN = (
    ValueUse.IMAGE,
    ValueUse.END,
    ValueUse.OTHER,
    ValueUse.CONDITION,
    ValueUse.UNKNOWN,
)


def test_tag_used_only_in_images_is_open():
    assert verdict(template((TAG, IMAGE))) == "open"


@pytest.mark.parametrize("use", [OTHER, END])
def test_tag_with_other_use_is_a_label(use):
    """The end of a template file's output is not an image either."""
    assert verdict(template((TAG, IMAGE), (TAG, use))) == "tag-is-label"
    assert verdict(template((TAG, IMAGE)), template((TAG, use), path="web/templates/b.yaml")) == "tag-is-label"


def test_condition_on_tag_is_not_a_use():
    assert verdict(template((TAG, IMAGE), (TAG, CONDITION))) == "open"


def test_unknown_use_makes_tag_unknown():
    assert verdict(template((TAG, IMAGE), (TAG, UNKNOWN))) == "unknown"
    assert verdict(template((TAG, IMAGE), ((), UNKNOWN))) == "unknown"
    assert verdict(template((TAG, IMAGE), ((), OTHER))) == "unknown"
    assert verdict(template((TAG, IMAGE), (("Values",), OTHER))) == "unknown"


def test_tag_without_use_is_unknown():
    assert verdict(template((("Values", "other", "tag"), IMAGE))) == "unknown"
    assert verdict() == "unknown"


def test_use_of_whole_mapping_counts_for_all_values():
    assert verdict(template((TAG, IMAGE), (("Values", "image"), OTHER))) == "tag-is-label"
    assert verdict(template((("Values", "image"), IMAGE))) == "unknown"
    assert verdict(template((TAG, IMAGE), ((*TAG, "inner"), OTHER))) == "open"


def test_loop_item_matches_any_key():
    item = template((("Values", "workers", "*", "image", "tag"), IMAGE))
    assert verdict(item, place=value("workers.mail.image.tag")) == "open"
    assert verdict(item, place=value("workers.0.image.tag")) == "open"
    assert verdict(item, place=value("workers.image.tag")) == "unknown"


def test_release_objects_are_not_values():
    assert verdict(template((TAG, IMAGE), (("Chart", "image", "tag"), OTHER))) == "open"


class TestInclusions:
    """Templates that other templates include."""

    def test_output_of_included_template_has_use_of_including_template(self):
        defined = template((TAG, END), name="web.image")
        inclusion = TemplateInclusion("web.image", ROOT)
        assert verdict(defined, template((inclusion, IMAGE))) == "open"
        assert verdict(defined, template((inclusion, IMAGE), (inclusion, OTHER))) == "tag-is-label"
        assert verdict(defined, template((inclusion, UNKNOWN))) == "unknown"
        assert verdict(defined, template((inclusion, CONDITION))) == "unknown"

    def test_template_without_inclusion_is_ignored(self):
        assert verdict(template((TAG, OTHER), name="web.labels"), template((TAG, IMAGE))) == "open"

    def test_paths_of_template_start_at_argument(self):
        defined = template((("tag",), END), (("pullPolicy",), OTHER), name="image")
        given = TemplateInclusion("image", frozenset({("Values", "image")}))
        assert verdict(defined, template((given, IMAGE))) == "open"

    def test_paths_of_template_start_at_keys_of_dictionary_argument(self):
        defined = template((("image", "tag"), END), name="image")
        given = TemplateInclusion("image", frozenset(), (("image", frozenset({("Values", "image")})), ("root", ROOT)))
        assert verdict(defined, template((given, IMAGE))) == "open"

    def test_iterated_list_yields_any_item(self):
        defined = template((("*", "tag"), END), name="image")
        given = TemplateInclusion("image", frozenset(), (("0", frozenset({("Values", "image")})),))
        assert verdict(defined, template((given, IMAGE))) == "open"

    def test_inclusions_lead_on(self):
        inner = template((TAG, END), name="inner")
        outer = template((TemplateInclusion("inner", frozenset({("root",)})), END), name="outer")
        top = template((TemplateInclusion("outer", frozenset(), (("root", ROOT),)), IMAGE))
        assert verdict(inner, outer, top) == "open"
        label = template((TemplateInclusion("inner", ROOT), OTHER), path="web/templates/b.yaml")
        assert verdict(inner, outer, top, label) == "tag-is-label"

    def test_own_definition_of_chart_takes_precedence(self):
        own = template((TAG, END), name="image")
        foreign = template((TAG, OTHER), name="image", path="other/templates/_helpers.tpl")
        top = template((TemplateInclusion("image", ROOT), IMAGE))
        assert verdict(own, foreign, chart("web", "other"), chart("other"), top) == "open"

    @pytest.mark.parametrize(
        ("facts", "expected"),
        [
            ((chart("web", "lib"), chart("lib")), "open"),
            ((chart("web", "lib", repository="file://../lib"), chart("lib", name="library")), "open"),
            ((chart("web", "middle"), chart("middle", "lib"), chart("lib")), "open"),
            ((chart("web/charts/db", "lib"), chart("web"), chart("lib")), "open"),
            ((chart("web"), chart("lib")), "unknown"),
            ((chart("web", "lib", repository="file://../../lib"), chart("lib")), "unknown"),
            ((), "unknown"),
        ],
    )
    def test_definition_of_other_chart_counts_only_when_chart_is_a_dependency(self, facts, expected):
        foreign = template((TAG, END), name="image", path="lib/templates/_helpers.tpl")
        top = template((TemplateInclusion("image", ROOT), IMAGE))
        assert verdict(foreign, top, *facts) == expected

    def test_vendored_definition_takes_precedence_over_dependency(self):
        vendored = template((TAG, END), name="image", path="web/charts/lib/templates/_helpers.tpl")
        foreign = template((TAG, OTHER), name="image", path="lib/templates/_helpers.tpl")
        top = template((TemplateInclusion("image", ROOT), IMAGE))
        assert verdict(vendored, foreign, chart("web", "lib"), chart("lib"), top) == "open"

    def test_definition_of_outer_chart_counts_in_inner_chart(self):
        outer = template((TAG, END), name="image")
        inner = template((TemplateInclusion("image", ROOT), IMAGE), path="web/charts/db/templates/db.yaml")
        assert verdict(outer, inner, place=value(path="web/charts/db/values.yaml")) == "open"

    def test_copy_in_folder_of_other_chart_is_not_a_definition(self):
        foreign = template((TAG, END), name="image", path="other/charts/lib/templates/_helpers.tpl")
        top = template((TemplateInclusion("image", ROOT), IMAGE))
        facts = chart("web", "lib"), chart("other", "lib"), chart("other/charts/lib")
        assert verdict(foreign, top, *facts) == "unknown"

    def test_keys_that_are_stars_are_looked_up_once(self):
        keys = ["*"] * 24
        with soon(1):
            assert verdict(template((("Values", *keys), IMAGE)), place=value(".".join(keys))) == "open"

    def test_work_grows_with_number_of_charts_that_vendor_a_library(self, monkeypatch):
        steps = []
        resolve = template_uses._TemplateInput.resolve_path
        monkeypatch.setattr(
            template_uses._TemplateInput, "resolve_path", lambda *given: steps.append(None) or resolve(*given)
        )

        def count_steps(charts):
            steps.clear()
            templates = [
                template(*uses, name=name, path=f"c{number}/charts/lib/templates/_{name}.tpl")
                for number in range(charts)
                for name, *uses in (
                    ("lib.image", (TemplateInclusion("lib.tag", ROOT), END)),
                    ("lib.tag", (TAG, END)),
                )
            ]
            tops = [
                template((TemplateInclusion("lib.image", ROOT), IMAGE), path=f"c{number}/templates/web.yaml")
                for number in range(charts)
            ]
            places = tuple(value(path=f"c{number}/values.yaml") for number in range(charts))
            found = unlock_templated_digests(places, [*templates, *tops])
            assert [place.digest_slot for place in found] == [SLOT] * charts
            assert steps
            return len(steps)

        assert count_steps(20) == 2 * count_steps(10)

    def test_only_nearest_dependencies_count_when_chart_has_too_many(self, monkeypatch):
        monkeypatch.setattr(chart_loading, "MAX_DEPENDENCIES", 2)
        foreign = template((TAG, END), name="image", path="c/templates/_helpers.tpl")
        top = template((TemplateInclusion("image", ROOT), IMAGE))
        near = chart("web", "a", "c"), chart("a", "b"), chart("b"), chart("c")
        assert verdict(foreign, top, *near) == "open"
        far = chart("web", "a"), chart("a", "b"), chart("b", "c"), chart("c")
        assert verdict(foreign, top, *far) == "unknown"

    def test_template_missing_from_tree_makes_arguments_unknown(self):
        given = TemplateInclusion("library.image", ROOT)
        assert verdict(template((TAG, IMAGE), (given, IMAGE))) == "unknown"
        image = TemplateInclusion("library.image", frozenset({("Values", "image")}))
        assert verdict(template((image, IMAGE))) == "unknown"
        other = TemplateInclusion("library.image", frozenset({("Values", "other")}))
        assert verdict(template((TAG, IMAGE), (other, IMAGE))) == "open"

    def test_common_library_templates_are_supported(self):
        image = ("imageRoot", frozenset({("Values", "image")})), ("global", frozenset({("Values", "global")}))
        assert verdict(template((TemplateInclusion("common.images.image", frozenset(), image), IMAGE))) == "open"
        labels = TemplateInclusion("common.labels.standard", frozenset(), (("context", ROOT),))
        assert verdict(template((TAG, IMAGE), (labels, OTHER))) == "open"
        rendered = TemplateInclusion(
            "common.tplvalues.render", frozenset(), (("value", frozenset({TAG})), ("context", ROOT))
        )
        assert verdict(template((TAG, IMAGE), (rendered, OTHER))) == "tag-is-label"

    def test_circles_end(self):
        circle = template((TemplateInclusion("circle", frozenset({("x",)})), END), (TAG, END), name="circle")
        with soon(1):
            assert verdict(circle, template((TemplateInclusion("circle", ROOT), IMAGE))) == "unknown"

    def test_too_many_inclusions_leave_all_of_the_chart_unknown(self, monkeypatch):
        monkeypatch.setattr(template_uses, "MAX_INCLUSIONS", 10)
        many = [template((TemplateInclusion(f"b{number}", ROOT), OTHER), name=f"a{number}") for number in range(9)]
        last = [template(name=f"b{number}") for number in range(9)]
        top = template((TAG, IMAGE), *((TemplateInclusion(f"a{number}", ROOT), OTHER) for number in range(9)))
        assert verdict(top) == "unknown"
        assert verdict(top, *many, *last) == "unknown"

    def test_argument_with_very_many_paths_is_unknown(self):
        ways = frozenset(("Values", str(number)) for number in range(300))
        defined = template((("tag",), END), name="image")
        assert verdict(defined, template((TAG, IMAGE), (TemplateInclusion("image", ways), IMAGE))) == "unknown"


class TestCharts:
    """The chart to which values belong."""

    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            ("web/values.yaml", "open"),
            ("web/ci/a-values.yaml", "open"),
            ("web/values/production.yaml", "open"),
            ("web/a/values.yaml", "unknown"),
        ],
    )
    def test_values_belong_to_chart_in_same_folder_or_above_values_folder(self, path, expected):
        assert verdict(template((TAG, IMAGE)), place=value(path=path)) == expected

    def test_root_of_tree_may_be_a_chart(self):
        assert verdict(template((TAG, IMAGE), path="templates/a.yaml"), place=value(path="values.yaml")) == "open"
        assert verdict(template((TAG, IMAGE), path="templates/a.yaml"), place=value(path="ci/values.yaml")) == "open"

    def test_templates_of_other_chart_are_ignored(self):
        other = template((TAG, OTHER), path="other/templates/web.yaml")
        assert verdict(template((TAG, IMAGE)), other) == "open"
        assert verdict(other) == "unknown"

    def test_inner_chart_without_templates_does_not_use_outer_chart(self):
        assert verdict(template((TAG, IMAGE)), place=value(path="web/charts/db/values.yaml")) == "unknown"

    def test_values_for_inner_chart_are_under_chart_name(self):
        inside = template((TAG, IMAGE), path="web/charts/db/templates/db.yaml")
        top = template((("Values", "image", "tag"), OTHER))
        assert verdict(inside, top, place=value("db.image.tag")) == "open"
        assert verdict(inside, top, place=value("image.tag")) == "tag-is-label"
        assert verdict(inside, top, place=value(path="web/charts/db/values.yaml")) == "open"
        deep = template((TAG, IMAGE), path="web/charts/db/charts/exporter/templates/a.yaml")
        assert verdict(deep, top, inside, place=value("db.exporter.image.tag")) == "open"

    def test_outer_chart_may_use_values_of_inner_chart(self):
        inside = template((TAG, IMAGE), path="web/charts/db/templates/db.yaml")
        label = template((("Values", "db", "image", "tag"), OTHER))
        assert verdict(inside, label, place=value("db.image.tag")) == "tag-is-label"

    def test_global_values_are_the_same_inside(self):
        inside = template((("Values", "global", "image", "tag"), IMAGE), path="web/charts/db/templates/db.yaml")
        assert verdict(inside, template(), place=value("global.image.tag")) == "open"
        assert verdict(inside, template(), place=value("db.global.image.tag")) == "unknown"

    def test_unknown_inner_chart_hides_only_own_values(self):
        inside = template(((), UNKNOWN), path="web/charts/db/templates/db.yaml")
        assert verdict(inside, template((TAG, IMAGE))) == "open"
        assert (
            verdict(inside, template((("Values", "db", "image", "tag"), IMAGE)), place=value("db.image.tag"))
            == "unknown"
        )

    def test_texts_among_the_values_are_templates_too(self):
        text = template((TAG, OTHER), path="web/values.yaml")
        assert verdict(template((TAG, IMAGE)), text) == "tag-is-label"
        assert verdict(template((TAG, IMAGE)), template((TAG, OTHER), path="values.yaml")) == "open"


def test_references_sharing_bytes_are_open_only_together():
    places = (value("image.tag"), value("proxy.image.tag"))
    image, proxy = ((TAG, IMAGE), (("Values", "proxy", "image", "tag"), IMAGE))
    assert unlock_templated_digests(places, [template(image)]) == places
    both = unlock_templated_digests(places, [template(image, proxy)])
    assert [place.digest_slot for place in both] == [SLOT, SLOT]


def test_digest_slot_after_algorithm_is_not_editable():
    """`sha256:sha256:…` is not a digest."""
    place = value("image.digest", digest_slot=EditSlot(Span(5, 5), b"", b""))
    digest = ("Values", "image", "digest")
    assert verdict(template((digest, IMAGE)), place=place) == "unknown"
    assert verdict(template((digest, OTHER)), place=place) == "unknown"
    assert verdict(template((digest, ValueUse.BEHIND_ALGORITHM)), place=place) == "unsupported-digest"
    assert verdict(template((TAG, IMAGE), (TAG, ValueUse.BEHIND_ALGORITHM))) == "tag-is-label"


def test_other_slots_stay_closed():
    closed = NotEditable(Reason.TAG_IS_LABEL)
    assert verdict(template((TAG, IMAGE)), place=value(digest_slot=closed)) == "unknown"
    assert verdict(template((TAG, IMAGE)), place=value(format="kubernetes")) == "unknown"
    assert verdict(template((TAG, IMAGE)), place=value(digest_slot=NotEditable(Reason.EMBEDDED, SLOT))) == "unknown"


def test_templates_are_analysed_once_across_edits(monkeypatch):
    analysed, collect_uses = [], chart_templates.collect_uses
    monkeypatch.setattr(chart_templates, "collect_uses", lambda *each: analysed.append(each) or collect_uses(*each))
    facts = [
        fact
        for number in range(3)
        for fact in (chart(f"app-{number}"), template((TAG, IMAGE), path=f"app-{number}/templates/web.yaml"))
    ]
    places = tuple(value(path=f"app-{number}/values.yaml") for number in range(3))
    first = unlock_templated_digests(places, facts)
    assert [unlock_templated_digests(places, [*facts]) for _ in range(5)] == [first] * 5
    assert len(analysed) == 3
    edited = [*facts[:-1], template((TAG, IMAGE), (TAG, OTHER), path="app-2/templates/web.yaml")]
    assert unlock_templated_digests(places, edited)[2].digest_slot == NotEditable(Reason.TAG_IS_LABEL)


def test_charts_after_the_limit_of_the_tree_are_unknown(monkeypatch):
    """Each chart has a limit of its own, but a tree can have thousands of charts."""
    monkeypatch.setattr(template_uses, "MAX_TREE_PATHS", 10)
    facts = [template((TAG, IMAGE), path=f"app-{number}/templates/web.yaml") for number in range(10)]
    places = tuple(value(path=f"app-{number}/values.yaml") for number in range(10))
    found = unlock_templated_digests(places, facts)
    assert [each.digest_slot == SLOT for each in found] == [True] * 2 + [False] * 8
