"""Builds of a repository's Dockerfiles by registry tasks, certain and possible ones."""

from __future__ import annotations

from types import MappingProxyType

import pytest
from support.git import DiskRepository
from support.runs.worlds import build_context, write_tree

from bot.forges.local.fleet import LocalFleet
from bot.formats import load_all_formats
from bot.model.build_task import BuildTask, DockerStep, FileStep, InlineStep, OtherStep, TaskStep
from bot.model.errors import RegistryError, TreeError
from bot.model.forge import GitRepository, TreeEntry
from bot.model.source import NotEditable
from bot.model.vocabulary import FailureStage, Reason
from bot.pipeline.references.extract import ExtractResult, extract_references
from bot.pipeline.references.file_reading import MAX_FILE_BYTES
from bot.pipeline.survey.build_tasks import BuildTasks, add_build_tasks, list_build_tasks
from bot.ports import FileTree
from bot.worktree import WorkTree

CONTOSO = "contoso.azurecr.io"
HERE = GitRepository("github", "acme/web", "main", "0" * 40, host="github.com")
WEB = "https://github.com/acme/web.git#main"
FROM = "FROM node:22\n"
FILES = {"Dockerfile": FROM, "app/Dockerfile": FROM, "app/web/Dockerfile": FROM}
STEPS = "steps:\n- build: -t a -f Dockerfile .\n"


def build_task(step: TaskStep, context: str = WEB) -> BuildTask:
    return BuildTask(CONTOSO, "build-web", context, step)


def survey_files(
    tmp_path, builds: BuildTasks, files=None, repository: GitRepository = HERE, tree: FileTree | None = None
) -> ExtractResult:
    tree = tree or WorkTree(write_tree(tmp_path / "tree", FILES if files is None else files))
    return add_build_tasks(extract_references(repository, tree, load_all_formats()), tree, builds)


def list_built_dockerfiles(found: ExtractResult) -> dict[str, bool]:
    """Return the paths of the Dockerfiles that a task builds, and whether each build is certain."""
    return {
        reference.path: reference.digest_slot.is_certain
        for reference in found.references
        if isinstance(reference.digest_slot, NotEditable) and reference.digest_slot.reason is Reason.ACR_TASK
    }


def list_dockerfiles_built_by(tmp_path, step: TaskStep, context: str = WEB, files=None, **more) -> dict[str, bool]:
    return list_built_dockerfiles(survey_files(tmp_path, BuildTasks((build_task(step, context),)), files, **more))


# What is known


@pytest.mark.parametrize(
    ("context", "dockerfile", "path"),
    [
        (WEB, "Dockerfile", "Dockerfile"),
        (WEB, "./app/Dockerfile", "app/Dockerfile"),
        (f"{WEB}:app", "Dockerfile", "app/Dockerfile"),
        (f"{WEB}:app", "web/Dockerfile", "app/web/Dockerfile"),
        (f"{WEB}:app", "web\\Dockerfile", "app/web/Dockerfile"),
        ("https://github.com/Acme/Web", "Dockerfile", "Dockerfile"),
    ],
)
def test_dockerfile_path_is_relative_to_the_context_folder(tmp_path, context, dockerfile, path):
    assert list_dockerfiles_built_by(tmp_path, DockerStep(dockerfile), context) == {path: True}


@pytest.mark.parametrize(
    ("context", "dockerfile"),
    [
        ("https://github.com/acme/web.git#next", "Dockerfile"),
        ("https://github.com/acme/api.git#main", "Dockerfile"),
        ("https://gitlab.com/acme/web.git#main", "Dockerfile"),
        ("", "Dockerfile"),
        (f"{WEB}:app", "../Dockerfile"),
        (WEB, "/Dockerfile"),
        (WEB, "missing/Dockerfile"),
    ],
)
def test_acr_task_that_builds_no_dockerfile_of_the_repository_is_ignored(tmp_path, context, dockerfile):
    assert list_dockerfiles_built_by(tmp_path, DockerStep(dockerfile), context) == {}


def test_acr_task_matches_no_dockerfile_if_repository_has_no_clone_url(tmp_path):
    local = GitRepository("local", "acme/web", "main", "0" * 40)
    builds = BuildTasks((build_task(DockerStep("Dockerfile")),), (CONTOSO,))
    assert list_built_dockerfiles(survey_files(tmp_path, builds, repository=local)) == {}


@pytest.mark.parametrize(("context", "path"), [(WEB, "Dockerfile"), (f"{WEB}:app", "app/Dockerfile")])
def test_acr_task_file_is_found_in_the_repository_of_the_context(tmp_path, context, path):
    files = FILES | {"ci/acb.yaml": STEPS, "app/ci/acb.yaml": STEPS}
    assert list_dockerfiles_built_by(tmp_path, FileStep("ci/acb.yaml"), context, files) == {path: True}


def test_acr_task_file_is_read_even_if_another_format_also_reads_the_file(tmp_path):
    assert list_dockerfiles_built_by(tmp_path, FileStep("build.task"), files=FILES | {"build.task": STEPS}) == {
        "Dockerfile": True
    }
    pod = "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: a:1}]}\n"
    assert list_dockerfiles_built_by(tmp_path, FileStep("a.yaml"), files=FILES | {"a.yaml": pod + STEPS}) == {
        "Dockerfile": True
    }


def test_acr_task_with_missing_task_file_builds_no_dockerfile(tmp_path):
    assert list_dockerfiles_built_by(tmp_path, FileStep("acb.yaml")) == {}
    assert list_dockerfiles_built_by(tmp_path, FileStep("../acb.yaml"), f"{WEB}:app", FILES | {"acb.yaml": STEPS}) == {}


def test_acr_task_without_build_steps_in_the_task_file_builds_no_dockerfile(tmp_path):
    assert (
        list_dockerfiles_built_by(
            tmp_path, FileStep("purge.yaml"), files=FILES | {"purge.yaml": "steps:\n- cmd: acr purge\n"}
        )
        == {}
    )


def test_build_step_of_inline_acr_task_uses_own_context_or_context_of_the_task(tmp_path):
    assert list_dockerfiles_built_by(tmp_path, InlineStep(STEPS.encode()), f"{WEB}:app") == {"app/Dockerfile": True}
    assert list_dockerfiles_built_by(tmp_path, InlineStep(STEPS.encode()), "") == {}
    remote = f"steps:\n- build: -t a -f web/Dockerfile {WEB}:app\n- build: -t b https://github.com/acme/api.git\n"
    assert list_dockerfiles_built_by(tmp_path, InlineStep(remote.encode()), "") == {"app/web/Dockerfile": True}


# What is not known


def test_every_dockerfile_is_possibly_built_if_acr_tasks_cannot_be_listed(tmp_path):
    found = survey_files(tmp_path, BuildTasks(failed_registries=(CONTOSO,)))
    assert list_built_dockerfiles(found) == dict.fromkeys(FILES, False)
    (note,) = found.references[0].notes
    assert f"tasks of {CONTOSO} " in note
    assert found.failures == (), "that is said once, for the registry"


@pytest.mark.parametrize("step", [OtherStep(), InlineStep(b"steps: [")])
def test_unknown_step_of_acr_task_may_build_any_dockerfile_in_the_context(tmp_path, step):
    found = survey_files(tmp_path, BuildTasks((build_task(step, f"{WEB}:app"),)))
    assert list_built_dockerfiles(found) == {"app/Dockerfile": False, "app/web/Dockerfile": False}
    (note,) = found.references[1].notes
    assert f"the steps of the task build-web of {CONTOSO} " in note
    assert list_dockerfiles_built_by(tmp_path, step, "https://github.com/acme/api.git") == {}


def test_acr_step_with_variable_in_dockerfile_path_may_build_any_dockerfile(tmp_path):
    content = b"steps:\n- build: -t a -f {{.Values.file}} .\n"
    assert list_dockerfiles_built_by(tmp_path, InlineStep(content), f"{WEB}:app/web") == {"app/web/Dockerfile": False}


def test_acr_task_with_unreadable_task_file_may_build_any_dockerfile(tmp_path):
    files = {"Dockerfile": FROM, "broken.task": "steps: [", "large.task": b"#" * (MAX_FILE_BYTES + 1)}
    assert list_dockerfiles_built_by(tmp_path, FileStep("broken.task"), files=files) == {"Dockerfile": False}
    assert list_dockerfiles_built_by(tmp_path, FileStep("large.task"), files=files) == {"Dockerfile": False}


class ShortTree:
    """A tree that the forge truncated, with one file that cannot be read."""

    unlisted_folders = ()
    links = MappingProxyType({})
    is_on_disk = False
    history = None

    def __init__(self, tree: FileTree, missing: str, *, complete: bool) -> None:
        self._tree, self._missing, self.is_complete = tree, missing, complete

    def list_entries(self):
        listed = list(self._tree.list_entries())
        return [each for each in listed if each.path != self._missing] if not self.is_complete else listed

    def read(self, entries: list[TreeEntry]):
        for entry, content in zip(entries, self._tree.read(entries), strict=True):
            yield TreeError("it cannot be read") if entry.path == self._missing else content


@pytest.mark.parametrize("complete", [True, False])
def test_acr_task_file_missing_from_truncated_tree_may_build_any_dockerfile(tmp_path, complete):
    whole = WorkTree(write_tree(tmp_path / "tree", FILES | {"acb.task": STEPS}))
    found = survey_files(
        tmp_path, BuildTasks((build_task(FileStep("acb.task")),)), tree=ShortTree(whole, "acb.task", complete=complete)
    )
    assert list_built_dockerfiles(found) == dict.fromkeys(FILES, False)
    assert [(each.subject, each.stage) for each in found.failures] == (
        [("acme/web/acb.task", FailureStage.SURVEY)] if complete else []
    )


@pytest.mark.real("git")
def test_acr_task_file_is_read_from_the_scanned_commit_after_the_branch_changed(tmp_path):
    git = DiskRepository.create(tmp_path / "fleet" / "web.git", {**FILES, "build.task": STEPS})
    fleet = LocalFleet(tmp_path / "fleet")
    (repository,) = fleet.list_repositories(frozenset())
    tree = fleet.open_tree(repository)
    git.commit("main", {"build.task": "steps: []\n"})
    assert list_dockerfiles_built_by(tmp_path, FileStep("build.task"), tree=tree) == {"Dockerfile": True}


# Who is asked


class FakeTaskRegistry:
    """A registry that returns the given tasks, or raises the given error."""

    def __init__(self, registry: str, answer: tuple[BuildTask, ...] | RegistryError) -> None:
        self.registry, self._answer, self.asked = registry, answer, 0

    def list_tasks(self) -> tuple[BuildTask, ...]:
        self.asked += 1
        if isinstance(self._answer, RegistryError):
            raise self._answer
        return self._answer


def test_acr_tasks_of_other_registries_are_listed_if_one_registry_fails():
    tasks = (build_task(DockerStep("Dockerfile")), build_task(OtherStep()))
    silent = RegistryError("a.azurecr.io", Reason.UNREACHABLE, "no answer", is_failure=True)
    builders = [FakeTaskRegistry(CONTOSO, tasks), FakeTaskRegistry("a.azurecr.io", silent)]
    context = build_context(builders=builders)
    found = list_build_tasks(context)
    assert (found.tasks, found.failed_registries) == (tasks, ("a.azurecr.io",))
    (failed,) = context.failures.list_all()
    assert (failed.subject, failed.stage, failed.error) == ("a.azurecr.io", FailureStage.SURVEY, "no answer")
    assert [each.asked for each in builders] == [1, 1]
    assert list_build_tasks(build_context()) == BuildTasks()
