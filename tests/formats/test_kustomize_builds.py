"""Kustomizations, compared with the real kustomize, before and after pinning."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from support.formats.kustomizations import (
    PODS,
    PRIVATE,
    TO_PRIVATE,
    build,
    build_folder,
    check_build,
    describe_image,
    moved,
    read_tree,
    with_pods,
)
from support.parts import find_kustomize
from support.values import digest

from bot.core.references.edit import apply_edits, build_edit
from bot.formats.kubernetes import FORMAT as KUBERNETES
from bot.formats.kustomize import FORMAT
from bot.model.image_name import DOCKER_HUB
from bot.model.source import EditSlot, FilePath, Reference, SourceFile
from bot.pipeline.references.extract import relate_references
from bot.pipeline.references.file_reading import read_file

CASES = Path(__file__).parent / "kustomize"


@pytest.mark.real("kustomize")
@pytest.mark.parametrize("name", ["already-pinned", "bom", "crlf", "flow", "kinds", "suffixes"])
def test_kustomize_builds_pinned_cases_with_exactly_the_planned_images(name, tmp_path):
    content = with_pods((CASES / name / "before" / "kustomization.yaml").read_bytes())
    assert content is not None
    check_build(tmp_path, content, [entry["name"] for entry in yaml.safe_load(content)["images"]])


@pytest.mark.real("kustomize")
@pytest.mark.parametrize(
    "entry",
    [
        "- name: web\n  newTag: v1 # a comment",
        "- newTag: 'v1'\n  name: web",
        "- name: web\n  newName: ghcr.io/acme/web\n  newTag: v1\n",
        "- name: web\n  newName: ghcr.io/acme/web:v1",
        "-   name: web\n    newTag: v1",
        "-\n    name: web\n    newTag: v1",
        "- {name: web, newTag: v1}",
        '- {"name": "web", "newTag": "v1"}',
        "- { name: web,\n    newTag: v1 # of the web\n  }",
        "- 'name': web\n  \"newTag\": v1",
        "- name: web\n  newTag: v1\n  digest: ''",
        "- name: web\n  digest:\n  newTag: v1",
        "- name: web\n  newTag: v1\n  digest: null",
        "- name: web\n  digest: ~ # none\n  newTag: v1",
        '- name: web\n  newTag: v1\n  "digest": null',
        f"- name: web\n  newTag: v1@{digest('old')}",
        f"- name: web\n  newTag: v1\n  digest: {digest('old')}",
        f"- name: web\n  newName: acme/web:v1@{digest('old')}",
        "- name: web\n  newTag: |-\n    v1",
        "- name: web\n  newTag:\n    v1",
        "- name: web\n  newTag: !!str 1.10",
        '- name: web\n  "new\\x54ag": v1',
        "- name: web\n  newTag: &tag v1\n- name: job\n  newName: *tag",
        "- &web {name: web, newTag: v1}\n- *web",
    ],
)
def test_kustomize_uses_inserted_digest_for_all_spellings_of_an_entry(entry, tmp_path):
    content = f"resources: [{PODS}]\nimages:\n{entry}\n".encode()
    check_build(tmp_path, content, ["web", "other:1", "docker.io/library/web:1"])


@pytest.mark.real("kustomize")
@pytest.mark.parametrize("number", ["1.10", "0123", "2024", "2024-06-01"])
def test_kustomize_keeps_numeric_tag_after_pinning(number, tmp_path):
    content = f"resources: [{PODS}]\nimages:\n- name: web\n  newTag: {number}\n".encode()
    expected = [f"web:{number}@{digest(f'web:{number}')}"]
    assert build(tmp_path, moved(content), ["web"]) == expected


@pytest.mark.real("kustomize")
def test_kustomize_component_replaces_images_of_the_including_kustomization(tmp_path):
    """Facts between files are applied as in kustomize."""
    component = tmp_path / "component"
    component.mkdir()
    (component / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nimages: [{name: web, newTag: v2}]\n", "utf-8"
    )
    taker = f"resources: [{PODS}]\ncomponents: [component]\n".encode()
    assert build(tmp_path, taker, ["web:v1", "docker.io/library/web:v1"]) == ["web:v2", "docker.io/library/web:v1"]


BASE = "resources: [pods.yaml]\nimages:\n- name: web\n  newTag: v1\n"
OVERLAY = "resources: [../base]\n"
COMPONENT = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
TO_BAR = "images: [{name: web, newName: bar, newTag: v2}]"
BAR_TO_PRIVATE = f"images: [{{name: bar, newName: {PRIVATE}}}]"


@pytest.mark.real("kustomize")
@pytest.mark.parametrize(
    ("files", "image", "is_pinned"),
    [
        pytest.param({"top": OVERLAY}, "web:v1", True, id="no other"),
        pytest.param({"top": OVERLAY + TO_PRIVATE}, f"{PRIVATE}:v1", False, id="overlay"),
        pytest.param(
            {"base": f"{BASE}  newName: bar\n", "top": OVERLAY + BAR_TO_PRIVATE}, f"{PRIVATE}:v1", False, id="new name"
        ),
        pytest.param(
            {"base": f"{BASE}- name: web\n  newName: {PRIVATE}\n", "top": OVERLAY},
            f"{PRIVATE}:v1",
            False,
            id="later entry",
        ),
        pytest.param(
            {"one": COMPONENT + TO_PRIVATE, "top": f"{OVERLAY}components: [../one]"},
            f"{PRIVATE}:v1",
            False,
            id="component",
        ),
        pytest.param(
            {
                "one": COMPONENT + TO_PRIVATE,
                "middle": f"{OVERLAY}components: [../one]",
                "top": "resources: [../middle]",
            },
            f"{PRIVATE}:v1",
            False,
            id="component of what is gathered",
        ),
        pytest.param(
            {
                "one": COMPONENT + TO_BAR,
                "two": COMPONENT + BAR_TO_PRIVATE,
                "top": f"{OVERLAY}components: [../one, ../two]",
            },
            f"{PRIVATE}:v2",
            False,
            id="later component",
        ),
        pytest.param(
            {
                "one": COMPONENT + BAR_TO_PRIVATE,
                "two": COMPONENT + TO_BAR,
                "top": f"{OVERLAY}components: [../one, ../two]",
            },
            "bar:v2",
            True,
            id="earlier component",
        ),
        pytest.param(
            {"one": COMPONENT + BAR_TO_PRIVATE, "top": f"{OVERLAY}components: [../one]\n{TO_BAR}"},
            "bar:v2",
            True,
            id="own component",
        ),
    ],
)
def test_kustomize_entry_is_editable_only_if_overlays_keep_the_image(files, image, is_pinned, tmp_path):
    """No other image of Docker Hub is editable, because the intermediate names may be private."""
    tree = {"base/pods.yaml": "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{image: web}]}}"}
    tree |= {f"{folder}/kustomization.yaml": content for folder, content in ({"base": BASE} | files).items()}
    readings = [
        read_file(SourceFile(FilePath(path), content.encode()), KUBERNETES if path.endswith(PODS) else FORMAT)
        for path, content in tree.items()
    ]
    references = [
        each for each in relate_references(readings) if isinstance(each, Reference) and each.image.host == DOCKER_HUB
    ]
    pinned = [
        (each.path, each.digest_slot, str(each.image)) for each in references if isinstance(each.digest_slot, EditSlot)
    ]
    assert {written for _, _, written in pinned} == ({image} if is_pinned else set())
    for path, content in tree.items():
        edits = [build_edit(slot, digest(written)) for of, slot, written in pinned if of == path]
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(apply_edits(content.encode(), edits))
    command = [find_kustomize() or "kustomize", "build", str(tmp_path / "top")]
    built = subprocess.run(command, capture_output=True, check=True, timeout=60)
    (container,) = yaml.safe_load(built.stdout)["spec"]["containers"]
    assert container["image"] == (f"{image}@{digest(image)}" if is_pinned else image)


QUAY = "quay.io/acme/web"
OLD_DIGEST = digest("old")


@pytest.mark.real("kustomize")
@pytest.mark.parametrize(
    ("dev", "prod", "expected"),
    [
        pytest.param("", "newTag: v2", ["v1 pinned", "v2 pinned"], id="one build keeps the image"),
        pytest.param("newTag: v3", "newTag: v2", ["v3 pinned", "v2 pinned"], id="no build keeps the image"),
        pytest.param("", "newName: quay.io/mirror/web", ["v1", "mirror v1"], id="one build changes only the name"),
        pytest.param(
            "", "newName: quay.io/mirror/web, newTag: v2", ["v1 pinned", "mirror v2 pinned"], id="name and tag"
        ),
        pytest.param("", "tagSuffix: -a", ["v1 pinned", "v1-a-a"], id="a suffix drops the digest"),
        pytest.param("", f'digest: "{OLD_DIGEST}"', ["v1 pinned", "pinned"], id="only a digest"),
    ],
)
def test_kustomize_builds_never_get_the_digest_of_an_image_of_another_build(dev, prod, expected, tmp_path):
    overlays = {"dev": dev, "prod": prod}
    pod = f"{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {{containers: [{{image: '{QUAY}:v1'}}]}}}}"
    tree = {"base/pods.yaml": pod, "base/kustomization.yaml": "resources: [pods.yaml]"} | {
        f"{folder}/kustomization.yaml": f"resources: [../base]\nimages: [{{name: {QUAY}, {entry}}}]\n"
        for folder, entry in overlays.items()
    }
    references = read_tree(tree)
    for path, content in tree.items():
        edits = [
            build_edit(each.digest_slot, digest(str(replace(each.image, digest=None))))
            for each in references
            if each.path == path and isinstance(each.digest_slot, EditSlot)
        ]
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(apply_edits(content.encode(), edits))
    assert [describe_image(build_folder(tmp_path / folder)) for folder in overlays] == expected
