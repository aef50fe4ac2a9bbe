"""Kustomizations, compared with the real kustomize, before and after pinning."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from support.parts import find_kustomize
from support.soon import soon
from support.values import digest

from bot.core.references.edit import apply_edits, build_edit
from bot.formats.kubernetes import FORMAT as KUBERNETES
from bot.formats.kustomize import FORMAT
from bot.model.cross_file import Kustomization
from bot.model.reference import DOCKER_HUB, ImageReference
from bot.model.source import EditSlot, FilePath, NotEditable, Occurrence, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason
from bot.pipeline.extract import relate_references
from bot.pipeline.file_reading import read_file

PATH = FilePath("overlays/production/kustomization.yaml")
CASES = Path(__file__).parent / "kustomize"
PODS = "pods.yaml"


def found(content: bytes, path: FilePath = PATH):
    return list(FORMAT.extract(SourceFile(path, content)))


def occurrences(content: bytes):
    return [each for each in found(content) if isinstance(each, Occurrence)]


def remark_of(content: bytes, path: FilePath = PATH) -> Kustomization:
    (remark,) = (each for each in found(content, path) if isinstance(each, Kustomization))
    return remark


def moved(content: bytes) -> bytes:
    slots = [
        (each.digest_slot, each.reference) for each in occurrences(content) if isinstance(each.digest_slot, EditSlot)
    ]
    return apply_edits(content, [build_edit(slot, digest(str(reference))) for slot, reference in slots])


def build(folder: Path, content: bytes, images: list[str]) -> list[str] | None:
    """Return the images to which kustomize changes `images`, or None if it rejects the kustomization."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    folder.mkdir(exist_ok=True)
    (folder / PODS).write_text(yaml.safe_dump(pod | {"spec": {"containers": containers}}), encoding="utf-8")
    (folder / "kustomization.yaml").write_bytes(content)
    command = [find_kustomize() or "kustomize", "build", str(folder)]
    built = subprocess.run(command, capture_output=True, check=False, timeout=60)
    if built.returncode:
        return None
    return [container["image"] for container in yaml.safe_load(built.stdout)["spec"]["containers"]]


def with_pods(content: bytes) -> bytes | None:
    """Return a kustomization with the pods as a resource, or None if they cannot be added to it."""
    document = next(yaml.safe_load_all(content), None)
    if not isinstance(document, dict) or "resources" in document or content.lstrip().startswith(b"{"):
        return None
    line_break = b"\r\n" if b"\r\n" in content else b"\n"
    return content + line_break + b"resources: [" + PODS.encode() + b"]" + line_break


def check_build(folder: Path, content: bytes, names: list[str]) -> None:
    """Check that pinning changes exactly the expected images, each to its own digest."""
    before, after = build(folder, content, names), build(folder, moved(content), names)
    assert before is not None
    assert after is not None
    planned = {
        str(each.reference): each.reference for each in occurrences(content) if isinstance(each.digest_slot, EditSlot)
    }
    expected = [str(planned[image].with_digest(digest(image))) if image in planned else image for image in before]
    assert after == expected
    assert after != before


@pytest.mark.real("kustomize")
@pytest.mark.parametrize("name", ["already-pinned", "bom", "crlf", "flow", "kinds", "suffixes"])
def test_kustomize_builds_a_case_with_exactly_the_images_that_were_planned(name, tmp_path):
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
def test_kustomize_takes_a_digest_wherever_it_is_written(entry, tmp_path):
    content = f"resources: [{PODS}]\nimages:\n{entry}\n".encode()
    check_build(tmp_path, content, ["web", "other:1", "docker.io/library/web:1"])


@pytest.mark.real("kustomize")
@pytest.mark.parametrize("number", ["1.10", "0123", "2024", "2024-06-01"])
def test_a_number_that_kustomize_refuses_is_a_text_for_it_with_a_digest_behind_it(number, tmp_path):
    content = f"resources: [{PODS}]\nimages:\n- name: web\n  newTag: {number}\n".encode()
    expected = [f"web:{number}@{digest(f'web:{number}')}"]
    assert build(tmp_path, moved(content), ["web"]) == expected


@pytest.mark.real("kustomize")
def test_a_component_replaces_in_what_its_taker_gathers(tmp_path):
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
PRIVATE = "registry.example.com/web"
TO_PRIVATE = f"images: [{{name: web, newName: {PRIVATE}}}]"
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
def test_an_entry_is_open_where_kustomize_leaves_what_it_gives(files, image, is_pinned, tmp_path):
    """No other image of Docker Hub is editable, because the intermediate names may be private."""
    tree = {"base/pods.yaml": "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{image: web}]}}"}
    tree |= {f"{folder}/kustomization.yaml": content for folder, content in ({"base": BASE} | files).items()}
    readings = [
        read_file(SourceFile(FilePath(path), content.encode()), KUBERNETES if path.endswith(PODS) else FORMAT)
        for path, content in tree.items()
    ]
    places = [
        each
        for each in relate_references(readings)
        if isinstance(each, Occurrence) and each.reference.host == DOCKER_HUB
    ]
    pinned = [
        (each.path, each.digest_slot, str(each.reference)) for each in places if isinstance(each.digest_slot, EditSlot)
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
def test_every_build_gets_the_digest_of_its_own_image(dev, prod, expected, tmp_path):
    overlays = {"dev": dev, "prod": prod}
    pod = f"{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {{containers: [{{image: '{QUAY}:v1'}}]}}}}"
    tree = {"base/pods.yaml": pod, "base/kustomization.yaml": "resources: [pods.yaml]"} | {
        f"{folder}/kustomization.yaml": f"resources: [../base]\nimages: [{{name: {QUAY}, {entry}}}]\n"
        for folder, entry in overlays.items()
    }
    references = read_tree(tree)
    for path, content in tree.items():
        edits = [
            build_edit(each.digest_slot, digest(str(replace(each.reference, digest=None))))
            for each in references
            if each.path == path and isinstance(each.digest_slot, EditSlot)
        ]
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(apply_edits(content.encode(), edits))
    assert [describe_image(build_folder(tmp_path / folder)) for folder in overlays] == expected


def read_tree(tree: dict[str, str]) -> list[Occurrence]:
    readings = [
        read_file(SourceFile(FilePath(path), content.encode()), FORMAT if "kustomization" in path else KUBERNETES)
        for path, content in tree.items()
    ]
    return [each for each in relate_references(readings) if isinstance(each, Occurrence)]


def build_folder(folder: Path) -> str:
    """Return the image of the only container in the result of a kustomization."""
    command = [find_kustomize() or "kustomize", "build", str(folder)]
    built = subprocess.run(command, capture_output=True, check=True, timeout=60)
    (container,) = yaml.safe_load(built.stdout)["spec"]["containers"]
    return container["image"]


def describe_image(image: str) -> str:
    """Return the words `mirror`, TAG and `pinned` that apply. Fail if the digest is that of another image."""
    reference = ImageReference.parse(image)
    words = ["mirror"] * ("mirror" in reference.repository) + [reference.tag] * bool(reference.tag)
    if reference.digest is None:
        return " ".join(words)
    assert reference.digest == digest(str(replace(reference, digest=None)))
    return " ".join([*words, "pinned"])


def test_it_says_what_it_gathers_from_the_top_of_the_tree():
    remark = remark_of(
        b"""resources:
- web.yaml
- ./job.yaml
- ../../base
- ../../../outside
- /absolute
- https://github.com/acme/web//deploy?ref=v1
- github.com/acme/web/deploy
- git@github.com:acme/web.git
- git::https://acme.com/web
- web/?ref=v1
- |
  inline
- 1
bases: [../staging/, "."]
patches:
- path: patches/web.yaml
- patch: "inline: true"
patchesStrategicMerge: [merge.yaml, "kind: Deployment\\n"]
patchesJson6902: [{path: json.yaml}]
components: [../../components/tls]
"""
    )
    assert remark.resource_paths == (
        "overlays/production/web.yaml",
        "overlays/production/job.yaml",
        "base",
        "overlays/staging",
        "overlays/production",
    )
    assert remark.patch_paths == (
        "overlays/production/patches/web.yaml",
        "overlays/production/merge.yaml",
        "overlays/production/json.yaml",
    )
    assert remark.components == ("components/tls",)


def test_at_the_top_of_the_tree_nothing_is_above():
    remark = remark_of(b"resources: [., deploy, ../deploy, ..]\n", FilePath("kustomization.yaml"))
    assert remark.resource_paths == ("", "deploy")


def test_it_says_which_names_it_replaces_and_which_it_gives_another():
    remark = remark_of(
        b"""\
images:
- {name: web, newTag: v1}
- {name: job, newName: acme/job}
- {name: kept, newName: kept, newTag: v1}
- {name: pinned, digest: "sha256:"}
- {name: suffixed, tagSuffix: -a}
- {name: same}
- {name: empty, newTag: ""}
- {name: moved, newName: acme/moved, newTag: v1}
- {newTag: v1}
"""
    )
    assert remark.names == {"web", "job", "kept", "pinned", "suffixed", "moved"}
    assert remark.renamed_names == {"job", "moved"}
    assert remark.relocated_names == {"job"}


def test_a_kustomization_states_whether_it_has_configurations():
    assert not remark_of(b"images: []").has_configurations
    assert remark_of(b"configurations: [images.yaml]").has_configurations


def test_overlays_components_and_manifests_are_brought_together():
    manifest = b"{apiVersion: v1, kind: Pod, spec: {containers: [{image: 'web:1'}, {image: 'nginx:1'}]}}"
    files = {
        "base/kustomization.yaml": b"resources: [pod.yaml]",
        "base/pod.yaml": manifest,
        "images/kustomization.yaml": b"kind: Component\nimages: [{name: web, newName: acme/web, newTag: v1}]",
        "production/kustomization.yaml": b"resources: [../base]\ncomponents: [../images]",
        "loose/pod.yaml": manifest,
    }
    readings = [
        read_file(SourceFile(FilePath(path), content), file_format)
        for path, content in files.items()
        for file_format in (FORMAT, KUBERNETES)
        if FilePath(path) in file_format.select_paths([FilePath(path)])
    ]
    places = [each for each in relate_references(readings) if isinstance(each, Occurrence)]
    assert [(each.path, str(each.reference), isinstance(each.digest_slot, EditSlot)) for each in places] == [
        ("base/pod.yaml", "web:1", False),
        ("base/pod.yaml", "nginx:1", True),
        ("images/kustomization.yaml", "acme/web:v1", True),
        ("loose/pod.yaml", "web:1", False),
        ("loose/pod.yaml", "nginx:1", True),
    ]


@pytest.mark.parametrize(
    "deployed",
    [
        f"apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec:\n  path: ./apps\n  {TO_PRIVATE}\n",
        f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
spec:
  source:
    path: apps
    kustomize:
      images: ['web={PRIVATE}']
""",
    ],
)
def test_what_flux_and_argo_cd_replace_where_they_deploy_closes_entries_there(deployed):
    files = {
        "apps/kustomization.yaml": b"resources: [../base]\nimages: [{name: web, newTag: v2}]",
        "base/kustomization.yaml": b"images: [{name: web, newTag: v1}, {name: nginx, newTag: '1'}]",
    }
    readings = [read_file(SourceFile(FilePath(path), content), FORMAT) for path, content in files.items()]
    readings.append(read_file(SourceFile(FilePath("clusters/apps.yaml"), deployed.encode()), KUBERNETES))
    places = [
        each for each in relate_references(readings) if isinstance(each, Occurrence) and each.format == FORMAT.name
    ]
    assert [(each.path, str(each.reference), isinstance(each.digest_slot, EditSlot)) for each in places] == [
        ("apps/kustomization.yaml", "web:v2", False),
        ("base/kustomization.yaml", "web:v1", False),
        ("base/kustomization.yaml", "nginx:1", True),
    ]


def test_an_object_of_flux_in_a_file_of_that_name_is_none():
    assert not found(b"apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec: {path: ./apps}\n")


def test_an_alias_is_the_entry_that_it_names_as_often_as_the_budget_allows():
    alias = b"- *web\n"
    content = b"images:\n- &web {name: web, newTag: v1}\n"
    assert len(occurrences(content + alias * 100)) == 101
    (refused,) = found(content + alias * 60_000)
    assert isinstance(refused, UnsupportedText)
    assert refused.reason is Reason.TOO_DEEP


def test_a_file_of_one_line_is_read_in_a_moment():
    entries = b", ".join([b"{name: web, newTag: v1}"] * 6000)
    with soon(3):
        assert len(occurrences(b"images: [" + entries + b"]")) == 6000


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
def test_kustomize_writes_the_digests_of_patches_into_the_objects(tmp_path):
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


def test_a_patch_that_the_file_does_not_contain_literally_is_not_editable():
    text = r"[{\"op\": \"replace\", \"path\": \"/spec/containers/0/image\", \"value\": \"web:1\"}]"
    (patch,) = occurrences(f'patches: [{{patch: "{text}"}}]'.encode())
    assert patch.reference == ImageReference.parse("web:1")
    assert patch.digest_slot == NotEditable(Reason.EMBEDDED)


def test_a_patch_that_an_alias_repeats_in_a_label_is_not_editable():
    patch = "apiVersion: v1\n    kind: Pod\n    spec: {containers: [{image: 'web:1'}]}\n"
    (found_patch,) = occurrences(f"patches:\n- patch: &a |\n    {patch}commonLabels: {{a: *a}}\n".encode())
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
def test_operations_of_a_json_patch_are_read_by_their_path(pointer, value, images):
    text = f"- op: add\n  path: {pointer!r}\n  value: {value}\n"
    found_images = [
        str(each.reference)
        for each in KUBERNETES.extract(SourceFile(FilePath("patch.yaml"), text.encode()))
        if isinstance(each, Occurrence)
    ]
    assert found_images == images


@pytest.mark.parametrize("operation", ["test", "remove", "move", "copy"])
def test_operations_that_write_no_value_have_no_images(operation):
    text = f"- {{op: {operation}, path: /spec/containers/0/image, from: /spec/containers/1/image, value: 'evil:1'}}\n"
    assert not list(KUBERNETES.extract(SourceFile(FilePath("patch.yaml"), text.encode())))


def test_files_are_selected_by_their_name():
    paths = [FilePath(path) for path in ("kustomization.yaml", "a/kustomization.yml", "a/b/Kustomization")]
    others = [FilePath(path) for path in ("Kustomization.yaml", "my-kustomization.yaml", "kustomization.yaml/a.yaml")]
    assert FORMAT.select_paths([*paths, *others]) == paths
