"""The prefilter of Kubernetes manifests: bytes that it rejects certainly contain no image."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.soon import soon

from bot.formats._syntax.kubernetes.objects import ObjectReader, may_have_fields
from bot.formats._syntax.kubernetes.prefilter import is_only_definition, may_hold_images, may_name_images
from bot.formats.kubernetes import FORMAT
from bot.model.source import FilePath, UnsupportedText

PATH = FilePath("pod.yaml")
POD = 'apiVersion: v1\nkind: Pod\nspec: {containers: [{image: "nginx:1.27"}]}\n'
IN_SINGLE_QUOTES = (
    "apiVersion: v1\nkind: ConfigMap\ndata:\n"
    "  x: 'apiVersion: v1\n\n    kind: Pod\n\n    spec: {containers: [{''image'': nginx:1.27}]}'\n"
)
PATCH = "      - op: replace\n        path: /spec/containers/0/image\n        value: nginx:1.27\n"
FLUX_PATCH = (
    "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec:\n  patches:\n"
    f"  - target: {{kind: Pod}}\n    patch: |\n{PATCH}"
)
CONFIG_MAP_PATCH = f"apiVersion: v1\nkind: ConfigMap\ndata:\n  patch.yaml: |\n{PATCH}"
PIECES = st.sampled_from(
    [
        *(
            "apiVersion: v1\n",
            "kind: Pod\n",
            "kind: CustomResourceDefinition\n",
            "kind:  CustomResourceDefinition # x\n",
            *("apiVersion: acme.io/v1\n", "kind: Widget\n", "kind: WidgetList\n", "items:\n", "x-y: 1\n"),
        ),
        *('"kind": Pod\n', "? kind\n: Pod\n", "&k kind: Pod\n", "*k : Pod\n", "<<: {kind: Pod}\n", "kind : Pod\n"),
        *("spec:\n", "  containers:\n", "  - image: a:1\n", "  - 'image': a:1\n", "  - ? image # x\n    : a:1\n"),
        *("spec: {containers: [{image: a:1}]}\n", "spec: {containers: [{&i image : a:1}]}\n"),
        *("- op: add\n", "  path: /spec/containers/0/image\n", "  value: a:1\n", "- {&o op : replace, "),
        *('path: "/spec/image", value: a:1}\n', "path: /spec, value: {containers: [{name: a, image: a:1}]}}\n"),
        *("x: &i image\n", "spec: {containers: [{*i : a:1}]}\n", 'spec: {containers: [{"im\\x61ge": a:1}]}\n'),
        *("---\n", "--- # x\n", "...\n", "%YAML 1.1\n", "# image: a:1\n", "\n", "  ", '"', "'", "{", "}", "|\n", "\r"),
        *("kind: ConfigMap\n", "data:\n", "  x: |\n", f"  x: |\n{PATCH}"),
        *("x: '\n", 'x: "\n', "x: |\n", "x: {\n", "\ufeff", "\x85", "\u2028", "metadata: {name: image}\n"),
    ]
)


def list_references(content, **gate):
    """Return the items, without those for whole files that cannot be read. A prefilter may skip such a file."""
    found = ObjectReader(PATH, FORMAT.name).read(content, **gate)
    return [each for each in found if not (isinstance(each, UnsupportedText) and each.reason.facts.is_whole_file)]


def read_without(content):
    return list_references(content, is_relevant=lambda _: True)


@given(st.lists(PIECES, max_size=14).map("".join))
@example('apiVersion: v1\nx: "\nkind: CustomResourceDefinition\n"\nkind: Pod\nspec: {containers: [{image: a:1}]}\n')
@example("  apiVersion: v1\n  kind: Pod\n  spec: {containers: [{image: 'a\nkind: CustomResourceDefinition\n'}]}\n")
@example("{apiVersion: v1, kind: Pod, spec: {containers: [{image: a:1}]}, x: {\nkind: CustomResourceDefinition\n}}")
@example("apiVersion: v1\nkind: CustomResourceDefinition\r\x85kind: Pod\nspec: {containers: [{image: a:1}]}\n")
@example("apiVersion: v1\nx: |\nkind: CustomResourceDefinition\n---\napiVersion: v1\n" + POD)
def test_content_rejected_by_kubernetes_prefilter_contains_no_image(text):
    content = text.encode()
    assert list_references(content) == read_without(content)
    if not may_name_images(content):
        assert read_without(content) == []


@pytest.mark.parametrize(
    "content",
    [
        POD,
        POD.replace("image", '"image"'),
        "- op: add\n  path: /spec/containers/0/image\n  value: nginx:1.27\n",
        "- ? op\n  : add\n  ? path # x\n  : /spec/containers/0/image\n  ? value\n  : nginx:1.27\n",
        json.dumps([{"op": "add", "path": "/spec/containers/-", "value": {"name": "a", "image": "nginx:1.27"}}]),
        POD.replace("image:", "image :"),
        POD.replace("{image:", "{? image\n :"),
        POD.replace("{image:", "{? image # x\n :"),
        POD.replace("{image:", "{*i :").replace("kind", "x: &i image\nkind"),
        POD.replace("image", '"im\\u0061ge"'),
        POD.replace("kind", '"\\x6bind"'),
        'apiVersion: acme.io/v1\nkind: Widget\nspec: {sidecar: {"\\x69mage": "a:1"}}\n',
        POD.replace("v1", "{{ .x }}").replace("{image", "{name: a, image"),
        POD.replace("Pod", "{{ .Values.kind }}").replace("{image", "{name: a, image"),
        json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "data": {"x": POD}}),
        json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "data": {"x": POD.replace("image", '"image"')}}),
        IN_SINGLE_QUOTES,
        FLUX_PATCH,
        FLUX_PATCH.replace(PATCH, '      [{"op": "add", "path": "/spec/containers/0/image", "value": "nginx:1.27"}]\n'),
        CONFIG_MAP_PATCH,
    ],
)
def test_kubernetes_prefilter_accepts_all_spellings_of_keys(content):
    assert len(read_without(content.encode())) == 1
    assert may_have_fields(content.encode())


@pytest.mark.parametrize(
    "content",
    [
        "apiVersion: v1\nkind: Service\nmetadata: {name: image}\n",
        "apiVersion: v1\nkind: Deployment\nspec: {imagePullPolicy: Always, imagePullSecrets: []}\n",
        "kind: x\nimage: a:1\n",
        "apiVersion: v1\nimage: a:1\n",
        "# images are not here\napiVersion: v1\nkind: ConfigMap\n",
    ],
)
def test_manifest_without_image_keys_is_never_parsed(content):
    assert not may_hold_images(content.encode())


WIDGET = "apiVersion: acme.io/v1\nkind: Widget\nspec:\n  images: [a:1]\n"
NO_OBJECT = "openapi: 3.0.0\nx-origin: y\ncomponents:\n  example:\n    apiVersion: v1\n    kind: Pod\n    image: a:1\n"


@pytest.mark.parametrize("content", [WIDGET, f"# x\n---\n{WIDGET}", WIDGET.replace("\n", "\r\n"), NO_OBJECT])
def test_manifest_of_kind_without_image_fields_is_not_parsed(content):
    assert may_hold_images(content.encode())
    assert not may_have_fields(content.encode())


@pytest.mark.parametrize(
    "content",
    [
        WIDGET.replace("Widget", "Deployment"),
        WIDGET.replace("Widget", "WidgetList"),
        WIDGET.replace("kind", '"kind"'),
        WIDGET.replace("image", "containers: []\n  image"),
        WIDGET.replace("image", "pod: {apiVersion: v1, kind: Pod}\n  image"),
        WIDGET.replace("spec", "metadata: {annotations: {config.kubernetes.io/function: x}}\nspec"),
        WIDGET.replace("a:1", "{{ .Values.image }}"),
        f"{WIDGET}<<: *x\n",
        f"{WIDGET}...\n{POD}",
        NO_OBJECT.replace("components", "{{ x }}\ncomponents"),
        NO_OBJECT.replace("components", '"components"'),
    ],
)
def test_manifest_of_kind_with_possible_image_fields_is_parsed(content):
    assert may_have_fields(content.encode())


def test_mapping_that_only_resembles_a_json_patch_is_not_parsed():
    patch = "- op: add\n  path: /spec/image\n  value: a:1\n"
    for text in (
        patch,
        f"# x\n{patch}",
        f"x: y\n---\n{patch}",
        f"x: y\n...\n{patch}",
        f"# x\r{patch}",
        f"--- !x\n{patch}",
    ):
        assert may_name_images(text.encode()), text
    assert not may_name_images(b"paths:\n  op: add\n  path: /spec/image\n  value: a:1\n")


DEFINITION = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec:\n  image: evil:1\n"


@pytest.mark.parametrize(
    "content",
    [
        DEFINITION,
        f"---\n{DEFINITION}",
        f"# comment\n\n--- # x\n# more\n{DEFINITION}",
        DEFINITION.replace("\n", "\r\n"),
        DEFINITION.replace("Definition\n", "Definition # x\n"),
        f"{DEFINITION}status:\n  x: y\n\n# end\n",
    ],
)
def test_file_with_only_a_custom_resource_definition_is_never_parsed(content):
    assert is_only_definition(content.encode())
    assert not may_hold_images(content.encode())


@pytest.mark.parametrize(
    "content",
    [
        POD,
        DEFINITION.replace("kind:", "kind: Pod\nkind:"),
        f'{DEFINITION}"kind": Pod\n',
        f"{DEFINITION}? kind\n: Pod\n",
        f"{DEFINITION}<<: *x\n",
        f"{DEFINITION}...\n{POD}",
        DEFINITION.replace("kind: Custom", "kind: MyCustom"),
        DEFINITION.replace("apiVersion", "  apiVersion"),
        f"{{\n{DEFINITION}}}",
        f"{DEFINITION}\rkind: Pod\n",
        f"{DEFINITION}\u2028kind: Pod\n",
        f"- x\n{DEFINITION}",
    ],
)
def test_file_that_is_not_surely_a_single_resource_definition_is_not_skipped(content):
    assert not is_only_definition(content.encode())


def test_kubernetes_prefilter_is_fast_for_large_files():
    words = b"apiVersion kind image values reference ? * \\ "
    for content in (
        words * 100_000,
        b" " * 4_000_000,
        b"image" + b" " * 4_000_000,
        b"*" * 4_000_000,
        b"*a " * 1_000_000,
    ):
        with soon(2):
            may_hold_images(b"apiVersion kind CustomResourceDefinition image " + content)
            is_only_definition(b"CustomResourceDefinition\nkind:" + content)
