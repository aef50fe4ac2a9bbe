"""Builds of Dockerfiles in GitHub workflows."""

from __future__ import annotations

import pytest

from bot.core.references.relate.dockerfile_builds import resolve_builds
from bot.formats.github_actions import FORMAT
from bot.model.cross_file import DockerfileBuild
from bot.model.source import FilePath, SourceFile

WORKFLOW = "apps/.github/workflows/ci.yml"


def resolve(inputs: str, action: str = "docker/build-push-action@v6", path: str = WORKFLOW):
    """Return the builds of a step with these inputs, each with its Dockerfiles, arguments and unresolved path."""
    lines = "".join(f"          {line}\n" for line in inputs.splitlines())
    text = f"jobs:\n  a:\n    steps:\n      - uses: {action}\n        with:\n{lines}"
    facts = list(FORMAT.extract(SourceFile(FilePath(path), text.encode())))
    assert all(isinstance(each, DockerfileBuild) for each in facts)
    return [
        (
            each.dockerfiles,
            {name: (value.value, value.argument.line_number) for name, value in each.arguments.items()},
            each.unresolved_path,
        )
        for each in resolve_builds(facts)
    ]


@pytest.mark.parametrize(
    ("inputs", "dockerfile"),
    [
        ("file: docker/Containerfile.web", "apps/docker/Containerfile.web"),
        ("context: web\nfile: docker/Containerfile", "apps/docker/Containerfile"),
        ("context: '{{defaultContext}}:web'\nfile: Containerfile", "apps/web/Containerfile"),
        ("context: ./web\nbuild-args: A=1", "apps/web/Dockerfile"),
        ("context: '{{defaultContext}}'\nbuild-args: A=1", "apps/Dockerfile"),
        ("build-args: A=1", "apps/Dockerfile"),
    ],
)
def test_paths_of_a_build_start_at_the_root_of_the_repository(inputs, dockerfile):
    ((dockerfiles, _, unresolved),) = resolve(inputs)
    assert (dockerfiles[0], unresolved) == (dockerfile, "")


def test_arguments_have_the_lines_in_which_they_are_set():
    inputs = "build-args: |\n  BASE=alpine:3.20\n\n  B=${{ matrix.b }}\n  TOKEN\n  C=x=y"
    ((_, arguments, _),) = resolve(inputs)
    assert arguments == {"BASE": ("alpine:3.20", 7), "B": (None, 9), "TOKEN": (None, 10), "C": ("x=y", 11)}


def test_path_with_an_expression_is_unresolved_if_the_step_sets_arguments():
    file = "file: docker/${{ matrix.file }}"
    assert resolve(file) == []
    assert resolve(f"{file}\nbuild-args: A=1") == [((), {"A": ("1", 7)}, "docker/${matrix.file}")]


def test_buildah_action_builds_several_containerfiles():
    inputs = "containerfiles: |\n  ./a.Containerfile\n  ./b.Containerfile\nbuild-args: A=1"
    builds = resolve(inputs, "redhat-actions/buildah-build@v2")
    assert [each[0] for each in builds] == [("apps/a.Containerfile",), ("apps/b.Containerfile",)]


def test_steps_of_a_composite_action_build_from_the_root_of_the_tree():
    text = "runs: {steps: [{uses: docker/build-push-action@v6, with: {file: web/Containerfile, build-args: A=1}}]}"
    facts = list(FORMAT.extract(SourceFile(FilePath(".github/actions/build/action.yml"), text.encode())))
    (build,) = resolve_builds(facts)
    assert build.dockerfiles == ("web/Containerfile",)


@pytest.mark.parametrize("inputs", ["context: web", "file: coverage.xml", "build-args: A=1"])
def test_steps_that_build_nothing_or_only_a_usual_dockerfile_state_no_build(inputs):
    assert resolve(inputs, "docker/build-push-action" if inputs.startswith("context") else "acme/upload@v1") == []
