"""Dockerfiles that tasks of Azure Container Registry (ACR) build. Base images in them are not pinned.

A task builds an image again when the tag of its base image changes, but not if the Dockerfile pins the base image to a
digest. A digest from basebump would therefore stop these builds:
https://learn.microsoft.com/en-us/azure/container-registry/container-registry-tasks-base-images. The base images of a
Dockerfile are determined in the same way as in scan/dependencies.go of https://github.com/Azure/acr-builder.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from posixpath import join

from bot.core.references.dockerfile_stages import is_base_image
from bot.core.references.locking import lock_reference
from bot.core.references.relate.arguments import ArgumentSetting, add_setting_notes
from bot.core.references.relate.folders import list_folders_and_path
from bot.model.cross_file import CrossFileFact, PossibleTaskBuild, RegistryTaskBuild, TaskFileBuild
from bot.model.extracted_item import ExtractedReferences
from bot.model.hosts import is_acr
from bot.model.source import FilePath, Reference, UnsupportedText
from bot.model.vocabulary import Reason

_WATCHED_HOSTS = frozenset({"docker.io", "mcr.microsoft.com"})
"""Registry hosts that tasks watch in addition to Azure's own registries."""


@dataclass(frozen=True, slots=True)
class _TaskDockerfile:
    """A Dockerfile that an ACR task builds."""

    dockerfile: FilePath
    task: str
    """The file and line of the task, for notes: `acb.yaml:3`. A task that is defined in a registry has a name
    instead."""
    arguments: tuple[str, ...] = ()
    """The build arguments that a task in a registry sets. Those of a task file are in a `DockerfileBuild`."""


def lock_task_base_images(references: ExtractedReferences, facts: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Lock the digests of base images in Dockerfiles that ACR tasks build, so that basebump does not pin the images.

    ACR starts a task when a base image has a newer version, but only if the Dockerfile does not pin the base image.

    - If a base image already has a digest, it only gets a note and is not locked.
    - The base images of all stages are locked, because a setting in Azure determines for which stages a task is
      started.
    - If it is uncertain whether a task builds a Dockerfile, its base images without a digest are locked.
    """
    dockerfiles = list(_list_dockerfiles(facts, {reference.path for reference in references}))
    doubts = [fact for fact in facts if isinstance(fact, PossibleTaskBuild)]
    if not dockerfiles and not doubts:
        return references
    doubts_by_folder = {each.folder: each for each in reversed(doubts)}
    # Of several tasks, the note names the first.
    dockerfiles_by_path = {each.dockerfile: each for each in reversed(dockerfiles)}
    settings = [
        ArgumentSetting(each.task, each.dockerfile, argument) for each in dockerfiles for argument in each.arguments
    ]

    def lock_used_by_task(reference: Reference | UnsupportedText) -> Reference | UnsupportedText:
        if isinstance(reference, UnsupportedText) or not _can_start_task(reference):
            return reference
        if reference.path in dockerfiles_by_path:
            return _lock_base_image(reference, dockerfiles_by_path[reference.path])
        folders = list_folders_and_path(reference.path)
        doubt = next((doubts_by_folder[folder] for folder in folders if folder in doubts_by_folder), None)
        return (
            reference
            if doubt is None or reference.image.digest is not None
            else _lock_possible_base_image(reference, doubt)
        )

    return tuple(map(lock_used_by_task, add_setting_notes(references, settings)))


def _list_dockerfiles(
    facts: Sequence[CrossFileFact], existing_paths: Collection[FilePath]
) -> Iterator[_TaskDockerfile]:
    for fact in facts:
        if isinstance(fact, TaskFileBuild) and (path := _find_dockerfile(fact, existing_paths)) is not None:
            yield _TaskDockerfile(path, f"{fact.path}:{fact.line_number}")
        elif isinstance(fact, RegistryTaskBuild):
            yield _TaskDockerfile(fact.dockerfile, fact.task, fact.arguments)


def _find_dockerfile(build: TaskFileBuild, existing_paths: Collection[FilePath]) -> FilePath | None:
    """Return the path of the Dockerfile that a task builds, or None if the tree does not contain it.

    The path in the task is relative to the folder in which the task is started. This folder is unknown, but it must be
    the folder of the task's file or one of its parent folders. The nearest of these folders that contains such a
    Dockerfile is used.
    """
    folders = reversed(tuple(list_folders_and_path(build.path)))
    return next(
        (path for folder in folders if (path := FilePath(join(folder, build.dockerfile))) in existing_paths), None
    )


def _can_start_task(reference: Reference) -> bool:
    """Return True if ACR tasks watch the image, so that a newer image can start a task.

    Tasks watch only base images, and only in some registries. They do not watch images that a Dockerfile only copies
    from or mounts.
    """
    host = reference.image.host
    return is_base_image(reference) and (host in _WATCHED_HOSTS or is_acr(host))


def _lock_base_image(reference: Reference, dockerfile: _TaskDockerfile) -> Reference:
    if reference.image.digest is not None:
        note = f"{dockerfile.task} builds it as an ACR task, which no newer base starts while this is pinned"
        return replace(reference, notes=(*reference.notes, note))
    # The tag may still be updated, because the task watches the written tag.
    closed = replace(lock_reference(reference, Reason.ACR_TASK), tag_slot=reference.tag_slot)
    return replace(
        closed, notes=(*reference.notes, f"{dockerfile.task} builds it; which stages the task watches is set in Azure")
    )


def _lock_possible_base_image(reference: Reference, doubt: PossibleTaskBuild) -> Reference:
    closed = replace(lock_reference(reference, Reason.ACR_TASK, is_certain=False), tag_slot=reference.tag_slot)
    return replace(closed, notes=(*reference.notes, f"{doubt.reason}, so a task may build it"))
