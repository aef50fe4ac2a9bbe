"""Bake files: the Dockerfiles and build arguments of targets, and cases that the golden files cannot show."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import builds
from support.soon import soon

from bot.formats.bake import FORMAT
from bot.model.cross_file import NamedBuildContext
from bot.model.path_index import index_paths
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason


def extract(text: str, path: str = "docker-bake.hcl"):
    return list(FORMAT.extract(SourceFile(FilePath(path), text.encode())))


def read(text: str, path: str = "docker-bake.hcl"):
    return [each for each in extract(text, path) if isinstance(each, Reference | UnsupportedText)]


def list_arguments(text: str, path: str = "docker-bake.hcl"):
    return [each[:3] for each in builds.list_arguments(extract(text, path))]


def list_contexts(text: str, path: str = "docker-bake.hcl"):
    return [
        (each.dockerfile, each.name, each.locator_prefix, each.line_number)
        for each in extract(text, path)
        if isinstance(each, NamedBuildContext)
    ]


def test_bake_files_are_selected_by_name():
    chosen = ["docker-bake.hcl", "a/docker-bake.json", "docker-bake.override.hcl", "docker-bake-ci.json"]
    others = ["bake.hcl", "docker-bake.hcl.j2", "my-docker-bake.hcl", "docker-bake/x.hcl", "docker-bake.yaml"]
    paths = [FilePath(path) for path in (*chosen, *others)]
    assert FORMAT.select_paths(index_paths(paths)) == chosen


def test_bake_arguments_are_assigned_to_dockerfile_of_the_target():
    text = """
target "app" {
  context = "app"
  dockerfile = "build/Dockerfile.prod"
  args = {
    NODE = "22"
    "GO" = null
  }
}
target "here" { args = { A = "" } }
"""
    assert list_arguments(text, "ci/docker-bake.hcl") == [
        ("ci/app/build/Dockerfile.prod", "NODE", 6),
        ("ci/Dockerfile", "A", 10),
    ]


def test_bake_contexts_are_assigned_to_dockerfile_of_the_target():
    assert list_contexts(
        """\
target "a" {
  context = "app"
  dockerfile = "prod.Dockerfile"
  contexts = {
    "alpine:3.20" = "docker-image://alpine:3.21"
    base = "target:base"
  }
}
target "b" {
  inherits = ["a", "inline"]
  dockerfile = "dev.Dockerfile"
}
target "inline" {
  contexts = {node = "../node"}
  dockerfile-inline = "FROM node"
}
target "far" {
  context = "https://github.com/acme/app.git"
  contexts = {node = "../node"}
}
"""
    ) == [
        ("app/prod.Dockerfile", "alpine:3.20", "", 5),
        ("app/prod.Dockerfile", "base", "", 6),
        ("docker-bake.hcl", "node", "target/inline/dockerfile-inline/", 14),
        ("docker-bake.hcl", "alpine:3.20", "target/inline/dockerfile-inline/", 5),
        ("docker-bake.hcl", "base", "target/inline/dockerfile-inline/", 6),
    ]


def test_bake_target_inherits_arguments_and_context():
    text = """
target "base" { args = { A = "1" } }
target "other" { context = "other" }
target "app" { inherits = ["base", "other", "missing", "app"] }
"""
    assert list_arguments(text) == [("Dockerfile", "A", 2), ("other/Dockerfile", "A", 2)]


def test_bake_target_overrides_inherited_arguments_and_context():
    text = """
target "base" { context = "base" }
target "app" {
  inherits = ["base"]
  context = "app"
  args = { A = "1" }
}
"""
    assert list_arguments(text) == [("app/Dockerfile", "A", 6)]


@pytest.mark.parametrize(
    "where",
    [
        'context = "https://github.com/acme/app.git"',
        'context = "../../outside"',
        'context = "/srv"',
        'context = "${DIR}"',
        "context = DIR",
        'dockerfile-inline = "FROM scratch"',
    ],
)
def test_bake_arguments_are_ignored_if_context_is_outside_repository(where):
    assert list_arguments(f'target "app" {{\n  {where}\n  args = {{ A = "1" }}\n}}\n') == []


def test_bake_image_lists_the_line_that_defines_the_variable_in_the_tag():
    (found,) = read(
        'variable "TAG" { default = "3" }\n\ntarget "a" { contexts = { a = "docker-image://alpine:${TAG}" } }\n'
    )
    assert isinstance(found, Reference)
    assert (found.line_number, found.related_lines, found.variables) == (3, (1,), ("TAG",))


USES = ["TAG", '"${TAG}"', 'TAG == "" ? 1 : 2', "[TAG]", "{ (TAG) = 1 }", 'f("x", TAG)', "{ a = { b = TAG } }"]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("where", ["x = {}", 'target "b" {{ tags = {} }}', 'variable "B" {{ default = {} }}'])
def test_bake_variable_with_other_uses_gets_no_digest(use, where):
    text = 'variable "TAG" { default = "3" }\ntarget "a" { contexts = { a = "docker-image://alpine:${TAG}" } }\n'
    (alone,) = read(text)
    (shared,) = read(text + where.format(use) + "\n")
    assert isinstance(alone.digest_slot, EditSlot)
    assert shared.digest_slot == NotEditable(Reason.SHARED_ARGUMENT)


NAMES = st.sampled_from(["a", "größe", "日本", "x y", '"', "\\", "/", "\n"])
IMAGES = st.sampled_from(
    ["alpine:3", "ghcr.io/acme/web:v2", "${TAG}", "alpine:${TAG}", "Evil", "", "x:$${A}", "größe:1", "a\tb"]
)


@given(
    images=st.dictionaries(NAMES, IMAGES, max_size=4),
    tag=st.sampled_from(["3.20", "alpine:3", "", "ü"]),
    is_ascii=st.booleans(),
)
def test_bake_file_yields_the_same_images_in_json_and_in_hcl(images, tag, is_ascii):
    values = {key: f"docker-image://{image}" for key, image in images.items()}
    as_json = json.dumps(
        {"variable": {"TAG": {"default": tag}}, "target": {"app": {"contexts": values}}}, ensure_ascii=is_ascii
    )
    items = "".join(f"{quote_text(key)} = {quote_text(value)}\n" for key, value in values.items())
    as_hcl = f'variable "TAG" {{ default = {quote_text(tag)} }}\ntarget "app" {{\ncontexts = {{\n{items}}}\n}}\n'
    told = [
        sorted(map(describe, read(text, f"docker-bake.{kind}"))) for text, kind in ((as_json, "json"), (as_hcl, "hcl"))
    ]
    assert told[0] == told[1]


def quote_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def describe(found):
    if isinstance(found, UnsupportedText):
        return (found.reason.value, "", "")
    return (
        found.locator,
        str(found.image),
        "open" if isinstance(found.digest_slot, EditSlot) else found.digest_slot.reason.value,
    )


def write_inheritance_bomb() -> str:
    names = ", ".join(f'"t{index}"' for index in range(350))
    return "".join(f'target "t{index}" {{\n  inherits = [{names}]\n  args = {{ A = 1 }}\n}}\n' for index in range(350))


def write_variable_bomb() -> str:
    lines = "".join(f'variable "v{index + 1}" {{ default = "${{v{index}}}${{v{index}}}" }}\n' for index in range(2_500))
    return (
        f'variable "v0" {{ default = "a" }}\n{lines}target "x" {{ contexts = {{ a = "docker-image://${{v2499}}" }} }}\n'
    )


def write_target_bomb() -> str:
    return 'target "x" { contexts = { a = "docker-image://alpine:3" } }\n' * 10_000


@pytest.mark.parametrize("bomb", [write_inheritance_bomb, write_variable_bomb, write_target_bomb])
def test_bake_file_with_exponential_repetition_is_read_fast(bomb):
    content = bomb()
    with soon(2):
        read(content)
