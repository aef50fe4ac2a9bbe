"""Kubernetes manifests, compared with PyYAML's own loader where it can read them."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.soon import soon

from bot.formats._syntax.kubernetes.objects import ObjectReader
from bot.formats._syntax.yaml import nodes
from bot.formats.kubernetes import FORMAT
from bot.model.cross_file import Kustomization
from bot.model.path_index import index_paths
from bot.model.source import FilePath, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason

PATH = FilePath("pod.yaml")
IMAGES = ["nginx", "nginx:1.27", "ghcr.io/acme/web:v2", f"redis:7@sha256:{'a' * 64}", "localhost:5000/x"]
NAMES = st.sampled_from(
    ["web", "größe", "日本語 🐳", "image: evil:1", "# no comment", "'", '"', "a\nb\n", "", "{{ x }}"]
)
POD_SPECS = {
    "Pod": ("v1", ["spec"]),
    "PodTemplate": ("v1", ["template", "spec"]),
    "Deployment": ("apps/v1", ["spec", "template", "spec"]),
    "Job": ("batch/v1", ["spec", "template", "spec"]),
    "CronJob": ("batch/v1", ["spec", "jobTemplate", "spec", "template", "spec"]),
    "Service": ("v1", ["spec"]),
}


def containers():
    container = st.fixed_dictionaries(
        {"name": NAMES},
        optional={"image": st.sampled_from(IMAGES), "env": st.lists(st.fixed_dictionaries({"image": NAMES}))},
    )
    return st.lists(container, max_size=3)


@st.composite
def objects(draw):
    kind = draw(st.sampled_from(sorted(POD_SPECS)))
    version, path = POD_SPECS[kind]
    pod = draw(st.fixed_dictionaries({}, optional={"containers": containers(), "initContainers": containers()}))
    if "containers" in pod and draw(st.booleans()):
        pod["ephemeralContainers"] = pod["containers"]  # dumped as an alias
    for image in draw(st.lists(st.sampled_from(IMAGES), max_size=2)):
        pod.setdefault("volumes", []).append({"name": "x", "image": {"reference": image}, "rbd": {"image": "evil"}})
    for key in reversed(path):
        pod = {key: pod, "image": "evil:1"}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": draw(NAMES)}, **pod}


@st.composite
def manifests(draw):
    documents = draw(st.lists(objects(), min_size=1, max_size=3))
    if draw(st.booleans()):
        documents.append({"apiVersion": "v1", "kind": "List", "items": documents[:2]})
    text = yaml.safe_dump_all(
        documents,
        default_style=draw(st.sampled_from([None, "'", '"', "|", ">"])),
        default_flow_style=draw(st.booleans()),
        allow_unicode=draw(st.booleans()),
        width=draw(st.sampled_from([1000, 20])),
        indent=draw(st.sampled_from([2, 4, 9])),
        line_break=draw(st.sampled_from(["\n", "\r\n"])),
        explicit_end=draw(st.booleans()),
        version=draw(st.sampled_from([None, (1, 1)])),
        sort_keys=draw(st.booleans()),
    )
    return draw(st.sampled_from(["", "\ufeff", "# ü\n"])) + text


def images_of(document, locator):
    """Yield the values at the paths of images in plain dictionaries."""
    if document["kind"] == "List":
        for index, item in enumerate(document["items"]):
            yield from images_of(item, f"{locator}/items/{index}")
        return
    if document["kind"] == "Service":
        return
    pod = document
    for key in POD_SPECS[document["kind"]][1]:
        pod, locator = pod[key], f"{locator}/{key}"
    for key in ("containers", "initContainers", "ephemeralContainers"):
        for index, container in enumerate(pod.get(key, [])):
            if "image" in container:
                yield f"{locator}/{key}/{index}/image", container["image"]
    for index, volume in enumerate(pod.get("volumes", [])):
        yield f"{locator}/volumes/{index}/image/reference", volume["image"]["reference"]


@given(text=manifests())
def test_images_in_manifests_match_those_found_by_pyyaml(text):
    expected = {
        locator: image
        for index, document in enumerate(yaml.safe_load_all(text))
        for locator, image in images_of(document, str(index))
    }
    found = list(FORMAT.extract(SourceFile(PATH, text.encode())))
    assert {each.locator: each.written for each in found} == expected


@given(text=manifests(), word=st.sampled_from(["image", "kind", "apiVersion"]), escape=st.sampled_from(["x", "u", "U"]))
def test_kubernetes_prefilter_skips_no_manifest_with_an_image(text, word, escape):
    width = {"x": 2, "u": 4, "U": 8}[escape]
    escaped = f'"\\{escape}{ord(word[0]):0{width}x}{word[1:]}"'
    for content in (text.encode(), text.replace(f'"{word}"', escaped).encode()):
        ungated = list(ObjectReader(PATH, FORMAT.name).read(content, is_relevant=lambda _: True))
        assert list(FORMAT.extract(SourceFile(PATH, content))) == ungated


def test_kubernetes_manifests_are_selected_by_file_name():
    read = ["a.yaml", "b/c.yml", "D.YAML", "e.Yml", ".yaml", "f.json", "deploy/manifest.json", "b/package.yaml"]
    others = [
        *("yaml", "g.yaml.j2", "json", "package.json", "web/package-lock.json", "tsconfig.json", "tsconfig.build.json"),
        *("composer.json", ".vscode/settings.json", "crd.schema.json", "main.min.json", "chart.yaml.bak"),
    ]
    paths = [FilePath(path) for path in (*read, *others)]
    assert set(FORMAT.select_paths(index_paths(paths))) == set(read)


def pod(image: str) -> bytes:
    return f"apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: {image}\n".encode()


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="the pure parser takes no tab there")
def test_manifest_with_tab_character_before_comment_is_read():
    (found,) = FORMAT.extract(SourceFile(PATH, pod("nginx:1.27\t# web")))
    assert found.written == "nginx:1.27"


def bomb_of_lists() -> str:
    text = "apiVersion: v1\nkind: List\nx0: &x0 [{apiVersion: v1, kind: Pod, spec: {containers: [{image: 'a:1'}]}}]\n"
    for level in range(1, 9):
        item = f"{{apiVersion: v1, kind: List, items: *x{level - 1}}}"
        text += f"x{level}: &x{level} [{', '.join([item] * 10)}]\n"
    return f"{text}items: *x8\n"


def bomb_of_containers() -> str:
    aliases = ", ".join(["*c"] * 50_000)
    return f"apiVersion: v1\nkind: Pod\nx: &c {{image: 'a:1'}}\nspec: {{containers: [{aliases}, *c]}}\n"


def bomb_of_merges() -> str:
    text = "apiVersion: v1\nkind: Pod\nx0: &x0 {no: {image: none}}\n"
    for level in range(1, 200):
        text += f"x{level}: &x{level} {{<<: [{', '.join([f'*x{level - 1}'] * 50)}]}}\n"
    aliases = ", ".join(["*x199"] * 1000)
    return f"{text}spec: {{containers: [{aliases}]}}\n"


def bomb_of_keys() -> str:
    keys = ", ".join(["image: 'a:1'"] * 10_000)
    aliases = ", ".join(["*c"] * 10_000)
    return f"apiVersion: v1\nkind: Pod\nx: &c {{{keys}}}\nspec: {{containers: [{aliases}]}}\n"


def bomb_of_objects() -> str:
    head = "apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, image: none"
    return f"&k {{{head}, spec: {{patchesStrategicMerge: [*k, *k]}}}}\n"


def bomb_of_texts() -> str:
    text = "".join(f"    # {number}\n" for number in range(50_000))
    pod = "    apiVersion: v1\n    kind: Pod\n    spec: {containers: [{image: 'a:1'}]}\n"
    copies = "".join(f"  key-{number}: *text\n" for number in range(20_000))
    return f"apiVersion: v1\nkind: ConfigMap\ndata:\n  key: &text |\n{text}{pod}{copies}"


def bomb_of_strangers() -> str:
    text = "apiVersion: example.com/v1\nkind: Many\nx0: &x0 [{containers: [{name: a, image: 'a:1'}]}]\n"
    for level in range(1, 9):
        text += f"x{level}: &x{level} [{', '.join([f'*x{level - 1}'] * 10)}]\n"
    return text


@pytest.mark.parametrize(
    "bomb",
    [
        bomb_of_texts,
        bomb_of_objects,
        bomb_of_strangers,
        bomb_of_lists,
        bomb_of_containers,
        bomb_of_merges,
        bomb_of_keys,
    ],
)
def test_manifest_with_exponential_aliases_is_refused_fast(bomb):
    content = bomb().encode() + b"---\n" + pod("nginx:1.27")
    with soon(2):
        refused, read = FORMAT.extract(SourceFile(PATH, content))
    assert isinstance(refused, UnsupportedText)
    assert refused.reason is Reason.TOO_LARGE
    assert isinstance(read, Reference)


def test_manifest_with_many_objects_is_read_completely(monkeypatch):
    monkeypatch.setattr(nodes, "MAX_VISITS", nodes.MAX_VISITS // 10)
    items = "".join(
        f"- {{apiVersion: v1, kind: Pod, spec: {{containers: [{{image: 'a:{index}'}}]}}}}\n" for index in range(1500)
    )
    found = list(FORMAT.extract(SourceFile(PATH, f"apiVersion: v1\nkind: List\nitems:\n{items}".encode())))
    assert [each.written for each in found] == [f"a:{index}" for index in range(1500)]


def test_manifest_with_many_documents_is_read_fast():
    content = b"---\n".join(pod(f"a:{index}") for index in range(4000))
    with soon(2.5):
        found = list(FORMAT.extract(SourceFile(PATH, content)))
    assert [each.line_number for each in found] == list(range(5, 24_000, 6))
    assert found[-1].locator == "3999/spec/containers/0/image"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("spec:\n  containers:\n    - name: a\n      image: nginx:1\n", [(6, (5,))]),
        ("spec:\n  containers:\n    -\n      name: a\n      image: nginx:1\n", [(7, (6,))]),
        ("spec:\n  containers:\n    - &a\n      name: a\n      image: nginx:1\n", [(7, (5,))]),
        ("spec: {containers: [\n  {name: a,\n   image: nginx:1}]}\n", [(5, (4,))]),
    ],
)
def test_comment_above_container_applies_to_its_image(text, lines):
    found = list(FORMAT.extract(SourceFile(PATH, f"apiVersion: v1\nkind: Pod\n{text}".encode())))
    assert [(each.line_number, each.related_lines) for each in found] == lines


def test_comment_above_spec_does_not_apply_to_its_image():
    text = "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nspec:\n  replicas: 1\n  image: prom/prometheus:v3\n"
    (found,) = FORMAT.extract(SourceFile(PATH, text.encode()))
    assert found.related_lines == ()


def replaced_by(spec: str, kind: str = "argoproj.io/v1alpha1, kind: Application"):
    """Return the image names that an object replaces, the names that it relocates, and the folders."""
    content = f"{{apiVersion: {kind}, metadata: {{name: web}}, spec: {spec}}}".encode()
    remarks = FORMAT.extract(SourceFile(FilePath("clusters/web.yaml"), content))
    return [
        (each.names, each.relocated_names, each.resource_paths) for each in remarks if isinstance(each, Kustomization)
    ]


@pytest.mark.parametrize(
    ("override", "name", "is_relocated"),
    [
        ("web:v2", "web", False),
        ("web=registry.example.com/web:v2", "web", False),
        ("web=registry.example.com/web", "web", True),
        ("web=web:v2", "web", False),
        ("localhost:5000/web:v2", "localhost:5000/web", False),
        ("localhost:5000/web", "localhost:5000/web", False),
        (f"web@sha256:{'0' * 64}", "web", False),
        (f"web:v2@sha256:{'0' * 64}", "web", False),
    ],
)
def test_argo_cd_override_replaces_the_name_before_equals_sign_or_tag(override, name, is_relocated):
    (found,) = replaced_by(f"{{source: {{path: apps, kustomize: {{images: ['{override}']}}}}}}")
    assert found == ({name}, {name} if is_relocated else set(), ("apps",))


def test_source_of_argo_cd_application_replaces_images_only_in_own_folder():
    one, two = "{path: one, kustomize: {images: [web:v2]}}", "{path: two, kustomize: {images: [job:v2]}}"
    assert replaced_by(f"{{sources: [{one}, {two}, {{path: three}}]}}") == [
        ({"web"}, set(), ("one",)),
        ({"job"}, set(), ("two",)),
    ]


@pytest.mark.parametrize(
    ("path", "folders"), [("apps", ["apps"]), ("./apps", ["apps"]), ("/apps/", ["apps"]), ("./", [""]), ("../x", [])]
)
def test_paths_of_flux_kustomizations_are_relative_to_repository_root(path, folders):
    spec = f"{{path: {path}, images: [{{name: web, newName: acme/web}}, {{name: job, newTag: v1}}]}}"
    found = replaced_by(spec, "kustomize.toolkit.fluxcd.io/v1, kind: Kustomization")
    assert found == [({"web", "job"}, {"web"}, (folder,)) for folder in folders]


@pytest.mark.parametrize("path", ["'{{ .path.path }}'", "'apps/{{name}}'", "'apps/${cluster}'", "'{% if x %}a'"])
def test_flux_or_argo_cd_overrides_with_templated_path_are_ignored(path):
    assert not replaced_by(f"{{source: {{path: {path}, kustomize: {{images: ['web:v2']}}}}}}")
    of_flux = f"{{path: {path}, images: [{{name: web, newTag: v2}}]}}"
    assert not replaced_by(of_flux, "kustomize.toolkit.fluxcd.io/v1, kind: Kustomization")
