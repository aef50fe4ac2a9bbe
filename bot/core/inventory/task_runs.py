"""Add the data from runs of build tasks to the builds of own images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from posixpath import normpath

from bot.core.references.git_context import parse_context
from bot.model.build_task import DockerStep, TaskRun
from bot.model.image_name import Digest
from bot.model.own_build import BaseEvidence, BuiltOn, OwnBuild


def add_task_runs(builds: Iterable[OwnBuild], runs: Iterable[TaskRun]) -> list[OwnBuild]:
    """Return the builds with the base images, the sources and the Dockerfiles of the runs that pushed them.

    `runs` are sorted, newest first.
    """
    by_image: dict[tuple[str, Digest], TaskRun] = {}
    for run in runs:
        for image in run.images:
            by_image.setdefault(image, run)
    return [_add_run(each, _find_run(each, by_image)) for each in builds]


def _find_run(build: OwnBuild, by_image: dict[tuple[str, Digest], TaskRun]) -> TaskRun | None:
    digests = (build.digest, *sorted(build.children))
    return next((run for each in digests if (run := by_image.get((build.repository, each))) is not None), None)


def _add_run(build: OwnBuild, run: TaskRun | None) -> OwnBuild:
    if run is None:
        return build
    bases = (BuiltOn(repository, digest, BaseEvidence.BUILD_TASK) for repository, digest in run.bases)
    build = replace(build, bases=tuple(dict.fromkeys((*build.bases, *bases))), revision=run.revision or build.revision)
    step = run.task.step if run.task is not None else None
    context = parse_context(run.task.context) if run.task is not None else None
    if not isinstance(step, DockerStep) or context is None:
        return build
    path = normpath(f"{context.folder}/{step.dockerfile}" if context.folder else step.dockerfile)
    return replace(
        build,
        source=f"https://{context.host}/{context.repository}",  # without the secret that the context may contain
        branch=context.reference,
        dockerfile=path,
        is_task_run=True,
    )
