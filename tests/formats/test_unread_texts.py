"""Texts that look like image references and that no format reads are found, and similar texts are not."""

from __future__ import annotations

import pytest
from support.soon import soon
from support.steps import assert_linear

from bot.formats import load_all_formats
from bot.formats._readers import unread_texts
from bot.formats._syntax.reference_positions import ReferencePosition
from bot.formats.text import UnreadTextsFormat
from bot.model.path_index import index_paths
from bot.model.source import FilePath, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason, Role

FINDER = UnreadTextsFormat()
PIN = "sha256:" + "a" * 64
MEBIBYTE = 1024 * 1024


def find(content, path="a.yaml", items=()):
    return [
        (each.line_number, each.text)
        for each in FINDER.find_unread_texts(SourceFile(FilePath(path), content.encode()), items)
    ]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("value: ghcr.io/acme/web:1", "ghcr.io/acme/web:1"),
        ("- ghcr.io/acme/web:1", "ghcr.io/acme/web:1"),
        ("- - ghcr.io/acme/web:1", "ghcr.io/acme/web:1"),
        ("args: [--web=ghcr.io/acme/web:1, b]", "ghcr.io/acme/web:1"),
        ('  "x": "ghcr.io/acme/web:1",', "ghcr.io/acme/web:1"),
        ('x = "registry.example.com:5000/web:1"', "registry.example.com:5000/web:1"),
        ("x: docker://ghcr.io/acme/web:1", "ghcr.io/acme/web:1"),
        (f"V: acme/web@{PIN}", f"acme/web@{PIN}"),
        (f"V: acme/web:1@{PIN} # a comment", f"acme/web:1@{PIN}"),
        ("image: nginx:1.27", "nginx:1.27"),
        ("sidecarImage: 'acme/web:1'", "acme/web:1"),
        ('image = "nginx:1.27"', "nginx:1.27"),
        ('{"kind": "x", "image": "nginx:1.27"}', "nginx:1.27"),
        (r'text: "{\"image\": \"nginx:1.27\"}"', "nginx:1.27"),
        ("image: docker://nginx:1.27", "nginx:1.27"),
        ("run: docker run --rm ghcr.io/acme/web:1 sh", "ghcr.io/acme/web:1"),
        ("- podman pull ghcr.io/acme/web:1", "ghcr.io/acme/web:1"),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_text_with_evidence_of_an_image_is_found_with_its_line(line, text, ending):
    assert find(f"a: b\n{line}{ending}") == [(2, text)]


CROSSPLANE = "apiVersion: pkg.crossplane.io/v1\nkind: Provider\nspec: {package: "
FLUX = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec: {postBuild: {substitute: {x: "
POD = "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, env: [{name: x, value: "
TEKTON = "apiVersion: tekton.dev/v1\nkind: TaskRun\nspec: {taskRef: {params: [{name: bundle, value: "


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("provider.yaml", f"{CROSSPLANE}ghcr.io/acme/web:1}}\n"),
        ("apps.yaml", f"{FLUX}ghcr.io/acme/web:1}}}}}}\n"),
        ("pod.yaml", f"{POD}ghcr.io/acme/web:1}}]}}]}}\n"),
        ("run.yaml", f"{TEKTON}ghcr.io/acme/web:1}}]}}}}\n"),
        ("talos.yaml", "version: v1alpha1\nmachine: {kubelet: {image: ghcr.io/acme/web:1}}\n"),
        ("task.json", '{"containerDefinitions": [{"image": "ghcr.io/acme/web:1"}]}'),
        ("web.nomad", 'job "a" {\n config { image = "ghcr.io/acme/web:1" }\n}\n'),
        ("web.nomad.hcl", 'job "a" {\n config { image = "ghcr.io/acme/web:1" }\n}\n'),
    ],
)
def test_image_of_infrastructure_that_no_format_reads_is_counted(path, text):
    assert list(FINDER.select_paths(index_paths([FilePath(path)]))) == [path]
    items = [each for file_format in load_all_formats() for each in _extract(file_format, path, text)]
    assert [found for _, found in find(text, path, items)] == ["ghcr.io/acme/web:1"]


def _extract(file_format, path, text):
    is_selected = path in file_format.select_paths(index_paths([FilePath(path)]))
    items = file_format.extract(SourceFile(FilePath(path), text.encode())) if is_selected else ()
    return [each for each in items if isinstance(each, Reference | UnsupportedText)]


@pytest.mark.parametrize(
    "line",
    [
        "url: http://example.com/web:1",
        "url: https://example.com:8080/a/b",
        "url: oci://ghcr.io/acme/charts/web:1",
        "x: ghcr.io/acme/web",
        "x: acme/web:1",
        "x: nginx:1.27",
        "x: ghcr.io/acme/web:${TAG}",
        "x: ${REGISTRY}/acme/web:1",
        "x: ghcr.io/acme/{{ name }}:1",
        "# image: ghcr.io/acme/web:1",
        "x: y # like ghcr.io/acme/web:1",
        "// image: ghcr.io/acme/web:1",
        "description: such as ghcr.io/acme/web:1",
        "text: pulls ghcr.io/acme/web:1 at night",
        "text: (ghcr.io/acme/web:1)",
        "description: ghcr.io/acme/web:1",
        "tags: ghcr.io/acme/web:1",
        "cache-from: ghcr.io/acme/web:1",
        "tags:\n- ghcr.io/acme/web:1",
        "tags: |\n  ghcr.io/acme/web:1\n  ghcr.io/acme/web:2",
        "image: nginx",
        "image: true",
        "image: a.png:1",
        "image: ubuntu-2204:2024.01.1",
        "image: localhost.localdomain:8080",
        "app.kubernetes.io/name: web",
        "x: git@github.com:acme/web",
        "x: example.com/web:80/path",
        f"x: acme/web@{PIN}0",
        "image: Nginx:1.27",
    ],
)
def test_text_without_evidence_of_an_image_is_left_out(line):
    assert find(f"{line}\n") == []


def test_text_in_definition_of_custom_resource_is_left_out():
    definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\ndefault: ghcr.io/acme/web:1\n"
    assert find(f"{definition}---\nx: ghcr.io/acme/web:2\n---\n{definition}---\nx: ghcr.io/acme/web:3\n") == [
        (5, "ghcr.io/acme/web:2"),
        (11, "ghcr.io/acme/web:3"),
    ]


def test_text_that_a_reference_without_edit_slots_names_is_left_out():
    position = ReferencePosition(FilePath("a.yaml"), "x", Role.BASE, 1, "image")
    found = position.make_not_editable("ghcr.io/acme/web:1", Reason.NOT_AN_IMAGE)
    assert find("x: ghcr.io/acme/web:1\ny: ghcr.io/acme/web:1\n", items=[found]) == [(2, "ghcr.io/acme/web:1")]


def test_number_sign_starts_no_comment_in_json():
    assert find('{"a": "b #", "x": "ghcr.io/acme/web:1"}', "a.json") == [(1, "ghcr.io/acme/web:1")]


def test_comment_on_a_very_long_line_is_left_out():
    assert find("# " + "a " * unread_texts.MAX_LINE + "docker run ghcr.io/acme/web:1\n") == []


def test_files_of_known_tools_and_copies_of_other_projects_are_not_searched():
    paths = ["a.yml", "B.YAML", "a.json", "a.nomad.hcl", "a.tf", "project.toml"]
    others = ["package-lock.json", "Dockerfile", "vendor/a.yaml", "web/node_modules/a.json", "a.md"]
    assert sorted(FINDER.select_paths(index_paths([*map(FilePath, [*paths, *others])]))) == sorted(paths)


def test_at_most_max_file_unread_texts_are_found_in_a_file(monkeypatch):
    monkeypatch.setattr(unread_texts, "MAX_FILE_UNREAD_TEXTS", 3)
    assert len(find("x: ghcr.io/acme/web:1\n" * 5)) == 3


def test_at_most_max_searched_texts_are_examined_in_a_file(monkeypatch):
    monkeypatch.setattr(unread_texts, "MAX_SEARCHED_TEXTS", 3)
    assert find("# ghcr.io/acme/web:1\n" * 3 + "x: ghcr.io/acme/web:1\n") == []


@pytest.mark.parametrize(
    "piece", ["x: ghcr.io/acme/web:1\n", "- a/b:1\n", "image: a:1 ", '"image":"a:1",', "/a:1", "---\nimage: a:1\n"]
)
def test_search_takes_steps_in_proportion_to_the_file(piece):
    header = "kind: CustomResourceDefinition\n"
    assert_linear(lambda size: find(header + piece * size), 500)


@pytest.mark.parametrize(
    "text",
    [
        "/" + "a" * MEBIBYTE,
        "/a" * MEBIBYTE,
        "a.b/c:" * MEBIBYTE,
        "image: " * MEBIBYTE,
        "image:" + " " * MEBIBYTE,
        "image=a:1," * (MEBIBYTE // 4),
        " " * MEBIBYTE + "- a.b/c:1",
        "-\n" * MEBIBYTE + "- a.b/c:1",
        ("a.b/c:1 " * 100 + "\n") * 2_000,
    ],
)
def test_hostile_file_is_searched_in_a_few_seconds(text):
    with soon(2.5):
        find(text)
