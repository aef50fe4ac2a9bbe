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


def merge_inherited_values(registry, path, *, is_certain=True, text="acme/ui:1", format_name="helm"):
    reference = ReferencePosition(FilePath(path), format_name, Role.THIRD_PARTY, 1, "0/ui/image").read_reference(
        text, 5
    )
    name, tag = text.split(":")
    values = [
        ChartValue(reference.path, 1, KEYS[ImagePart.REPOSITORY], name),
        ChartValue(reference.path, 1, KEYS[ImagePart.TAG], tag),
    ]
    own = FilePath("chart/values.yaml")
    image = ChartImage(own, "0/ui/image", tuple(KEYS.items()), ImagePart.TAG, registry, is_certain)
    first, *_ = merge_values_files((reference,), (image, *values), TreeBudget())
    return first


@pytest.mark.parametrize("path", ["chart/values-prod.yaml", "chart/ci/values.yaml", "chart/values/prod.yaml"])
def test_values_file_in_chart_inherits_registry_from_chart_values(path):
    reference = merge_inherited_values("ghcr.io", path)
    assert reference.image.repository == "ghcr.io/acme/ui"
    assert isinstance(reference.digest_slot, EditSlot)


@pytest.mark.parametrize(
    "path", ["values.yaml", "other/values-prod.yaml", "chart/a/b/values.yaml", "chart/other/values.yaml"]
)
def test_values_file_outside_chart_does_not_inherit_registry(path):
    assert merge_inherited_values("ghcr.io", path).image.repository == "docker.io/acme/ui"


def test_registry_in_values_file_overrides_registry_from_chart_values():
    assert merge_inherited_values("ghcr.io", "chart/values-prod.yaml", text="quay.io/acme/ui:1").image.host == "quay.io"


def test_compose_file_in_chart_folder_does_not_inherit_registry():
    reference = merge_inherited_values("ghcr.io", "chart/values-prod.yaml", format_name="compose")
    assert reference.image.repository == "docker.io/acme/ui"


@pytest.mark.parametrize(("registry", "is_certain"), [("ghcr.io", False), ("{{ .Values.registry }}", True)])
def test_image_in_values_file_is_locked_if_registry_of_chart_is_unknown(registry, is_certain):
    reference = merge_inherited_values(registry, "chart/values-prod.yaml", is_certain=is_certain)
    assert isinstance(reference.digest_slot, NotEditable)
    assert reference.digest_slot.reason is Reason.CHART_UNKNOWN


def relate_chart_files(**files):
    """Return the references of a chart's files. A `-` precedes those that are locked."""
    contents = {FilePath("Chart.yaml"): ""} | {
        FilePath(f"{name.replace('__', '/').replace('_', '-')}.yaml"): text for name, text in files.items()
    }
    chosen = FORMAT.select_paths(index_paths(contents))
    references = relate_references([read_file(SourceFile(path, contents[path].encode()), FORMAT) for path in chosen])
    return [
        f"{'' if isinstance(reference.digest_slot, EditSlot) else '-'}{reference.image}"
        for reference in references
        if isinstance(reference, Reference)
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
def test_chart_digest_is_locked_if_values_file_would_use_digest_for_other_image(over, listed):
    assert relate_chart_files(values_prod=over, values=WEB) == [listed, "-nginx:1.27"]


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
def test_chart_digest_stays_editable_if_values_file_sets_digest_or_no_image_part(over, listed):
    assert relate_chart_files(values_prod=over, values=WEB) == [*listed, "nginx:1.27"]


def test_values_file_that_sets_only_the_tag_locks_chart_digest():
    own = 'web: {repository: nginx, tag: "1.27", digest: ""}'
    assert relate_chart_files(values_prod='web: {tag: "1.28"}', values=own) == ["-nginx:1.28", "-nginx:1.27"]


def test_override_with_digest_keeps_tag_from_chart_values():
    digest = f"sha256:{'1b' * 32}"
    over = f'image: {{repository: acme/nginx, digest: "{digest}"}}'
    assert relate_chart_files(values_prod=over, values=WEB) == [f"acme/nginx:1.27@{digest}", "nginx:1.27"]


def test_values_file_with_templated_tag_has_no_reference_and_locks_chart_digest():
    assert relate_chart_files(values_prod='image: {tag: "{{ .Values.tag }}"}', values=WEB) == ["-nginx:1.27"]


NAMED = 'image: {image: acme/web, tag: "1", digest: "sha256:%s"}' % ("1b" * 32)


@pytest.mark.parametrize(
    ("over", "listed"),
    [
        ('image: {repository: acme/fork, tag: "2", digest: null}', "acme/fork:2"),
        ('image: {repository: acme/fork, tag: "2"}', "-acme/fork:2"),
        ('image: {tag: "2"}', f"-acme/web:2@sha256:{'1b' * 32}"),
    ],
)
def test_repository_in_values_file_replaces_image_name_from_chart_values(over, listed):
    assert relate_chart_files(ci__over_values=over, values=NAMED)[:-1] == [listed]


def test_list_items_of_values_files_are_not_merged_with_chart_values():
    own = f"sidecars: [{{{WEB}}}]"
    assert relate_chart_files(values_prod='sidecars: [{image: {tag: "1.28"}}]', values=own) == ["nginx:1.27"]


def test_digest_of_subchart_is_locked_if_parent_charts_override_tag():
    inner = {"charts__db__charts__web__values": WEB, "charts__db__charts__web__Chart": ""}
    references = relate_chart_files(
        values="db: {web: {image: {tag: '1'}}}", values_prod="db: {web: {image: {tag: '2'}}}", **inner
    )
    assert references == ["-nginx:1.27", "-nginx:2", "-nginx:1"]


def test_permanently_locked_chart_image_keeps_reason_if_values_file_overrides_tag():
    reference = ReferencePosition(FilePath("values.yaml"), "helm", Role.THIRD_PARTY, 1, "0/ui/image").read_reference(
        "acme/ui:1", 5
    )
    reference = replace(
        reference, digest_slot=NotEditable(Reason.OTHER_WRITER), tag_slot=NotEditable(Reason.OTHER_WRITER)
    )
    image = ChartImage(reference.path, reference.locator, tuple(KEYS.items()), ImagePart.DIGEST, "", is_certain=True)
    over = ChartValue(FilePath("values-prod.yaml"), 1, KEYS[ImagePart.TAG], "2")
    assert reference in merge_values_files((reference,), (image, over), TreeBudget())


def test_note_lists_first_values_files_that_override_image_and_counts_rest():
    reference = ReferencePosition(FilePath("values.yaml"), "helm", Role.THIRD_PARTY, 1, "0/ui/image").read_reference(
        "acme/ui:1", 5
    )
    image = ChartImage(reference.path, reference.locator, tuple(KEYS.items()), ImagePart.DIGEST, "", is_certain=True)
    over = [ChartValue(FilePath(f"ci/{number}.yaml"), 1, KEYS[ImagePart.TAG], "2") for number in range(MAX_NOTES + 2)]
    closed, *_ = merge_values_files((reference,), (image, *over), TreeBudget())
    assert closed.notes[0].startswith("ci/0.yaml ")
    assert closed.notes[MAX_NOTES:] == ("so would 2 other files of values",)


def test_too_many_values_files_that_set_shared_registry_exceed_work_limit():
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
