"""Determine which Dockerfiles of a repository are built by tasks of Azure Container Registries.

Azure stores such a task, and the repository may not contain any file about it. A task can set build arguments, so that
the defaults in the Dockerfile are not used. The builds are returned as cross-file facts, which affect the image
references in the Dockerfiles.
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
from bot.model.report import RunFailure
from bot.model.source import FilePath
from bot.model.vocabulary import FailureStage
from bot.pipeline.extract import MAX_FILE_BYTES, ExtractResult, relate_references
from bot.pipeline.worker_pool import REGISTRY_POOL
from bot.ports import FileTree, ImageBuilder, ProgressReporter

_TOP = FilePath("")


@dataclass(frozen=True, slots=True)
class BuildTasks:
    """The build tasks of all configured registries, and the failures to list them."""

    tasks: tuple[BuildTask, ...] = ()
    failed_registries: tuple[str, ...] = ()
    """Registries whose tasks could not be listed."""
    failures: tuple[RunFailure, ...] = ()


def list_build_tasks(builders: Sequence[ImageBuilder], progress: ProgressReporter) -> BuildTasks:
    """List the build tasks of all `builders`. If a registry fails, the tasks of the others are still returned."""
    if not builders:
        return BuildTasks()

    def list_tasks(builder: ImageBuilder) -> tuple[BuildTask, ...] | RunFailure:
        try:
            return builder.list_tasks()
        except RegistryError as error:
            return RunFailure(builder.registry, FailureStage.SURVEY, str(error))

    answers = REGISTRY_POOL.run_phase("Listing build tasks", list_tasks, builders, progress)
    failures = tuple(answer for answer in answers if isinstance(answer, RunFailure))
    tasks = tuple(task for answer in answers if not isinstance(answer, RunFailure) for task in answer)
    return BuildTasks(tasks, tuple(each.subject for each in failures), failures)


def add_build_tasks(extract_result: ExtractResult, tree: FileTree, build_tasks: BuildTasks) -> ExtractResult:
    """Return the extract result of `tree`, updated with facts about Dockerfiles that build tasks build.

    If it is unknown which Dockerfiles a task builds, the fact states that it may build any Dockerfile in its folder. If
    the tasks of a registry could not be listed, this applies to the whole tree.

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
        references=relate_references(extract_result.readings, facts, repository=repository),
        failures=(*extract_result.failures, *failures),
    )


class _UnreadableTaskError(Exception):
    """Raised if it cannot be determined which Dockerfiles in `folder` a build task builds."""

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
        repository: The repository, which a build can also name as its context.

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
    """Return the path from the root of the tree, for a `path` that is relative to `folder`.

    Return None if the path leads out of `folder`, because Azure passes only this folder to the task. A backslash is
    also a separator, because tasks can run on Windows.
    """
    relative_path = normpath(path.replace("\\", "/"))
    return (
        None
        if relative_path == ".." or relative_path.startswith(("../", "/"))
        else FilePath(join(folder, relative_path))
    )


def _read_task_file(extract_result: ExtractResult, tree: FileTree, path: FilePath, folder: FilePath) -> bytes | None:
    """Return the content of a task file. Return None if the file does not exist; the task then builds nothing.

    `folder` is the folder in which the task runs. The error names it.

    Raises:
        _UnreadableTaskError: If the file cannot be read, is too large, or may be missing from an incomplete tree.
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
