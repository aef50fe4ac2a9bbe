"""ACR Tasks: the Dockerfiles and build arguments of tasks, and cases that the golden files cannot show."""

from __future__ import annotations

import pytest

from bot.core.references.relate.dockerfile_builds import resolve_builds
from bot.formats.acr_tasks import FORMAT, parse_task_builds
from bot.model.build_task import StepBuild
from bot.model.cross_file import TaskFileBuild
from bot.model.path_index import index_paths
from bot.model.source import FilePath, SourceFile, UnsupportedText

PATH = FilePath("ci/acb.yaml")


def extract(text: str):
    return list(FORMAT.extract(SourceFile(PATH, text.encode())))


def builds(step: str, top: str = ""):
    found = extract(f"version: v1.1.0\n{top}steps:\n  - {step}\n")
    return [each for each in found if isinstance(each, TaskFileBuild)]


def built(command: str):
    return [each.dockerfile for each in builds(f"build: {command}")]


def test_acr_tasks_are_searched_in_all_yaml_files():
    paths = [FilePath(path) for path in ("a.yaml", "x/b.yml", "acb.json", "acb.yaml.j2")]
    assert FORMAT.select_paths(index_paths(paths)) == paths[:2]


@pytest.mark.parametrize(
    ("command", "dockerfile"),
    [
        ("-t $Registry/a:$ID .", "Dockerfile"),
        (". -t a -f hello.dockerfile", "hello.dockerfile"),
        ("-t a -f ./docker/Dockerfile.web ./web", "docker/Dockerfile.web"),
        ("-t a ./web/", "web/Dockerfile"),
        ("--file=b/Dockerfile -t=a .", "b/Dockerfile"),
        ("-t a --no-cache web", "web/Dockerfile"),
        ("""-t a --label 'x=y z' -f "my file" .""", "my file"),
        ("-t a", "Dockerfile"),
        ("-t it's .", "Dockerfile"),
    ],
)
def test_acr_dockerfile_is_given_by_option_f_or_is_in_the_context_folder(command, dockerfile):
    assert built(f">-\n      {command}") == [dockerfile]


@pytest.mark.parametrize(
    "command",
    [
        "https://github.com/acme/web.git#main -f Dockerfile",
        "oci://example.azurecr.io/context:1",
        "git@github.com:acme/web.git",
        "-f $Dockerfile .",
        "-f Dockerfile {{.Values.context}}",
        "-f /workspace/Dockerfile .",
        "../..",
        "[a, b]",
    ],
)
def test_acr_task_build_of_files_outside_repository_is_not_reported(command):
    assert built(command) == []


def test_acr_working_directory_of_step_replaces_that_of_task():
    assert [each.dockerfile for each in builds("{build: -f Dockerfile ., workingDirectory: a/b}")] == ["a/b/Dockerfile"]
    assert [each.dockerfile for each in builds("build: web", top="workingDirectory: a\n")] == ["a/web/Dockerfile"]


def test_acr_task_build_is_extracted_with_line_number_and_build_arguments():
    command = ">\n      -t a --build-arg NODE=24 --build-arg=GO=$Go --build-arg TOKEN\n      ."
    task, *found = extract(f"version: v1.1.0\nsteps:\n  - build: {command}\n")
    assert task == TaskFileBuild(PATH, 3, "Dockerfile")
    (resolved,) = resolve_builds([each for each in found if each.context[0].text == "."])
    assert {name: (each.value, each.argument.line_number) for name, each in resolved.arguments.items()} == {
        "NODE": ("24", 3),
        "GO": (None, 3),
        "TOKEN": (None, 3),
    }


def test_acr_task_may_build_with_arguments_in_every_folder_above_its_file():
    text = "version: v1.1.0\nsteps: [{build: --build-arg A=1 -f b/Dockerfile .}]\n"
    found = list(FORMAT.extract(SourceFile(FilePath("x/y/acb.yaml"), text.encode())))
    dockerfiles = [each.dockerfiles for each in resolve_builds(found)]
    assert dockerfiles == [("x/y/b/Dockerfile",), ("x/b/Dockerfile",), ("b/Dockerfile",)]


@pytest.mark.parametrize(
    "text",
    [
        "version: v1.0.0\nsteps: [{build: .}]\n",
        "version: '1.0-preview-1'\nsteps: [{build: .}]\n",
        "steps: [{build: -t $Registry/a .}]\n",
        "version: 1.0\nsteps: [{push: [a]}, {build: '-t {{ .Run.Registry }}/a .'}]\n",
    ],
)
def test_acr_task_is_recognised_by_version_or_run_variables(text):
    assert [type(each) for each in extract(text)] == [TaskFileBuild]


@pytest.mark.parametrize(
    "text",
    [
        "version: v2.0.0\nsteps: [{build: .}] # $Registry\n",
        "version: v1.1.0\nsteps: [{build: ., image: a}, {script: b}]\n",
        "version: v1.1.0\nsteps: [{build: ., cmd: a:1}]\n",
        "version: v1.1.0\nsteps: [a, build]\n",
        "version: v1.1.0\njobs: {a: {steps: [{build: .}]}}\n",
    ],
)
def test_yaml_with_steps_of_other_tools_is_not_an_acr_task(text):
    assert extract(text) == []


def test_unparsable_yaml_without_signs_of_acr_task_is_ignored():
    assert extract("steps: [{cmd: a, build: b\n") == []


def test_invalid_utf8_in_acr_template_is_replaced():
    content = b"steps:\n  - cmd: a{{.Run.\xff}}:1 run\n"
    (found,) = FORMAT.extract(SourceFile(PATH, content))
    assert isinstance(found, UnsupportedText)
    assert found.text == "a{{.Run.\ufffd}}:1"


# Files that are known to be tasks


def known(command: str, top: str = ""):
    return parse_task_builds(f"{top}steps:\n- build: >-\n    {command}\n".encode())


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("-t a .", StepBuild("Dockerfile")),
        (
            "-t {{.Run.Registry}}/a:{{.Run.ID}} -f b/Dockerfile --build-arg NODE=1 b",
            StepBuild("b/Dockerfile", "", ("NODE",)),
        ),
        (
            "-t a -f b/Dockerfile https://github.com/acme/web.git#main:src",
            StepBuild("b/Dockerfile", "https://github.com/acme/web.git#main:src"),
        ),
        ("-t a git@github.com:acme/web.git", StepBuild("Dockerfile", "git@github.com:acme/web.git")),
        ("-t a github.com/acme/web", StepBuild("Dockerfile", "github.com/acme/web")),
        ("-t a -f {{.Values.file}} .", StepBuild(None)),
        ("-t a $context", StepBuild(None)),
    ],
)
def test_acr_task_file_named_by_azure_is_parsed_even_without_version(command, expected):
    assert known(command) == (expected,)


@pytest.mark.parametrize("command", ["-t a /workspace", "-t a ../..", "-t a oci://contoso.azurecr.io/context:1"])
def test_acr_task_with_context_outside_repository_has_no_build(command):
    assert known(command) == ()


def test_working_directory_applies_to_acr_task_file_without_version():
    assert known("-t a .", "workingDirectory: app\n") == (StepBuild("app/Dockerfile"),)


def test_acr_task_file_can_contain_no_build_or_several_builds():
    assert parse_task_builds(b"steps:\n- cmd: acr purge --ago 7d\n- push: [a]\n") == ()
    assert parse_task_builds(b"") == ()
    assert parse_task_builds(b"steps:\n- build: -t a a\n- build: -t b b\n") == (
        StepBuild("a/Dockerfile"),
        StepBuild("b/Dockerfile"),
    )


@pytest.mark.parametrize("content", [b"steps: [", b"steps:\n- build: \xff .\n", "steps: []".encode("utf-16")])
def test_builds_of_unreadable_acr_task_are_unknown(content):
    assert parse_task_builds(content) is None
