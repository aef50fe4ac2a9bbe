"""Templates of manifests that are not valid YAML: the images in their lines, found only by indentation."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.soon import soon

from bot.formats.kubernetes import FORMAT
from bot.model.source import FilePath, NotEditable, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason

PATH = FilePath("templates/pod.yaml")
HEAD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}-x\n"


def read(text, path=PATH):
    return list(FORMAT.extract(SourceFile(path, text.encode())))


def list_written(text):
    return [each.written for each in read(text) if isinstance(each, Reference)]


def list_reasons(text):
    return [each.reason for each in read(text) if isinstance(each, UnsupportedText)]


@pytest.mark.parametrize(
    "lines",
    [
        "spec:\n  containers:\n    - image: a:1\n",
        "spec:\n  containers:\n  - image: a:1\n",
        "spec:\n  containers:\n  -   name: x\n      image: a:1\n",
        "spec:\n  containers:\n    -\n      image: a:1\n",
        "spec:\n  'containers':\n    - \"image\": 'a:1'\n",
        "spec:\n  initContainers: # first\n    - name: x\n\n      # why\n      image : a:1 # the image\n",
        "spec:\n  containers:\n    - env:\n        - name: x\n      image: a:1\n",
        "spec:\n{{ if .x }}\n  containers:\n{{ end }}\n    - name: x\n{{- if .y }}\n      image: a:1\n{{ end }}",
        "spec:\n  containers:\n    - args:\n        - |\n          image: evil:1\n        - x\n      image: a:1\n",
    ],
)
def test_image_line_in_manifest_template_is_read_if_inside_a_container(lines):
    assert list_written(HEAD + lines) == ["a:1"]


@pytest.mark.parametrize(
    "lines",
    [
        "spec:\n  image: evil:1\n",
        "spec:\n  volumes:\n    - rbd:\n        image: evil:1\n",
        "spec:\n  containers:\n    image: evil:1\n",
        "spec:\n  containers:\n    - env:\n        image: evil:1\n",
        "spec:\n  containers:\n    - x\nimage: evil:1\n",
        "data:\n  text: |\n    containers:\n      - image: evil:1\n",
        "data:\n  text: >-\n\n    containers:\n      - image: evil:1\n",
        "# containers:\n#   - image: evil:1\n",
        "{{/*\nspec:\n  containers:\n    - image: evil:1\n*/}}\n",
        "spec:\n  containers:\n    {{- range .x }}\n    - {name: a, image: evil:1}\n",
        "spec:\n  containers:\n    - image: 'evil:1\n",
        "spec:\n  containers:\n    - image: &a evil:1\n",
    ],
)
def test_image_line_outside_a_container_in_manifest_template_is_ignored(lines):
    assert list_written(HEAD + lines) == []


def test_unsupported_image_lines_in_manifest_template_are_reported():
    container = "spec:\n  containers:\n    - image: a:1\n"
    assert list_reasons(HEAD + container) == []
    assert list_reasons(f"{HEAD}{container}    - {{name: b, image: 'evil:1'}}\n") == [Reason.UNPARSABLE]
    assert list_reasons(f"{HEAD}{container}  image: evil:1\n") == [Reason.UNPARSABLE]
    assert list_reasons(f"{HEAD}{container}    - image: |\n        evil:1\n") == [Reason.UNPARSABLE]


def test_image_line_with_placeholder_is_reported_as_templated():
    lines = "spec:\n  containers:\n    - image: nginx:{{ .tag }}\n    - image: {{ .image }}\n    - image: '%s'\n"
    assert list_reasons(HEAD + lines) == [Reason.TEMPLATED] * 3


def test_invalid_manifest_without_placeholders_is_unparsable():
    text = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - image: evil:1\n   bad: indent\n"
    assert (list_written(text), list_reasons(text)) == ([], [Reason.UNPARSABLE])


@pytest.mark.parametrize(
    "first", ["{{ if .x }}", "{{ if .x }}\n# why", "---\n{{ if .x }}", "{{- if .x }}", "{a: b}\n..."]
)
def test_images_after_a_valid_first_line_of_manifest_template_are_read(first):
    text = f"{first}\n{HEAD}spec:\n  containers:\n    - image: a:1\n"
    assert [(each.written, each.line_number) for each in read(text)] == [("a:1", text.count("\n"))]


def test_comment_above_container_in_manifest_template_applies_to_its_image():
    container = "    - name: a\n      env:\n        - name: b\n      image: a:1\n"
    found = read(f"{HEAD}spec:\n  containers:\n{container}    - image: b:1\n")
    assert [(each.line_number, each.related_lines) for each in found] == [(10, (7,)), (11, (11,))]


def test_template_of_custom_resource_definition_yields_no_images():
    text = HEAD.replace("kind: Pod", "kind: CustomResourceDefinition")
    assert read(f"{text}spec:\n  containers:\n    - image: evil:1\n") == []


def test_template_without_kubernetes_object_is_ignored():
    assert read("image: evil:1\nname: {{ x }}-y\nkind: x\ncontainers:\n  - image: evil:1\n") == []


def test_broken_documents_in_manifest_leave_other_documents_readable():
    whole = "---\napiVersion: v1\nkind: Pod\nspec: {containers: [{image: b:1}]}\n"
    lines = "spec:\n  containers:\n    - image: a:1\n"
    found = read(f"{HEAD}{lines}{whole}---\n{HEAD}{lines}{whole}")
    assert [(each.locator, each.written) for each in found] == [
        ("broken[0]/image[0]", "a:1"),
        ("1/spec/containers/0/image", "b:1"),
        ("broken[1]/image[0]", "a:1"),
        ("3/spec/containers/0/image", "b:1"),
    ]


@pytest.mark.parametrize(("annotation", "is_closed"), [("", True), ("argocd.argoproj.io/hook: Sync", False)])
def test_image_in_templated_job_is_editable_only_in_an_argo_cd_hook(annotation, is_closed):
    text = f"apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {{{{ x }}}}-y\n  annotations:\n    {annotation}\n"
    (found,) = read(f"{text}spec:\n  template:\n    spec:\n      containers:\n        - image: a:1\n")
    assert isinstance(found.digest_slot, NotEditable) is is_closed


def generate_names():
    return st.lists(st.sampled_from(["a:1", "ghcr.io/acme/b:2", "c@sha256:" + "a" * 64]), min_size=1, max_size=3)


@given(containers=generate_names(), others=generate_names(), indent=st.sampled_from([2, 4]), is_sorted=st.booleans())
def test_images_found_by_indentation_match_images_found_in_parsed_yaml(containers, others, indent, is_sorted):
    root = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "x", "image": "evil:1"},
        "spec": {
            "image": "evil:1",
            "template": {
                "spec": {
                    "initContainers": [{"name": "x", "env": [{"image": "evil:1"}], "image": each} for each in others],
                    "containers": [{"image": each, "args": ["- image: evil:1"]} for each in containers],
                }
            },
        },
    }
    text = yaml.safe_dump(root, indent=indent, sort_keys=is_sorted)
    broken = text.replace("name: x", "name: {{ x }}-y", 1)
    plain, lines = list_written(text), list_written(broken)
    assert sorted(plain) == sorted(lines) == sorted([*containers, *others])


@pytest.mark.parametrize(
    "lines",
    [
        "image: a" + " " * 3_000_000 + "b\n",
        "- " * 1_500_000 + "image: a:1\n",
        "{{ }} " * 500_000 + "\n",
        "".join(f"{' ' * depth}k:\n" for depth in range(2_000)) + "image: a:1\n",
        "".join(f"{' ' * (depth % 7)}- image: a:{depth}\n" for depth in range(100_000)),
        "image: " + "'\"" * 1_000_000 + "\n",
        "x: " + "&a " * 1_000_000 + "\n",
        "{{\n" * 500_000,
    ],
    ids=range(8),
)
def test_hostile_manifest_template_is_read_fast(lines):
    with soon(4):
        read(HEAD + lines)
