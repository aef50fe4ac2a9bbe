"""Tests of how chart templates use tags from values, and what follows for digests."""

from __future__ import annotations

import pytest
from support.charts import ROOT, SLOT, TAG, build_chart, build_chart_reference, build_template, find_verdict
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


def test_digest_can_be_added_to_chart_tag_used_only_in_images():
    assert find_verdict(build_template((TAG, IMAGE))) == "open"


@pytest.mark.parametrize("use", [OTHER, END])
def test_digest_cannot_be_added_to_chart_tag_that_is_also_used_outside_images(use):
    """The end of a template file's output is not an image either."""
    assert find_verdict(build_template((TAG, IMAGE), (TAG, use))) == "tag-is-label"
    assert (
        find_verdict(build_template((TAG, IMAGE)), build_template((TAG, use), path="web/templates/b.yaml"))
        == "tag-is-label"
    )


def test_template_condition_on_tag_does_not_count_as_use_of_tag():
    assert find_verdict(build_template((TAG, IMAGE), (TAG, CONDITION))) == "open"


def test_tag_with_unanalysable_use_in_template_is_not_editable():
    assert find_verdict(build_template((TAG, IMAGE), (TAG, UNKNOWN))) == "unknown"
    assert find_verdict(build_template((TAG, IMAGE), ((), UNKNOWN))) == "unknown"
    assert find_verdict(build_template((TAG, IMAGE), ((), OTHER))) == "unknown"
    assert find_verdict(build_template((TAG, IMAGE), (("Values",), OTHER))) == "unknown"


def test_tag_that_no_template_uses_is_not_editable():
    assert find_verdict(build_template((("Values", "other", "tag"), IMAGE))) == "unknown"
    assert find_verdict() == "unknown"


def test_use_of_whole_mapping_counts_as_use_of_all_values_in_mapping():
    assert find_verdict(build_template((TAG, IMAGE), (("Values", "image"), OTHER))) == "tag-is-label"
    assert find_verdict(build_template((("Values", "image"), IMAGE))) == "unknown"
    assert find_verdict(build_template((TAG, IMAGE), ((*TAG, "inner"), OTHER))) == "open"


def test_template_loop_uses_values_under_any_key_or_index():
    item = build_template((("Values", "workers", "*", "image", "tag"), IMAGE))
    assert find_verdict(item, reference=build_chart_reference("workers.mail.image.tag")) == "open"
    assert find_verdict(item, reference=build_chart_reference("workers.0.image.tag")) == "open"
    assert find_verdict(item, reference=build_chart_reference("workers.image.tag")) == "unknown"


def test_use_of_chart_object_is_not_a_use_of_values():
    assert find_verdict(build_template((TAG, IMAGE), (("Chart", "image", "tag"), OTHER))) == "open"


class TestInclusions:
    """Templates that other templates include."""

    def test_tag_in_included_template_is_used_wherever_the_template_is_included(self):
        defined = build_template((TAG, END), name="web.image")
        inclusion = TemplateInclusion("web.image", ROOT)
        assert find_verdict(defined, build_template((inclusion, IMAGE))) == "open"
        assert find_verdict(defined, build_template((inclusion, IMAGE), (inclusion, OTHER))) == "tag-is-label"
        assert find_verdict(defined, build_template((inclusion, UNKNOWN))) == "unknown"
        assert find_verdict(defined, build_template((inclusion, CONDITION))) == "unknown"

    def test_named_template_that_is_never_included_is_ignored(self):
        assert find_verdict(build_template((TAG, OTHER), name="web.labels"), build_template((TAG, IMAGE))) == "open"

    def test_value_paths_in_included_template_start_at_passed_argument(self):
        defined = build_template((("tag",), END), (("pullPolicy",), OTHER), name="image")
        given = TemplateInclusion("image", frozenset({("Values", "image")}))
        assert find_verdict(defined, build_template((given, IMAGE))) == "open"

    def test_value_paths_in_included_template_start_at_keys_of_passed_dict(self):
        defined = build_template((("image", "tag"), END), name="image")
        given = TemplateInclusion("image", frozenset(), (("image", frozenset({("Values", "image")})), ("root", ROOT)))
        assert find_verdict(defined, build_template((given, IMAGE))) == "open"

    def test_template_that_iterates_over_passed_list_uses_every_item(self):
        defined = build_template((("*", "tag"), END), name="image")
        given = TemplateInclusion("image", frozenset(), (("0", frozenset({("Values", "image")})),))
        assert find_verdict(defined, build_template((given, IMAGE))) == "open"

    def test_includes_are_followed_through_several_templates(self):
        inner = build_template((TAG, END), name="inner")
        outer = build_template((TemplateInclusion("inner", frozenset({("root",)})), END), name="outer")
        top = build_template((TemplateInclusion("outer", frozenset(), (("root", ROOT),)), IMAGE))
        assert find_verdict(inner, outer, top) == "open"
        label = build_template((TemplateInclusion("inner", ROOT), OTHER), path="web/templates/b.yaml")
        assert find_verdict(inner, outer, top, label) == "tag-is-label"

    def test_template_defined_in_own_chart_takes_precedence_over_dependency(self):
        own = build_template((TAG, END), name="image")
        foreign = build_template((TAG, OTHER), name="image", path="other/templates/_helpers.tpl")
        top = build_template((TemplateInclusion("image", ROOT), IMAGE))
        assert find_verdict(own, foreign, build_chart("web", "other"), build_chart("other"), top) == "open"

    @pytest.mark.parametrize(
        ("facts", "expected"),
        [
            ((build_chart("web", "lib"), build_chart("lib")), "open"),
            ((build_chart("web", "lib", repository="file://../lib"), build_chart("lib", name="library")), "open"),
            ((build_chart("web", "middle"), build_chart("middle", "lib"), build_chart("lib")), "open"),
            ((build_chart("web/charts/db", "lib"), build_chart("web"), build_chart("lib")), "open"),
            ((build_chart("web"), build_chart("lib")), "unknown"),
            ((build_chart("web", "lib", repository="file://../../lib"), build_chart("lib")), "unknown"),
            ((), "unknown"),
        ],
    )
    def test_template_of_other_chart_is_included_only_if_chart_is_a_dependency(self, facts, expected):
        foreign = build_template((TAG, END), name="image", path="lib/templates/_helpers.tpl")
        top = build_template((TemplateInclusion("image", ROOT), IMAGE))
        assert find_verdict(foreign, top, *facts) == expected

    def test_template_in_vendored_chart_takes_precedence_over_chart_in_tree(self):
        vendored = build_template((TAG, END), name="image", path="web/charts/lib/templates/_helpers.tpl")
        foreign = build_template((TAG, OTHER), name="image", path="lib/templates/_helpers.tpl")
        top = build_template((TemplateInclusion("image", ROOT), IMAGE))
        assert find_verdict(vendored, foreign, build_chart("web", "lib"), build_chart("lib"), top) == "open"

    def test_template_defined_in_parent_chart_can_be_included_in_subchart(self):
        outer = build_template((TAG, END), name="image")
        inner = build_template((TemplateInclusion("image", ROOT), IMAGE), path="web/charts/db/templates/db.yaml")
        assert find_verdict(outer, inner, reference=build_chart_reference(path="web/charts/db/values.yaml")) == "open"

    def test_copy_of_dependency_vendored_by_other_chart_is_not_used(self):
        foreign = build_template((TAG, END), name="image", path="other/charts/lib/templates/_helpers.tpl")
        top = build_template((TemplateInclusion("image", ROOT), IMAGE))
        facts = build_chart("web", "lib"), build_chart("other", "lib"), build_chart("other/charts/lib")
        assert find_verdict(foreign, top, *facts) == "unknown"

    def test_values_path_with_many_stars_is_matched_fast(self):
        keys = ["*"] * 24
        with soon(1):
            assert (
                find_verdict(
                    build_template((("Values", *keys), IMAGE)), reference=build_chart_reference(".".join(keys))
                )
                == "open"
            )

    def test_work_grows_linearly_with_charts_that_vendor_the_same_library(self, monkeypatch):
        steps = []
        resolve = template_uses._TemplateInput.resolve_path
        monkeypatch.setattr(
            template_uses._TemplateInput, "resolve_path", lambda *given: steps.append(None) or resolve(*given)
        )

        def count_steps(charts):
            steps.clear()
            templates = [
                build_template(*uses, name=name, path=f"c{number}/charts/lib/templates/_{name}.tpl")
                for number in range(charts)
                for name, *uses in (
                    ("lib.image", (TemplateInclusion("lib.tag", ROOT), END)),
                    ("lib.tag", (TAG, END)),
                )
            ]
            tops = [
                build_template((TemplateInclusion("lib.image", ROOT), IMAGE), path=f"c{number}/templates/web.yaml")
                for number in range(charts)
            ]
            references = tuple(build_chart_reference(path=f"c{number}/values.yaml") for number in range(charts))
            found = unlock_templated_digests(references, [*templates, *tops])
            assert [reference.digest_slot for reference in found] == [SLOT] * charts
            assert steps
            return len(steps)

        assert count_steps(20) == 2 * count_steps(10)

    def test_only_nearest_dependencies_are_loaded_if_chart_exceeds_limit(self, monkeypatch):
        monkeypatch.setattr(chart_loading, "MAX_DEPENDENCIES", 2)
        foreign = build_template((TAG, END), name="image", path="c/templates/_helpers.tpl")
        top = build_template((TemplateInclusion("image", ROOT), IMAGE))
        near = build_chart("web", "a", "c"), build_chart("a", "b"), build_chart("b"), build_chart("c")
        assert find_verdict(foreign, top, *near) == "open"
        far = build_chart("web", "a"), build_chart("a", "b"), build_chart("b", "c"), build_chart("c")
        assert find_verdict(foreign, top, *far) == "unknown"

    def test_values_passed_to_template_that_is_not_in_tree_are_not_editable(self):
        given = TemplateInclusion("library.image", ROOT)
        assert find_verdict(build_template((TAG, IMAGE), (given, IMAGE))) == "unknown"
        image = TemplateInclusion("library.image", frozenset({("Values", "image")}))
        assert find_verdict(build_template((image, IMAGE))) == "unknown"
        other = TemplateInclusion("library.image", frozenset({("Values", "other")}))
        assert find_verdict(build_template((TAG, IMAGE), (other, IMAGE))) == "open"

    def test_templates_of_bitnami_common_library_are_supported_without_source(self):
        image = ("imageRoot", frozenset({("Values", "image")})), ("global", frozenset({("Values", "global")}))
        assert (
            find_verdict(build_template((TemplateInclusion("common.images.image", frozenset(), image), IMAGE)))
            == "open"
        )
        labels = TemplateInclusion("common.labels.standard", frozenset(), (("context", ROOT),))
        assert find_verdict(build_template((TAG, IMAGE), (labels, OTHER))) == "open"
        rendered = TemplateInclusion(
            "common.tplvalues.render", frozenset(), (("value", frozenset({TAG})), ("context", ROOT))
        )
        assert find_verdict(build_template((TAG, IMAGE), (rendered, OTHER))) == "tag-is-label"

    def test_templates_that_include_each_other_are_analysed_to_the_end(self):
        circle = build_template((TemplateInclusion("circle", frozenset({("x",)})), END), (TAG, END), name="circle")
        with soon(1):
            assert find_verdict(circle, build_template((TemplateInclusion("circle", ROOT), IMAGE))) == "unknown"

    def test_values_of_chart_with_too_many_includes_are_not_editable(self, monkeypatch):
        monkeypatch.setattr(template_uses, "MAX_INCLUSIONS", 10)
        many = [
            build_template((TemplateInclusion(f"b{number}", ROOT), OTHER), name=f"a{number}") for number in range(9)
        ]
        last = [build_template(name=f"b{number}") for number in range(9)]
        top = build_template((TAG, IMAGE), *((TemplateInclusion(f"a{number}", ROOT), OTHER) for number in range(9)))
        assert find_verdict(top) == "unknown"
        assert find_verdict(top, *many, *last) == "unknown"

    def test_tag_passed_by_argument_with_hundreds_of_paths_is_not_editable(self):
        ways = frozenset(("Values", str(number)) for number in range(300))
        defined = build_template((("tag",), END), name="image")
        assert (
            find_verdict(defined, build_template((TAG, IMAGE), (TemplateInclusion("image", ways), IMAGE))) == "unknown"
        )


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
    def test_values_file_belongs_to_chart_in_same_folder_or_one_folder_above(self, path, expected):
        assert find_verdict(build_template((TAG, IMAGE)), reference=build_chart_reference(path=path)) == expected

    def test_chart_at_root_of_repository_is_analysed(self):
        assert (
            find_verdict(
                build_template((TAG, IMAGE), path="templates/a.yaml"),
                reference=build_chart_reference(path="values.yaml"),
            )
            == "open"
        )
        assert (
            find_verdict(
                build_template((TAG, IMAGE), path="templates/a.yaml"),
                reference=build_chart_reference(path="ci/values.yaml"),
            )
            == "open"
        )

    def test_templates_of_unrelated_chart_are_ignored(self):
        other = build_template((TAG, OTHER), path="other/templates/web.yaml")
        assert find_verdict(build_template((TAG, IMAGE)), other) == "open"
        assert find_verdict(other) == "unknown"

    def test_parent_templates_do_not_count_as_templates_of_subchart(self):
        assert (
            find_verdict(
                build_template((TAG, IMAGE)), reference=build_chart_reference(path="web/charts/db/values.yaml")
            )
            == "unknown"
        )

    def test_parent_values_under_name_of_subchart_are_used_by_subchart(self):
        inside = build_template((TAG, IMAGE), path="web/charts/db/templates/db.yaml")
        top = build_template((("Values", "image", "tag"), OTHER))
        assert find_verdict(inside, top, reference=build_chart_reference("db.image.tag")) == "open"
        assert find_verdict(inside, top, reference=build_chart_reference("image.tag")) == "tag-is-label"
        assert find_verdict(inside, top, reference=build_chart_reference(path="web/charts/db/values.yaml")) == "open"
        deep = build_template((TAG, IMAGE), path="web/charts/db/charts/exporter/templates/a.yaml")
        assert find_verdict(deep, top, inside, reference=build_chart_reference("db.exporter.image.tag")) == "open"

    def test_digest_cannot_be_added_if_parent_chart_uses_tag_of_subchart_as_label(self):
        inside = build_template((TAG, IMAGE), path="web/charts/db/templates/db.yaml")
        label = build_template((("Values", "db", "image", "tag"), OTHER))
        assert find_verdict(inside, label, reference=build_chart_reference("db.image.tag")) == "tag-is-label"

    def test_subchart_uses_global_values_of_parent_chart(self):
        inside = build_template((("Values", "global", "image", "tag"), IMAGE), path="web/charts/db/templates/db.yaml")
        assert find_verdict(inside, build_template(), reference=build_chart_reference("global.image.tag")) == "open"
        assert (
            find_verdict(inside, build_template(), reference=build_chart_reference("db.global.image.tag")) == "unknown"
        )

    def test_unanalysable_subchart_locks_only_values_of_subchart(self):
        inside = build_template(((), UNKNOWN), path="web/charts/db/templates/db.yaml")
        assert find_verdict(inside, build_template((TAG, IMAGE))) == "open"
        assert (
            find_verdict(
                inside,
                build_template((("Values", "db", "image", "tag"), IMAGE)),
                reference=build_chart_reference("db.image.tag"),
            )
            == "unknown"
        )

    def test_template_text_in_values_file_counts_as_use_of_tag(self):
        text = build_template((TAG, OTHER), path="web/values.yaml")
        assert find_verdict(build_template((TAG, IMAGE)), text) == "tag-is-label"
        assert find_verdict(build_template((TAG, IMAGE)), build_template((TAG, OTHER), path="values.yaml")) == "open"


def test_references_with_shared_bytes_are_editable_only_if_all_are():
    references = (build_chart_reference("image.tag"), build_chart_reference("proxy.image.tag"))
    image, proxy = ((TAG, IMAGE), (("Values", "proxy", "image", "tag"), IMAGE))
    assert unlock_templated_digests(references, [build_template(image)]) == references
    both = unlock_templated_digests(references, [build_template(image, proxy)])
    assert [reference.digest_slot for reference in both] == [SLOT, SLOT]


def test_digest_value_that_template_writes_after_sha256_is_not_editable():
    """`sha256:sha256:…` is not a digest."""
    reference = build_chart_reference("image.digest", digest_slot=EditSlot(Span(5, 5), b"", b""))
    digest = ("Values", "image", "digest")
    assert find_verdict(build_template((digest, IMAGE)), reference=reference) == "unknown"
    assert find_verdict(build_template((digest, OTHER)), reference=reference) == "unknown"
    assert (
        find_verdict(build_template((digest, ValueUse.BEHIND_ALGORITHM)), reference=reference) == "unsupported-digest"
    )
    assert find_verdict(build_template((TAG, IMAGE), (TAG, ValueUse.BEHIND_ALGORITHM))) == "tag-is-label"


def test_references_locked_for_other_reasons_stay_locked():
    closed = NotEditable(Reason.TAG_IS_LABEL)
    assert find_verdict(build_template((TAG, IMAGE)), reference=build_chart_reference(digest_slot=closed)) == "unknown"
    assert find_verdict(build_template((TAG, IMAGE)), reference=build_chart_reference(format="kubernetes")) == "unknown"
    assert (
        find_verdict(
            build_template((TAG, IMAGE)),
            reference=build_chart_reference(digest_slot=NotEditable(Reason.EMBEDDED, SLOT)),
        )
        == "unknown"
    )


def test_unchanged_charts_are_not_analysed_again_after_edit(monkeypatch):
    analysed, collect_uses = [], chart_templates.collect_uses
    monkeypatch.setattr(chart_templates, "collect_uses", lambda *each: analysed.append(each) or collect_uses(*each))
    facts = [
        fact
        for number in range(3)
        for fact in (
            build_chart(f"app-{number}"),
            build_template((TAG, IMAGE), path=f"app-{number}/templates/web.yaml"),
        )
    ]
    references = tuple(build_chart_reference(path=f"app-{number}/values.yaml") for number in range(3))
    first = unlock_templated_digests(references, facts)
    assert [unlock_templated_digests(references, [*facts]) for _ in range(5)] == [first] * 5
    assert len(analysed) == 3
    edited = [*facts[:-1], build_template((TAG, IMAGE), (TAG, OTHER), path="app-2/templates/web.yaml")]
    assert unlock_templated_digests(references, edited)[2].digest_slot == NotEditable(Reason.TAG_IS_LABEL)


def test_values_of_charts_beyond_path_limit_of_repository_are_not_editable(monkeypatch):
    """Each chart has a limit of its own, but a tree can have thousands of charts."""
    monkeypatch.setattr(template_uses, "MAX_TREE_PATHS", 10)
    facts = [build_template((TAG, IMAGE), path=f"app-{number}/templates/web.yaml") for number in range(10)]
    references = tuple(build_chart_reference(path=f"app-{number}/values.yaml") for number in range(10))
    found = unlock_templated_digests(references, facts)
    assert [each.digest_slot == SLOT for each in found] == [True] * 2 + [False] * 8
