"""Images in patches of kustomizations."""

from __future__ import annotations

import subprocess

import pytest
import yaml
from support.formats.kustomizations import PODS, read_tree, references
from support.parts import find_kustomize
from support.values import digest

from bot.core.references.edit import apply_edits, build_edit
from bot.formats.kubernetes import FORMAT as KUBERNETES
from bot.model.image_name import ImageName
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, SourceFile
from bot.model.vocabulary import Reason

PATCHES = """\
resources: [pods.yaml]
images: [{name: proxy, newTag: v2}]
patches:
- target: {kind: Pod}
  patch: |-
    - op: replace
      path: /spec/containers/0/image
      value: web:2
    - {op: add, path: /spec/containers/-, value: {name: b, image: 'job:1'}}
- target: {kind: Pod}
  patch: '[{"op": "add", "path": "/spec/containers/-", "value": {"name": "c", "image": "cache:1"}}]'
- patch: |
    apiVersion: v1
    kind: Pod
    metadata: {name: a}
    spec: {containers: [{name: d, image: db:1}]}
- target: {kind: Pod}
  path: patch.yaml
"""
PATCH_FILE = """\
- op: add
  path: /spec/initContainers
  value:
  - name: e
    image: init:1
  - name: f
    image: proxy:v1
"""


@pytest.mark.real("kustomize")
def test_kustomize_writes_digest_in_patch_into_patched_object(tmp_path):
    pod = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: 'web:1'}]}}"
    tree = {"kustomization.yaml": PATCHES, "patch.yaml": PATCH_FILE, PODS: pod}
    references = [each for each in read_tree(tree) if each.path != PODS]
    for path, content in tree.items():
        edits = [
            build_edit(each.digest_slot, digest(each.written))
            for each in references
            if each.path == path and isinstance(each.digest_slot, EditSlot)
        ]
        (tmp_path / path).write_bytes(apply_edits(content.encode(), edits))
    built = subprocess.run(
        [find_kustomize() or "kustomize", "build", str(tmp_path)], capture_output=True, check=True, timeout=60
    )
    spec = yaml.safe_load(built.stdout)["spec"]
    images = {each["name"]: each["image"] for key in ("containers", "initContainers") for each in spec[key]}
    pinned = {"a": "web:2", "b": "job:1", "c": "cache:1", "d": "db:1", "e": "init:1", "f": "proxy:v2"}
    assert images == {name: f"{image}@{digest(image)}" for name, image in pinned.items()}


def test_kustomize_patch_with_escapes_is_not_editable():
    text = r"[{\"op\": \"replace\", \"path\": \"/spec/containers/0/image\", \"value\": \"web:1\"}]"
    (patch,) = references(f'patches: [{{patch: "{text}"}}]'.encode())
    assert patch.image == ImageName.parse("web:1")
    assert patch.digest_slot == NotEditable(Reason.EMBEDDED)


def test_kustomize_patch_aliased_in_label_is_not_editable():
    patch = "apiVersion: v1\n    kind: Pod\n    spec: {containers: [{image: 'web:1'}]}\n"
    (found_patch,) = references(f"patches:\n- patch: &a |\n    {patch}commonLabels: {{a: *a}}\n".encode())
    assert found_patch.digest_slot == NotEditable(Reason.EMBEDDED)


@pytest.mark.parametrize(
    ("pointer", "value", "images"),
    [
        ("/spec/containers/0/image", "a:1", ["a:1"]),
        ("/spec/template/spec/containers/-", "{name: a, image: 'a:1'}", ["a:1"]),
        ("/spec/template/spec/initContainers", "[{image: 'a:1'}, {image: 'b:1'}]", ["a:1", "b:1"]),
        ("/spec/jobTemplate/spec/template/spec", "{containers: [{name: a, image: 'a:1'}]}", ["a:1"]),
        ("/spec", "{template: {spec: {containers: [{name: a, image: 'a:1'}]}}}", ["a:1"]),
        ("/spec/volumes/-", "{name: a, image: {reference: 'a:1'}}", ["a:1"]),
        ("/spec/volumes/0/image/reference", "a:1", ["a:1"]),
        ("/spec/image", "a:1", ["a:1"]),
        ("/spec/image", "{repository: a}", []),
        ("/spec/containers/0/name", "a:1", []),
        ("/spec/containers/0/env/-", "{name: image, value: 'a:1', image: 'a:1'}", []),
        ("/metadata/annotations/image", "a:1", []),
        ("/data/image", "a:1", []),
        ("/spec/values/image", "a:1", []),
        ("", "{spec: {containers: [{name: a, image: 'a:1'}]}}", []),
    ],
)
def test_image_in_json_patch_is_found_by_path_of_the_operation(pointer, value, images):
    text = f"- op: add\n  path: {pointer!r}\n  value: {value}\n"
    found_images = [
        str(each.image)
        for each in KUBERNETES.extract(SourceFile(FilePath("patch.yaml"), text.encode()))
        if isinstance(each, Reference)
    ]
    assert found_images == images


@pytest.mark.parametrize("operation", ["test", "remove", "move", "copy"])
def test_json_patch_operations_that_write_no_value_yield_no_images(operation):
    text = f"- {{op: {operation}, path: /spec/containers/0/image, from: /spec/containers/1/image, value: 'evil:1'}}\n"
    assert not list(KUBERNETES.extract(SourceFile(FilePath("patch.yaml"), text.encode())))
