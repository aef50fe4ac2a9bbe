"""Lines of Helm templates are no warnings if the default values of the chart name their image."""

from __future__ import annotations

import json

import pytest
from support.runs.worlds import write_tree

VALUES = 'image: {repository: nginx, tag: "1.27"}\nweb: {image: {repository: redis, tag: "7"}}\nname: other\n'


@pytest.fixture
def list_texts(tmp_path, basebump):
    """Scan a chart whose template has these images; return the texts of the lines that name no readable image."""

    def scan(*images: str, values: str = VALUES, folder: str = "chart/") -> list[str]:
        containers = "".join(f"    - image: {each}\n" for each in images)
        pod = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n  containers:\n{containers}"
        files = {"Chart.yaml": "name: x\nversion: 1.0.0\n", "values.yaml": values, "templates/pod.yaml": pod}
        write_tree(tmp_path, {folder + name: text for name, text in files.items()})
        document = json.loads(basebump("scan", tmp_path, "--offline", "--format", "json")[1])
        return [each["text"] for each in document["unsupported"]]

    return scan


@pytest.mark.parametrize("folder", ["", "chart/", "deploy/charts/web/"])
@pytest.mark.parametrize(
    "image",
    [
        '"{{ .Values.image.repository }}:{{ .Values.image.tag }}"',
        '"{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"',
        '{{ include "image" .Values.web.image }}',
    ],
)
def test_template_line_is_not_reported_when_chart_values_contain_image(list_texts, image, folder):
    assert list_texts(image, folder=folder) == []


@pytest.mark.parametrize(
    "image", ["{{ .Values.name }}", "{{ .Values.imageName }}", "{{ .Values.webx.image }}", "{{ $x }}"]
)
def test_template_line_is_reported_when_chart_values_lack_image(list_texts, image):
    assert list_texts(image) == [image]


@pytest.mark.parametrize(
    "image",
    [
        "{{ .Values.image.repository }}/{{ .Values.name }}:{{ .Values.image.tag }}",
        "{{ .Values.image.repository }}/redis:alpine",
        "{{ .Values.image.repository }}-{{ .Values.name }}:{{ .Values.image.tag }}",
        "{{ .Values.image.repository }}:{{ .Values.image.tag }}-alpine",
    ],
)
def test_template_line_that_appends_text_to_image_from_values_is_reported(list_texts, image):
    assert list_texts(image) == [image]


def test_template_line_that_prepends_registry_from_values_is_not_reported(list_texts):
    values = 'image: {registry: quay.io, repository: acme/web, tag: "1.27"}\nglobal: {imageRegistry: ""}\n'
    images = [
        "{{ .Values.image.registry }}/{{ .Values.image.repository }}:{{ .Values.image.tag }}",
        "{{ .Values.global.imageRegistry | default .Values.image.registry }}/{{ .Values.image.repository }}",
    ]
    assert list_texts(*images, values=values) == []


def test_template_line_is_reported_when_only_other_chart_has_image_in_values(list_texts, tmp_path):
    write_tree(tmp_path, {"other/values.yaml": VALUES, "other/Chart.yaml": "name: y\nversion: 1.0.0\n"})
    assert list_texts("{{ .Values.image.repository }}", values="name: other\n") == ["{{ .Values.image.repository }}"]
