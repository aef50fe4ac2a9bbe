"""Charts as Helm renders them, before and after pinning. Only images may change, each to its own digest."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from shutil import copytree

import pytest
from support.witnesses.helm import render

from bot.core.references.edit import apply_edits, build_edit
from bot.formats.helm import FORMAT
from bot.model.image_name import Digest, ImageName
from bot.model.path_index import index_paths
from bot.model.source import ByteEdit, EditSlot, FilePath, Reference, SourceFile
from bot.pipeline.references.extract import relate_references
from bot.pipeline.references.file_reading import read_file

CASES = Path(__file__).parent / "helm"
IMAGE = re.compile(r"(?P<key>.*[iI]mage: *\"?)(?P<image>[^\s\"]+)(?P<rest>.*)")

CHART = b"apiVersion: v2\nname: web\nversion: 1.0.0\nappVersion: '9'\n"
VALUES = b"""\
registry: ""
image:
  registry: quay.io
  repository: acme/web
  tag: v1
"""
NAME = "{{ .Values.image.registry }}/{{ .Values.image.repository }}"
TAG = "{{ .Values.image.tag }}"
HELPER = '{{ define "web.image" }}{{ .at.registry }}/{{ .at.repository }}:{{ .at.tag }}{{ end }}'


def digest_for(image: ImageName) -> Digest:
    return Digest(f"sha256:{hashlib.sha256(f'{image.repository}:{image.tag}'.encode()).hexdigest()}")


def pin(chart: Path) -> None:
    """Write a new digest into every editable digest slot of a chart."""
    paths = index_paths([FilePath(each.relative_to(chart).as_posix()) for each in chart.rglob("*") if each.is_file()])
    readings = [read_file(SourceFile(path, (chart / path).read_bytes()), FORMAT) for path in FORMAT.select_paths(paths)]
    edits: dict[str, list[ByteEdit]] = {}
    for reference in relate_references(readings):
        if isinstance(reference, Reference) and isinstance(reference.digest_slot, EditSlot) and reference.image.tag:
            edits.setdefault(reference.path, []).append(build_edit(reference.digest_slot, digest_for(reference.image)))
    for path, of_file in edits.items():
        (chart / path).write_bytes(apply_edits((chart / path).read_bytes(), of_file))


def changes(before: dict[str, list[str]], after: dict[str, list[str]]) -> int:
    """Check that every changed line has the same image with its digest. Return the number of changed lines."""
    assert before.keys() == after.keys()
    pairs = [pair for path in before for pair in zip(before[path], after[path], strict=True) if pair[0] != pair[1]]
    for old, new in pairs:
        old_line, new_line = IMAGE.fullmatch(old), IMAGE.fullmatch(new)
        assert old_line is not None, (old, new)
        assert new_line is not None, (old, new)
        assert (old_line["key"], old_line["rest"]) == (new_line["key"], new_line["rest"])
        image, pinned = (ImageName.parse(line["image"]) for line in (old_line, new_line))
        assert (pinned.repository, pinned.digest) == (image.repository, digest_for(image))
        assert pinned.tag in {image.tag, None}
    return len(pairs)


@pytest.mark.real("helm")
@pytest.mark.parametrize(
    "name",
    ["anchors", "app-version", "behind-algorithm", "keys-beside", "subcharts", "subcharts/charts/db", "templates"],
)
def test_pinning_a_chart_changes_only_images_in_output_of_helm(name):
    case, _, chart = name.partition("/")
    before, after = (render(CASES / case / state / chart) for state in ("before", "after"))
    assert before is not None
    assert after is not None
    assert bool(changes(before, after)) is (name != "templates")  # the values of this chart are not only used in images


@pytest.mark.real("helm")
@pytest.mark.parametrize("values", ["apps/web-test.yaml", "kustomize/web.yaml"])
def test_pinning_other_values_files_changes_only_images_in_output_of_helm(values):
    folders = [CASES / "named-values" / state for state in ("before", "after")]
    before, after = (render(folder / "charts" / "web", folder / values) for folder in folders)
    assert before is not None
    assert after is not None
    assert changes(before, after) == 1


@pytest.mark.real("helm")
@pytest.mark.parametrize(
    ("case", "values", "count"),
    [
        ("partial-overlays", None, 3),
        ("partial-overlays", "values-prod.yaml", 1),
        ("partial-overlays", "ci/mirror-values.yaml", 3),
        ("names-beside", "ci/null-values.yaml", 1),
        ("names-beside", "ci/inherited-values.yaml", 0),
        ("umbrella", None, 0),
        ("umbrella", "values-prod.yaml", 0),
    ],
)
def test_chart_with_overlay_values_never_renders_digest_of_another_image(case, values, count, tmp_path):
    chart = copytree(CASES / case / "before", tmp_path / "chart")
    over = chart / values if values is not None else None
    before = render(chart, over)
    pin(chart)
    after = render(chart, over)
    assert before is not None
    assert after is not None
    assert changes(before, after) == count


def rendered_changes(folder: Path, template: str, values: bytes = VALUES) -> int:
    """Return how many lines of a chart with one template change when it is pinned."""
    (folder / "templates").mkdir()
    (folder / "Chart.yaml").write_bytes(CHART)
    (folder / "values.yaml").write_bytes(values)
    (folder / "templates" / "web.yaml").write_text(f"{template}\n", encoding="utf-8")
    before = render(folder)
    pin(folder)
    after = render(folder) if (folder / "values.yaml").read_bytes() != values else before
    assert before is not None
    assert after is not None
    return changes(before, after)


@pytest.mark.real("helm")
@pytest.mark.parametrize(
    "template",
    [
        f"image: {NAME}:{TAG}",
        f'image: "{NAME}:{{{{ .Values.image.tag | default .Chart.AppVersion }}}}"',
        f"image: {{{{ with .Values.registry }}}}{{{{ . }}}}/{{{{ end }}}}{NAME}:{TAG}",
        'image: {{ printf "%s/%s:%s" .Values.image.registry .Values.image.repository .Values.image.tag | quote }}',
        "{{ with .Values.image }}image: {{ .registry }}/{{ .repository }}:{{ .tag }}{{ end }}",
        f'{HELPER}image: {{{{ include "web.image" (dict "at" .Values.image) }}}}',
        f"image: {NAME}:{TAG}\nchecksum: {{{{ if .Values.image.tag }}}}yes{{{{ end }}}}",
    ],
)
def test_chart_tag_gets_digest_if_rendered_only_at_the_end_of_an_image(template, tmp_path):
    assert rendered_changes(tmp_path, template) == 1


@pytest.mark.real("helm")
@pytest.mark.parametrize(
    "template",
    [
        f'image: {NAME}:{{{{ print "v" .Values.image.tag }}}}',
        f'{{{{ $tag := .Values.image.tag }}}}{{{{ $tag = print $tag "-a" }}}}image: {NAME}:{{{{ $tag }}}}',
        f"image: {NAME}:{TAG}\nversion: {TAG}",
        f"image: {NAME}:{TAG}-alpine",
        f"image: {NAME}:v{TAG}",
        f"image: {NAME}/app:{TAG}",
        f"image: {NAME}:{TAG}\ninitImage: {NAME}-init:{TAG}",
        f"image: registry.acme.com/{NAME}:{TAG}",
        'image: {{ printf "%s:v%s" .Values.image.repository .Values.image.tag }}',
        f'image: {NAME}:{TAG}\nis: {{{{ eq .Values.image.tag "v1" }}}}',
        f"image: {NAME}:{TAG}\n{{{{ range $key, $each := .Values.image }}}}\n{{{{ $key }}}}: {{{{ . }}}}{{{{ end }}}}",
        f"image: {NAME}:{TAG}\nall: {{{{ toJson .Values.image }}}}",
        f'{HELPER}name: {{{{ include "web.image" (dict "at" .Values.image) | replace "/" "-" }}}}',
    ],
)
def test_chart_tag_gets_no_digest_if_rendered_anywhere_but_at_the_end_of_an_image(template, tmp_path):
    assert rendered_changes(tmp_path, template) == 0


SEVERAL_NAMES = b"""\
global:
  imageRegistry: ""
image:
  registry: quay.io
  repository: acme/web
  tag: v1
worker:
  image:
    registry: ghcr.io
    repository: acme/worker
    tag: v2
    digest: ""
hub:
  image:
    repository: acme/hub
    tag: v3
    digest: ""
cart:
  name: cart
  repository: acme/cart
job: {}
mirror:
  repository: ""
debug: true
"""
LIBRARY_TEMPLATE = """\
{{- define "library.image" -}}
{{- $registry := default .root.registry ((.global).imageRegistry) -}}
{{- $separator := ":" -}}
{{- $end := .root.tag | toString -}}
{{- if .root.digest -}}
  {{- $separator = "@" -}}
  {{- $end = .root.digest -}}
{{- end -}}
{{- if $registry -}}
  {{- printf "%s/%s%s%s" $registry .root.repository $separator $end -}}
{{- else -}}
  {{- printf "%s%s%s" .root.repository $separator $end -}}
{{- end -}}
{{- end -}}
"""
NAME_TEMPLATE = '{{ define "web.name" }}{{ .registry }}/{{ .repository }}{{ end }}'


@pytest.mark.real("helm")
@pytest.mark.parametrize(
    ("image", "count"),
    [
        (f"quay.io/acme/web:{TAG}", 1),
        (f"{{{{ .Values.mirror.repository }}}}{NAME}:{TAG}", 1),
        (
            """{{ with .Values.global.imageRegistry }}{{ . }}{{ else }}{{ .Values.image.registry }}{{ end }}/\
{{- .Values.image.repository }}:{{ .Values.image.tag }}""",
            1,
        ),
        (f'{{{{ include "web.name" .Values.image }}}}:{TAG}', 1),
        (f"{{{{ if .Values.job.name }}}}{{{{ .Values.job.name }}}}{{{{ else }}}}{NAME}{{{{ end }}}}:{TAG}", 1),
        (
            """{{ .Values.job.registry | default .Values.image.registry }}/\
{{- .Values.job.repository | default .Values.image.repository }}:\
{{- .Values.job.tag | default .Values.image.tag }}""",
            1,
        ),
        (
            """{{ include "library.image" (dict "root" .Values.image "global" .Values.global) }}
{{ range $image := list .Values.worker.image .Values.hub.image }}
image: {{ include "library.image" (dict "root" $image "global" $.Values.global) }}
{{ end }}""",
            3,
        ),
    ],
)
def test_chart_tag_gets_digest_if_rendered_after_the_image_name_beside_the_tag(image, count, tmp_path):
    template = f"{NAME_TEMPLATE}{LIBRARY_TEMPLATE}image: {image}"
    assert rendered_changes(tmp_path, template, SEVERAL_NAMES) == count


@pytest.mark.real("helm")
@pytest.mark.parametrize(
    "image",
    [
        f"{NAME}/{{{{ .Values.cart.name }}}}:{TAG}",
        f"{NAME}{{{{ if .Values.debug }}}}-debug{{{{ end }}}}:{TAG}",
        f"{{{{ .Values.cart.repository }}}}:{TAG}",
        f"{{{{ .Values.cart.repository }}}}{NAME}:{TAG}",
        f"{{{{ .Values.image.repository }}}}:{TAG}",
        f"{NAME}:{TAG}\ninitImage: acme/init:{TAG}",
        f'{{{{ .Values.image.registry }}}}/{{{{ .Values.image.repository | replace "web" "api" }}}}:{TAG}',
        '{{ printf "%s/%s:%s" .Values.image.repository .Values.cart.name .Values.image.tag }}',
        f'{{{{ include "web.name" .Values.image }}}}/{{{{ .Values.cart.name }}}}:{TAG}',
        f'{{{{ include "web.name" (dict "registry" "quay.io" "repository" .Values.cart.repository) }}}}:{TAG}',
        f'{{{{ with .Values.cart }}}}{{{{ include "web.name" . }}}}{{{{ end }}}}:{TAG}',
    ],
)
def test_chart_tag_gets_no_digest_if_rendered_after_the_name_of_another_image(image, tmp_path):
    assert rendered_changes(tmp_path, f"{NAME_TEMPLATE}image: {image}", SEVERAL_NAMES) == 0


@pytest.mark.real("helm")
@pytest.mark.parametrize("tag", ["v0.10.6", '""'])
def test_chart_tag_shared_by_many_images_gets_no_digest(tag, tmp_path):
    """The chart of https://github.com/GoogleCloudPlatform/microservices-demo writes its images in this way."""
    repository = "us-central1-docker.pkg.dev/online-boutique-ci/microservices-demo"
    values = f"images:\n  repository: {repository}\n  tag: {tag}\nadService:\n  name: adservice\n"
    image = "{{ .Values.images.repository }}/{{ .Values.adService.name }}"
    template = f"image: {image}:{{{{ .Values.images.tag | default .Chart.AppVersion }}}}"
    assert rendered_changes(tmp_path, template, values.encode()) == 0
