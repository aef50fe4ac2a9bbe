"""Tests of values files: missing parts come from the chart, but never its digest for another image."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.budgets import TreeBudget, WorkLimitError
from bot.core.references.relate.values_files import MAX_NOTES, merge_values_files
from bot.formats._syntax.reference_positions import ReferencePosition
from bot.formats.helm import FORMAT
from bot.model.chart_facts import ChartImage, ChartValue, ImagePart
from bot.model.path_index import index_paths
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, SourceFile
from bot.model.vocabulary import Reason, Role
from bot.pipeline.references.extract import relate_references
from bot.pipeline.references.file_reading import read_file

KEYS = {part: f"0/ui/image/{part}" for part in ImagePart}


def inherited(registry, path, *, is_certain=True, text="acme/ui:1", format_name="helm"):
    place = ReferencePosition(FilePath(path), format_name, Role.THIRD_PARTY, 1, "0/ui/image").read_reference(text, 5)
    name, tag = text.split(":")
    values = [
        ChartValue(place.path, 1, KEYS[ImagePart.REPOSITORY], name),
        ChartValue(place.path, 1, KEYS[ImagePart.TAG], tag),
    ]
    own = FilePath("chart/values.yaml")
    image = ChartImage(own, "0/ui/image", tuple(KEYS.items()), ImagePart.TAG, registry, is_certain)
    first, *_ = merge_values_files((place,), (image, *values), TreeBudget())
    return first


@pytest.mark.parametrize("path", ["chart/values-prod.yaml", "chart/ci/values.yaml", "chart/values/prod.yaml"])
def test_files_beside_and_below_the_values_of_a_chart_have_its_registry(path):
    place = inherited("ghcr.io", path)
    assert place.image.repository == "ghcr.io/acme/ui"
    assert isinstance(place.digest_slot, EditSlot)


@pytest.mark.parametrize(
    "path", ["values.yaml", "other/values-prod.yaml", "chart/a/b/values.yaml", "chart/other/values.yaml"]
)
def test_files_elsewhere_have_not(path):
    assert inherited("ghcr.io", path).image.repository == "docker.io/acme/ui"


def test_a_registry_of_its_own_stays():
    assert inherited("ghcr.io", "chart/values-prod.yaml", text="quay.io/acme/ui:1").image.host == "quay.io"


def test_other_formats_know_nothing_of_charts():
    place = inherited("ghcr.io", "chart/values-prod.yaml", format_name="compose")
    assert place.image.repository == "docker.io/acme/ui"


@pytest.mark.parametrize(("registry", "is_certain"), [("ghcr.io", False), ("{{ .Values.registry }}", True)])
def test_where_the_registry_is_not_known_nothing_is_written(registry, is_certain):
    place = inherited(registry, "chart/values-prod.yaml", is_certain=is_certain)
    assert isinstance(place.digest_slot, NotEditable)
    assert place.digest_slot.reason is Reason.CHART_UNKNOWN


def chart(**files):
    """Return the references of a chart's files. A `-` precedes those that are locked."""
    contents = {FilePath("Chart.yaml"): ""} | {
        FilePath(f"{name.replace('__', '/').replace('_', '-')}.yaml"): text for name, text in files.items()
    }
    chosen = FORMAT.select_paths(index_paths(contents))
    places = relate_references([read_file(SourceFile(path, contents[path].encode()), FORMAT) for path in chosen])
    return [
        f"{'' if isinstance(place.digest_slot, EditSlot) else '-'}{place.image}"
        for place in places
        if isinstance(place, Reference)
    ]


WEB = 'image: {repository: nginx, tag: "1.27", digest: ""}'


@pytest.mark.parametrize(
    ("over", "listed"),
    [
        ('image: {tag: "1.28"}', "-nginx:1.28"),
        ('image: {tag: ""}', "-nginx"),
        ("image: {repository: acme/nginx}", "-acme/nginx:1.27"),
        ("image: {registry: ghcr.io}", "-ghcr.io/nginx:1.27"),
        ('image: {repository: nginx, tag: "1.27"}', "-nginx:1.27"),
    ],
)
def test_a_digest_that_other_values_would_keep_for_their_own_image_is_not_written(over, listed):
    assert chart(values_prod=over, values=WEB) == [listed, "-nginx:1.27"]


@pytest.mark.parametrize(
    ("over", "listed"),
    [
        ('image: {tag: "1.28", digest: ""}', ["-nginx:1.28"]),
        ('image: {repository: nginx, tag: "1.28", digest: ""}', ["nginx:1.28"]),
        ('image: {repository: acme/nginx, digest: ""}', ["acme/nginx:1.27"]),
        ("image: {digest: null}", ["-nginx:1.27"]),
        ("image: {pullPolicy: Always}", []),
        ("other: {tag: '1'}", []),
    ],
)
def test_values_that_have_its_key_or_nothing_of_an_image_leave_the_digest_open(over, listed):
    assert chart(values_prod=over, values=WEB) == [*listed, "nginx:1.27"]


def test_values_that_name_no_image_are_looked_at_for_its_parts():
    own = 'web: {repository: nginx, tag: "1.27", digest: ""}'
    assert chart(values_prod='web: {tag: "1.28"}', values=own) == ["-nginx:1.28", "-nginx:1.27"]


def test_an_image_that_has_a_digest_of_its_own_has_the_tag_of_the_chart_before_it():
    digest = f"sha256:{'1b' * 32}"
    over = f'image: {{repository: acme/nginx, digest: "{digest}"}}'
    assert chart(values_prod=over, values=WEB) == [f"acme/nginx:1.27@{digest}", "nginx:1.27"]


def test_an_overlay_whose_parts_make_no_reference_is_not_listed_and_closes_the_place():
    assert chart(values_prod='image: {tag: "{{ .Values.tag }}"}', values=WEB) == ["-nginx:1.27"]


NAMED = 'image: {image: acme/web, tag: "1", digest: "sha256:%s"}' % ("1b" * 32)


@pytest.mark.parametrize(
    ("over", "listed"),
    [
        ('image: {repository: acme/fork, tag: "2", digest: null}', "acme/fork:2"),
        ('image: {repository: acme/fork, tag: "2"}', "-acme/fork:2"),
        ('image: {tag: "2"}', f"-acme/web:2@sha256:{'1b' * 32}"),
    ],
)
def test_name_in_the_chart_is_not_an_image_if_the_overlay_sets_the_repository(over, listed):
    assert chart(ci__over_values=over, values=NAMED)[:-1] == [listed]


def test_items_of_lists_are_laid_over_nothing():
    own = f"sidecars: [{{{WEB}}}]"
    assert chart(values_prod='sidecars: [{image: {tag: "1.28"}}]', values=own) == ["nginx:1.27"]


def test_values_of_the_charts_around_it_are_laid_over_those_of_a_subchart():
    inner = {"charts__db__charts__web__values": WEB, "charts__db__charts__web__Chart": ""}
    places = chart(values="db: {web: {image: {tag: '1'}}}", values_prod="db: {web: {image: {tag: '2'}}}", **inner)
    assert places == ["-nginx:1.27", "-nginx:2", "-nginx:1"]


def test_what_is_closed_for_good_keeps_its_reason():
    place = ReferencePosition(FilePath("values.yaml"), "helm", Role.THIRD_PARTY, 1, "0/ui/image").read_reference(
        "acme/ui:1", 5
    )
    place = replace(place, digest_slot=NotEditable(Reason.OTHER_WRITER), tag_slot=NotEditable(Reason.OTHER_WRITER))
    image = ChartImage(place.path, place.locator, tuple(KEYS.items()), ImagePart.DIGEST, "", is_certain=True)
    over = ChartValue(FilePath("values-prod.yaml"), 1, KEYS[ImagePart.TAG], "2")
    assert place in merge_values_files((place,), (image, over), TreeBudget())


def test_only_some_of_many_files_are_named():
    place = ReferencePosition(FilePath("values.yaml"), "helm", Role.THIRD_PARTY, 1, "0/ui/image").read_reference(
        "acme/ui:1", 5
    )
    image = ChartImage(place.path, place.locator, tuple(KEYS.items()), ImagePart.DIGEST, "", is_certain=True)
    over = [ChartValue(FilePath(f"ci/{number}.yaml"), 1, KEYS[ImagePart.TAG], "2") for number in range(MAX_NOTES + 2)]
    closed, *_ = merge_values_files((place,), (image, *over), TreeBudget())
    assert closed.notes[0].startswith("ci/0.yaml ")
    assert closed.notes[MAX_NOTES:] == ("so would 2 other files of values",)


def test_too_many_overlays_of_a_part_that_many_images_share_end_the_run_of_the_repository():
    own = FilePath("chart/values.yaml")
    shared = (ImagePart.REGISTRY, "0/global/registry")
    images = [
        ChartImage(own, f"0/image-{number}", (shared, *KEYS.items()), ImagePart.TAG, "", is_certain=True)
        for number in range(1100)
    ]
    values = [ChartValue(FilePath(f"chart/ci/{number}.yaml"), 1, shared[1], "ghcr.io") for number in range(1000)]
    budget = TreeBudget(steps=1000)
    with pytest.raises(WorkLimitError, match=r"^chart/ci/0\.yaml: .* steps"):
        merge_values_files((), (*images, *values), budget)
