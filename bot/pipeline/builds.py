"""Builds: what tasks that no file has to name build of the repositories of a run, or may build for all one knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from posixpath import join, normpath
from typing import assert_never

from bot.core.places.git_context import GitContext, parse_context
from bot.formats.acr_tasks import builds_of
from bot.model.errors import RegistryError, TreeError
from bot.model.forge import GitRepository
from bot.model.remark import KnownBuild, MaybeBuilt, Remark
from bot.model.report import Failed
from bot.model.source import FilePath
from bot.model.task import BuildTask, DockerStep, FileStep, InlineStep, OtherStep, StepBuild
from bot.model.vocabulary import Stage
from bot.pipeline.pool import REGISTRIES
from bot.pipeline.survey import MAX_FILE_BYTES, Survey, related
from bot.ports import Builder, Progress, Tree

_TOP = FilePath("")


@dataclass(frozen=True, slots=True)
class Builds:
    """What registries say that they build."""

    tasks: tuple[BuildTask, ...] = ()
    silent: tuple[str, ...] = ()
    """Registries that did not say."""
    failed: tuple[Failed, ...] = ()


def ask_builders(builders: Sequence[Builder], progress: Progress) -> Builds:
    """Ask every builder once; one that does not answer costs the others nothing."""
    if not builders:
        return Builds()
    progress.phase("Asking for tasks", len(builders))

    def ask(builder: Builder) -> tuple[BuildTask, ...] | Failed:
        try:
            return builder.tasks()
        except RegistryError as error:
            return Failed(builder.registry, Stage.SURVEY, str(error))
        finally:
            progress.step()

    answers = REGISTRIES.map(ask, builders)
    progress.done()
    failed = tuple(answer for answer in answers if isinstance(answer, Failed))
    tasks = tuple(task for answer in answers if not isinstance(answer, Failed) for task in answer)
    return Builds(tasks, tuple(each.subject for each in failed), failed)


def with_builds(surveyed: Survey, tree: Tree, builds: Builds) -> Survey:
    """Return the survey of `tree` with what tasks build of it. Raises TreeError when it cannot be listed."""
    repository = surveyed.repository
    if repository.host is None:  # then no context can name it
        return surveyed
    told: list[Remark] = [MaybeBuilt(_TOP, f"{registry} did not say which tasks it has") for registry in builds.silent]
    failed: list[Failed] = []
    for task in builds.tasks:
        try:
            told += _remarks(task, surveyed, tree)
        except _UnreadError as error:
            told.append(MaybeBuilt(error.folder, f"what the {task.title} does could not be read"))
            if error.failed is not None:
                failed.append(error.failed)
    if not told:
        return surveyed
    return replace(
        surveyed, places=related(surveyed.readings, told, home=repository), failed=(*surveyed.failed, *failed)
    )


class _UnreadError(Exception):
    """What a task does in a folder cannot be told."""

    def __init__(self, folder: FilePath, failed: Failed | None = None) -> None:
        self.folder, self.failed = folder, failed
        super().__init__(folder)


def _remarks(task: BuildTask, surveyed: Survey, tree: Tree) -> Iterator[Remark]:
    """Yield what a task builds of a repository. Raises _UnreadError, TreeError."""
    repository = surveyed.repository
    folder = _folder_in(parse_context(task.context), repository)
    match task.step:
        case DockerStep(dockerfile, arguments):
            if folder is not None:
                yield from _build(task, folder, dockerfile, arguments)
        case InlineStep(content):
            yield from _steps(task, builds_of(content), folder, repository)
        case FileStep(path):
            if folder is not None and (file := _inside(folder, path)) is not None:
                written = _content(surveyed, tree, file, folder)
                yield from () if written is None else _steps(task, builds_of(written), folder, repository)
        case OtherStep():
            if folder is not None:
                raise _UnreadError(folder)
        case _:
            assert_never(task.step)


def _steps(
    task: BuildTask, builds: Sequence[StepBuild] | None, folder: FilePath | None, repository: GitRepository
) -> Iterator[Remark]:
    """Yield what the steps of a task build that runs in `folder` of a repository, None for elsewhere."""
    if builds is None:
        if folder is not None:
            raise _UnreadError(folder)
        return
    for build in builds:
        where = _folder_in(parse_context(build.context), repository) if build.context else folder
        if where is None:
            continue
        if build.dockerfile is None:
            yield MaybeBuilt(where, f"variables decide what the {task.title} builds")
        else:
            yield from _build(task, where, build.dockerfile, build.arguments)


def _build(task: BuildTask, folder: FilePath, dockerfile: str, arguments: tuple[str, ...]) -> Iterator[Remark]:
    path = _inside(folder, dockerfile)
    if path is not None:
        yield KnownBuild(f"the {task.title}", path, arguments)


def _folder_in(context: GitContext | None, repository: GitRepository) -> FilePath | None:
    if context is None or repository.host is None or repository.base_branch is None:
        return None
    return context.folder_in(repository.host, repository.name, repository.base_branch)


def _inside(folder: FilePath, path: str) -> FilePath | None:
    """Return a path of the tree; None where it leaves the folder that a task is given.

    Tasks that run on Windows may have its separators.
    """
    inner = normpath(path.replace("\\", "/"))
    return None if inner == ".." or inner.startswith(("../", "/")) else FilePath(join(folder, inner))


def _content(surveyed: Survey, tree: Tree, path: FilePath, folder: FilePath) -> bytes | None:
    """Return a task file; None where there is none, so that the task builds nothing of this branch.

    Raises _UnreadError where it cannot be read, and TreeError.
    """
    for reading in surveyed.readings_of(path):
        return reading.file.content
    entry = next((each for each in tree.entries() if each.path == path), None)
    if entry is None:
        if tree.complete:
            return None
        raise _UnreadError(folder)
    if entry.size is not None and entry.size > MAX_FILE_BYTES:
        raise _UnreadError(folder)
    (content,) = tree.read([entry])
    if isinstance(content, TreeError):
        raise _UnreadError(folder, Failed(f"{surveyed.repository.name}/{path}", Stage.SURVEY, str(content)))
    return content
