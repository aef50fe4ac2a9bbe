"""Skaffold: the images that it builds, their build arguments, and cases that the golden files cannot show."""

from __future__ import annotations

import pytest
from support.builds import list_arguments

from bot.formats.skaffold import FORMAT
from bot.model.cross_file import BuildOutput
from bot.model.path_index import index_paths
from bot.model.source import FilePath, SourceFile, UnsupportedText

HEAD = "apiVersion: skaffold/v4beta13\nkind: Config\n"


def extract(text: str, path: str = "skaffold.yaml"):
    return list(FORMAT.extract(SourceFile(FilePath(path), text.encode())))


def list_facts(text: str, kind, path: str = "skaffold.yaml"):
    return [each for each in extract(HEAD + text, path) if isinstance(each, kind)]


def test_skaffold_files_are_selected_by_name():
    chosen = ["skaffold.yaml", "a/skaffold.yml", "skaffold-dev.yaml"]
    others = ["my-skaffold.yaml", "skaffold.yaml.j2", "skaffold/app.yaml", "skaffold.json"]
    paths = [FilePath(path) for path in (*chosen, *others)]
    assert FORMAT.select_paths(index_paths(paths)) == chosen


def test_image_names_built_by_skaffold_include_those_of_profiles():
    text = """build: {artifacts: [{image: a}, {image: b/c}, {}]}
profiles:
  - build: {artifacts: [{image: d}]}
  - patches:
      - {op: add, path: /build/artifacts/1, value: {image: e}}
      - {op: add, path: /verify/0/container, value: {image: evil}}
      - {op: remove, path: /build/artifacts/0}
"""
    path = FilePath("x/skaffold.yaml")
    assert list_facts(text, BuildOutput, path) == [
        BuildOutput(path, frozenset({"a", "b/c", "d", "e"}), (FilePath("x"),))
    ]


def test_skaffold_deployed_paths_include_those_outside_the_skaffold_folder():
    text = """requires: [{path: ../base/skaffold.yaml}, {configs: [a]}]
manifests:
  rawYaml: [k8s/*.yaml, ../deploy/*/app.yaml, ../one.yaml, https://example.com/../a.yaml, ../../../outside.yaml, {}]
  kustomize: {paths: ["./../overlay", "../.."]}
profiles:
  - deploy: {helm: {releases: [{name: a, chartPath: ../chart}, {name: b, remoteChart: c}]}}
  - deploy: {kubectl: {manifests: [../old/**]}}
"""
    (output,) = list_facts(text, BuildOutput, "x/y/skaffold.yaml")
    required, deployed = ["x/base/skaffold.yaml"], ["x/deploy", "x/one.yaml", "x/overlay", "", "x/chart", "x/old"]
    assert list(output.deployed_paths[:1]) == ["x/y"]
    assert set(output.deployed_paths[1:]) == {*deployed, *required}


def test_skaffold_arguments_are_assigned_to_dockerfile_of_the_artifact():
    text = """build:
  artifacts:
    - image: a
      context: app
      docker:
        dockerfile: build/Dockerfile
        buildArgs:
          NODE: "22"
          GO: "{{.GO}}"
    - image: b
      kaniko:
        buildArgs: {RUBY: "3"}
    - image: c
      context: web
      requires:
        - image: a
          alias: BASE
        - image: b
"""
    assert [each[:3] for each in list_arguments(extract(f"{HEAD}{text}", "x/skaffold.yaml"))] == [
        ("x/app/build/Dockerfile", "NODE", 10),
        ("x/app/build/Dockerfile", "GO", 11),
        ("x/Dockerfile", "RUBY", 14),
        ("x/web/Dockerfile", "BASE", 19),
    ]


def test_skaffold_arguments_are_ignored_if_context_is_outside_repository():
    text = "build: {artifacts: [{image: a, context: ../.., docker: {buildArgs: {A: b}}}]}\n"
    assert list_arguments(extract(f"{HEAD}{text}")) == []


@pytest.mark.parametrize("head", ["", "apiVersion: v1\n", "kind: Config\n", "apiVersion: skaffold\n"])
def test_file_without_skaffold_header_is_not_read(head):
    assert extract(f"{head}verify: [{{container: {{image: 'evil:1'}}}}]\n") == []


def test_broken_document_in_skaffold_file_leaves_others_readable():
    good = f"{HEAD}verify: [{{container: {{image: 'nginx:1'}}}}]\n"
    found = extract(f"{good}---\n{HEAD}verify: [container: image\n---\n{good}")
    extracted = [each for each in found if not isinstance(each, BuildOutput)]
    assert [isinstance(each, UnsupportedText) for each in extracted] == [False, True, False]


def test_skaffold_file_with_too_many_aliases_is_unsupported():
    aliases = ", ".join(["*a"] * 50_001)
    found = extract(f"{HEAD}x: &a {{image: b, kaniko: {{image: c}}}}\nbuild: {{artifacts: [{aliases}]}}\n")
    assert [type(each) for each in found] == [UnsupportedText]
