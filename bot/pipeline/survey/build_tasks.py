"""Determine which Dockerfiles of a repository are built by tasks of Azure Container Registries.

Azure stores such a task, and the repository need not contain any file about it. A task can set build arguments: if it
sets `TAG=1.2`, the default in the line `ARG TAG=1.1` of the Dockerfile is not used, and updating this default would
have no effect. Each build is therefore returned as a cross-file fact, which changes how the image references in the
Dockerfile are treated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from posixpath import join, normpath
from typing import assert_never

from bot.core.references.git_context import GitContext, parse_context
from bot.formats.acr_tasks import parse_task_builds
from bot.model.build_task import BuildTask, DockerStep, FileStep, InlineStep, OtherStep, StepBuild
from bot.model.cross_file import CrossFileFact, PossibleTaskBuild, RegistryTaskBuild
from bot.model.errors import RegistryError, TreeError
from bot.model.forge import GitRepository
from bot.model.phases import ProgressStep
from bot.model.report import RunFailure
from bot.model.source import FilePath
from bot.model.vocabulary import FailureStage
from bot.pipeline.references.extract import ExtractResult, relate_references
from bot.pipeline.references.file_reading import MAX_FILE_BYTES
from bot.pipeline.run_context import RunContext
from bot.pipeline.worker_pool import REGISTRY_POOL
from bot.ports import FileTree, ImageBuilder

_TOP = FilePath("")


@dataclass(frozen=True, slots=True)
class BuildTasks:
    """The build tasks of all configured registries."""

    tasks: tuple[BuildTask, ...] = ()
    failed_registries: tuple[str, ...] = ()
    """Registries whose tasks could not be listed."""


def list_build_tasks(context: RunContext) -> BuildTasks:
    """List the build tasks of all registries that run such tasks (`context.builders`).

    If a registry fails, a failure is noted, and the tasks of the working registries are returned.
    """
    if not context.builders:
        return BuildTasks()

    def list_tasks(builder: ImageBuilder) -> tuple[BuildTask, ...] | RunFailure:
        try:
            return builder.list_tasks()
        except RegistryError as error:
            return RunFailure(builder.registry, FailureStage.SURVEY, str(error))

    answers = REGISTRY_POOL.run_phase(ProgressStep.LIST_BUILD_TASKS, list_tasks, context.builders, context.progress)
    failures = [answer for answer in answers if isinstance(answer, RunFailure)]
    context.failures.add(failures)
    tasks = tuple(task for answer in answers if not isinstance(answer, RunFailure) for task in answer)
    return BuildTasks(tasks, tuple(each.subject for each in failures))


def add_build_tasks(extract_result: ExtractResult, tree: FileTree, build_tasks: BuildTasks) -> ExtractResult:
    """Add facts to `extract_result` that state which Dockerfiles of `tree` are built by build tasks.

    If the Dockerfiles of a task cannot be determined, all Dockerfiles in the task's folder count as possibly built. If
    the tasks of a registry could not be listed, all Dockerfiles of the tree count as possibly built.

    Raises:
        TreeError: If the tree cannot be listed.
    """
    repository = extract_result.repository
    if repository.host is None:  # no build context can refer to the repository
        return extract_result
    facts: list[CrossFileFact] = [
        PossibleTaskBuild(_TOP, f"tasks of {registry} could not be listed")
        for registry in build_tasks.failed_registries
    ]
    failures: list[RunFailure] = []
    for task in build_tasks.tasks:
        try:
            facts += _find_builds(task, extract_result, tree)
        except _UnreadableTaskError as error:
            facts.append(PossibleTaskBuild(error.folder, f"the steps of the {task.title} could not be read"))
            if error.failure is not None:
                failures.append(error.failure)
    if not facts:
        return extract_result
    return replace(
        extract_result,
        extracted=relate_references(extract_result.readings, facts, repository=repository),
        failures=(*extract_result.failures, *failures),
    )


class _UnreadableTaskError(Exception):
    """Raised if it is unknown which Dockerfiles in `folder` a task builds, for example for an unreadable task file."""

    def __init__(self, folder: FilePath, failure: RunFailure | None = None) -> None:
        self.folder, self.failure = folder, failure
        super().__init__(folder)


def _find_builds(task: BuildTask, extract_result: ExtractResult, tree: FileTree) -> Iterator[CrossFileFact]:
    """Yield a fact for each Dockerfile of the repository that the task builds. Yield nothing if it builds none.

    Raises:
        _UnreadableTaskError: If the task runs in the repository, but its builds cannot be determined.
        TreeError: If the tree cannot be listed.
    """
    repository = extract_result.repository
    folder = _find_folder(parse_context(task.context), repository)
    match task.step:
        case DockerStep(dockerfile, arguments):
            if folder is not None:
                yield from _find_dockerfile_build(task, folder, dockerfile, arguments)
        case InlineStep(content):
            yield from _find_step_builds(task, parse_task_builds(content), folder, repository)
        case FileStep(path):
            if folder is not None and (file := _join_inside(folder, path)) is not None:
                task_file = _read_task_file(extract_result, tree, file, folder)
                yield from (
                    ()
                    if task_file is None
                    else _find_step_builds(task, parse_task_builds(task_file), folder, repository)
                )
        case OtherStep():
            if folder is not None:
                raise _UnreadableTaskError(folder)
        case _:
            assert_never(task.step)


def _find_step_builds(
    task: BuildTask, builds: Sequence[StepBuild] | None, folder: FilePath | None, repository: GitRepository
) -> Iterator[CrossFileFact]:
    """Yield a fact for each Dockerfile that the steps of a task file build.

    Args:
        task: The task that runs the steps.
        builds: The builds in the steps; None if the steps could not be parsed.
        folder: The folder of the repository in which the steps run; None if they run outside of the repository.
        repository: The repository. A build whose context is a git URL of this repository is included.

    Raises:
        _UnreadableTaskError: If the steps could not be parsed, and run in the repository.
    """
    if builds is None:
        if folder is not None:
            raise _UnreadableTaskError(folder)
        return
    for build in builds:
        build_folder = _find_folder(parse_context(build.context), repository) if build.context else folder
        if build_folder is None:
            continue
        if build.dockerfile is None:
            yield PossibleTaskBuild(build_folder, f"variables determine what the {task.title} builds")
        else:
            yield from _find_dockerfile_build(task, build_folder, build.dockerfile, build.arguments)


def _find_dockerfile_build(
    task: BuildTask, folder: FilePath, dockerfile: str, arguments: tuple[str, ...]
) -> Iterator[CrossFileFact]:
    path = _join_inside(folder, dockerfile)
    if path is not None:
        yield RegistryTaskBuild(f"the {task.title}", path, arguments)


def _find_folder(context: GitContext | None, repository: GitRepository) -> FilePath | None:
    if context is None or repository.host is None or repository.base_branch is None:
        return None
    return context.get_folder_in(repository.host, repository.name, repository.base_branch)


def _join_inside(folder: FilePath, path: str) -> FilePath | None:
    """Join `folder` and a `path` that a task names relative to this folder.

    Return None if the result is outside of `folder`, as for `../Dockerfile`. A task cannot read such a file, because
    Azure passes only this folder to the task. Backslashes are separators, too, because tasks can run on Windows.
    """
    relative_path = normpath(path.replace("\\", "/"))
    return (
        None
        if relative_path == ".." or relative_path.startswith(("../", "/"))
        else FilePath(join(folder, relative_path))
    )


def _read_task_file(extract_result: ExtractResult, tree: FileTree, path: FilePath, folder: FilePath) -> bytes | None:
    """Return the content of a task file, or None if the file does not exist and the task therefore builds nothing.

    Args:
        extract_result: The files that were already read, one of which may be the task file.
        tree: The tree from which the file is read if it is not in `extract_result`.
        path: The path of the task file.
        folder: The folder in which the task runs. It becomes the folder of `_UnreadableTaskError`.

    Raises:
        _UnreadableTaskError: If the file cannot be read or is too large. Also if the list of files is incomplete and
            does not contain the file, because the file may exist nevertheless.
        TreeError: If the tree cannot be listed.
    """
    for reading in extract_result.get_readings(path):
        return reading.file.content
    entry = next((each for each in tree.list_entries() if each.path == path), None)
    if entry is None:
        if tree.is_complete:
            return None
        raise _UnreadableTaskError(folder)
    if entry.size is not None and entry.size > MAX_FILE_BYTES:
        raise _UnreadableTaskError(folder)
    (content,) = tree.read([entry])
    if isinstance(content, TreeError):
        raise _UnreadableTaskError(
            folder, RunFailure(f"{extract_result.repository.name}/{path}", FailureStage.SURVEY, str(content))
        )
    return content
