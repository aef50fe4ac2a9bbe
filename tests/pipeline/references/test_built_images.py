"""Images that builds use instead of the defaults in Dockerfiles, because build files set arguments."""

from __future__ import annotations

import json

import pytest
from support.soon import soon
from support.values import digest

from bot.core.references.relate import dockerfile_builds
from bot.core.references.relate.dockerfile_builds import resolve_builds
from bot.formats import load_all_formats
from bot.model.cross_file import BuildArgument, DockerfileBuild, LiteralText
from bot.model.forge import GitRepository
from bot.model.source import FilePath, NotEditable, Reference
from bot.model.vocabulary import Reason
from bot.pipeline.references import built_images
from bot.pipeline.references.built_images import list_built_images
from bot.pipeline.references.extract import extract_references
from bot.worktree import WorkTree

PINNED = f"python@{digest('a')}"
DEFAULT = f"ARG B={PINNED}\nFROM $B\n"
SKAFFOLD = "apiVersion: skaffold/v4beta11\nkind: Config\nbuild: {artifacts: [%s]}\n"


@pytest.fixture
def list_images(tmp_path):
    """Return the path, the line and the image of each build argument, or its text if it is not known."""

    def go(files):
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        result = extract_references(GitRepository("", "", None, None), WorkTree(tmp_path), load_all_formats())
        return [
            (each.path, each.line_number, str(each.image) if isinstance(each, Reference) else each.text)
            for each in result.extracted
            if not isinstance(each, Reference) or each.digest_slot == NotEditable(Reason.BUILD_ARGUMENT)
        ]

    return go


def write_build(build):
    return f"services:\n  a:\n    build: {json.dumps(build)}\n"


@pytest.mark.parametrize(
    ("dockerfile", "arguments", "image"),
    [
        (
            "ARG R=docker.io\nARG N=python\nARG T=3\nFROM ${R}/${N}:${T}\n",
            {"R": "evil.io", "T": "1"},
            "evil.io/python:1",
        ),
        (f"ARG N={PINNED}\nARG B=${{N}}\nFROM $B\n", {"N": "evil/p"}, "evil/p"),
        (DEFAULT, {"B": "${X:-evil/p}"}, "evil/p"),
        (DEFAULT, {"B": "${X-evil}/${Y:-p}"}, "evil/p"),
        (DEFAULT, {"B": "${X+other}evil/p"}, "evil/p"),
        (DEFAULT, {"B": "${X}"}, "$B"),
        (DEFAULT, {"B": "${X:?}"}, "$B"),
        (f"ARG T=@{digest('a')}\nFROM python$T\n", {"T": ""}, "python"),
        (f"ARG T=\nFROM ${{T:+{PINNED}}}${{T:-evil/p}}\n", {"T": ""}, None),
        ("ARG B=scratch\nFROM $B\n", {"B": "evil/p"}, "evil/p"),
        ("ARG B\nFROM $B\n", {"B": "evil/p"}, "evil/p"),
        (f"FROM {PINNED} AS x-amd64\nFROM x-$TARGETARCH\n", {"TARGETARCH": "evil"}, "x-evil"),
        (DEFAULT, {"B": "scratch"}, None),
        (DEFAULT, {"B": PINNED}, None),
        (DEFAULT, {"OTHER": "${X}"}, None),
        (DEFAULT, ["B"], None),
        (DEFAULT, ["B=evil/p"], "evil/p"),
    ],
)
def test_image_of_a_build_with_arguments_is_listed(list_images, dockerfile, arguments, image):
    found = list_images({"Dockerfile": dockerfile, "compose.yaml": write_build({"context": ".", "args": arguments})})
    assert [each for each in found if each[0] == "compose.yaml"] == ([("compose.yaml", 3, image)] if image else [])


def test_build_arguments_apply_to_an_inline_dockerfile_with_escapes(list_images):
    inline = f"ARG B={PINNED}\nFROM $$B\n"
    assert list_images({"compose.yaml": write_build({"args": {"B": "evil/p"}, "dockerfile_inline": inline})}) == [
        ("compose.yaml", 3, "evil/p")
    ]


def test_every_image_of_a_build_with_an_argument_is_listed(list_images):
    dockerfile = DEFAULT + "".join(f"FROM $B:{n}\n" for n in range(30))
    found = list_images(
        {"Dockerfile": dockerfile, "compose.yaml": write_build({"context": ".", "args": {"B": "evil"}})}
    )
    assert [image for path, _, image in found if path == "compose.yaml"] == ["evil", *(f"evil:{n}" for n in range(30))]


def test_env_file_sets_build_arguments(list_images):
    files = {"Dockerfile": DEFAULT, ".env": "B=evil/p\n"}
    for arguments in (["B"], {"B": None}, {"B": "$B"}, {"B": "${B:-python}"}):
        found = list_images(files | {"compose.yaml": write_build({"context": ".", "args": arguments})})
        assert found == [("compose.yaml", 3, "evil/p")]


@pytest.mark.parametrize(
    "files",
    [
        {
            "compose.yaml": "services: {a: {build: web}}\n",
            "compose.override.yaml": write_build({"args": {"B": "evil/p"}}),
        },
        {
            "compose.yaml": "services:\n  b: {build: web}\n  c: {extends: b}\n"
            "  a: {extends: {service: c}, build: {args: {B: evil/p}}}\n"
        },
        {
            "docker-bake.hcl": 'target "a" { context = "web" }',
            "docker-bake.json": '{"target": {"a": {"args": {"B": "evil/p"}}}}',
        },
        {
            "docker-bake.hcl": 'target "a" {\n context = "web"\n args = { B = X } }',
            "docker-bake.override.hcl": 'variable "X" { default = "evil/p" }',
        },
    ],
    ids=["override", "extends", "bake-override", "bake-variable"],
)
def test_parts_of_a_build_in_several_places_are_merged(list_images, files):
    assert [image for *_, image in list_images({"web/Dockerfile": DEFAULT, **files})] == ["evil/p"]


@pytest.mark.parametrize(
    "target",
    [
        'args = { B = lower("EVIL") }',
        'matrix = { X = ["evil/p"] }\n name = "a-${X}"\n args = { B = X }',
        "args = { B = UNKNOWN }",
    ],
)
def test_argument_that_bake_computes_is_listed_as_unknown(list_images, target):
    bake = f'variable "X" {{ default = "{PINNED}" }}\ntarget "a" {{ {target} }}\n'
    assert [text for *_, text in list_images({"Dockerfile": DEFAULT, "docker-bake.hcl": bake})] == ["$B"]


def test_bake_variable_with_two_defaults_is_listed_as_unknown(list_images):
    target = 'target "a" {\n args = { B = X }\n contexts = { c = "docker-image://${X}" }\n}\n'
    files = {
        "Dockerfile": DEFAULT,
        "docker-bake.hcl": f'variable "X" {{ default = "{PINNED}" }}\n{target}',
        "docker-bake.override.hcl": 'variable "X" { default = "evil/p" }\n',
    }
    assert list_images(files) == [("docker-bake.hcl", 3, "$B"), ("docker-bake.override.hcl", 1, "evil/p")]


def test_argument_that_is_the_image_of_another_skaffold_artifact_is_not_listed(list_images):
    artifacts = "{image: base}, {image: app, requires: [{image: base, alias: B}]}"
    assert list_images({"Dockerfile": DEFAULT, "skaffold.yaml": SKAFFOLD % artifacts}) == []


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("docker-bake.hcl", 'target "a" {\n args = { BUILDKIT_SYNTAX = "evil/p" } }'),
        ("skaffold.yaml", SKAFFOLD % "{image: x, kaniko: {buildArgs: {BUILDKIT_SYNTAX: 'evil/p'}}}"),
        (".devcontainer.json", '{"build": {"dockerfile": "D", "args": {"BUILDKIT_SYNTAX": "evil/p"}}}'),
    ],
)
def test_build_argument_that_replaces_the_frontend_is_listed(list_images, path, content):
    assert [(each[0], each[2]) for each in list_images({path: content})] == [(path, "evil/p")]
    unknown = content.replace("evil/p", "{{.X}}" if path == "skaffold.yaml" else "${X}")
    assert [(each[0], each[2]) for each in list_images({path: unknown})] == [(path, "${BUILDKIT_SYNTAX}")]


def build_fact(number, *arguments, path="compose.yaml"):
    settings = tuple(BuildArgument(name, number, (LiteralText(value, None),)) for name, value in arguments)
    return DockerfileBuild(FilePath(path), number, "compose", ("/a",), arguments=settings)


def test_builds_beyond_the_limits_are_listed_as_too_large(monkeypatch):
    monkeypatch.setattr(dockerfile_builds, "MAX_MERGED_BUILDS", 2)
    facts = [build_fact(number, ("B", f"evil/{number}")) for number in (1, 2, 3)]
    monkeypatch.setattr(built_images, "MAX_READ_BYTES", 0)
    found = list(list_built_images(resolve_builds(facts), {FilePath("Dockerfile"): DEFAULT.encode()}))
    assert [(each.line_number, each.reason) for each in found] == [(n, Reason.TOO_LARGE) for n in (1, 2, 3)]


def test_many_builds_with_many_arguments_are_resolved_fast():
    arguments = [(f"A{number}", "x") for number in range(2_000)]
    facts = [build_fact(number, *arguments) for number in range(200)]
    with soon(10):
        found = list(list_built_images(resolve_builds(facts), {FilePath("Dockerfile"): DEFAULT.encode()}))
    assert {each.reason for each in found} == {Reason.TOO_LARGE}


@pytest.mark.parametrize(
    ("path", "content", "text"),
    [
        ("docker-bake.hcl", 'target "a" { args = merge({}, { B = "evil/p" }) }', 'merge({}, { B = "evil/p" })'),
        ("docker-bake.hcl", 'target "a" { args = { (lower("B")) = "evil/p" } }', '"evil/p"'),
        ("docker-bake.hcl", 'target "a" { dockerfile-inline = f() }', "f()"),
        ("compose.yaml", write_build({"additional_contexts": {"a": "${X:-docker-image://evil/p}"}}), None),
        ("compose.yaml", write_build({"additional_contexts": {"a": "${X}"}}), "${X}"),
        ("compose.yaml", "include: [{path: x.yaml, env_file: e.txt}]\n", "env_file"),
        ("compose.yaml", "include: [{path: x.yaml, project_directory: web}]\n", "project_directory"),
        (
            "skaffold.yaml",
            SKAFFOLD % "{image: x}"
            + "profiles: [{patches: [{path: /build/artifacts/0/docker/dockerfile, value: h}]}]\n",
            "/build/artifacts/0/docker/dockerfile",
        ),
    ],
)
def test_part_of_a_build_that_is_not_evaluated_is_listed(list_images, path, content, text):
    expected = text if text is not None else "${X:-docker-image://evil/p}"
    assert [each[2] for each in list_images({path: content})] == [expected]


def test_image_that_a_compose_service_mounts_and_file_named_in_the_env_file_are_read(tmp_path):
    (tmp_path / "compose.yaml").write_text("services: {a: {volumes: [{type: image, source: 'evil/p:1'}]}}\n")
    (tmp_path / ".env").write_text("COMPOSE_FILE=compose.yaml:hidden.txt\n")
    (tmp_path / "hidden.txt").write_text("services: {a: {image: 'evil/q:1'}}\n")
    result = extract_references(GitRepository("", "", None, None), WorkTree(tmp_path), load_all_formats())
    assert [str(each.image) for each in result.references] == ["evil/p:1", "evil/q:1"]
