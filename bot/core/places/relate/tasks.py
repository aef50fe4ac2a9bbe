"""Dockerfiles that ACR tasks build. A task runs again when the tag of a base image changes, but not if it is pinned.

https://learn.microsoft.com/en-us/azure/container-registry/container-registry-tasks-base-images; base images are
determined as in scan/dependencies.go of https://github.com/Azure/acr-builder.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from posixpath import join

from bot.core.places.closing import close
from bot.core.places.relate.arguments import Setting, note_settings
from bot.core.places.relate.folders import path_and_folders
from bot.core.places.stages import is_base
from bot.model.found import ExtractedReferences
from bot.model.hosts import is_acr
from bot.model.remark import CrossFileFact, PossibleTaskBuild, RegistryTaskBuild, TaskFileBuild
from bot.model.source import FilePath, Occurrence, UnsupportedText
from bot.model.vocabulary import Reason

_WATCHED = frozenset({"docker.io", "mcr.microsoft.com"})
"""Hosts that tasks watch in addition to Azure's registries."""


@dataclass(frozen=True, slots=True)
class _Built:
    """A Dockerfile that a task builds."""

    dockerfile: FilePath
    who: str
    """The task, for notes: `acb.yaml:3`."""
    arguments: tuple[str, ...]


def close_built_by_tasks(places: ExtractedReferences, remarks: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Lock unpinned base images in Dockerfiles that tasks build, and add notes to pinned ones.

    Azure's settings determine whether a task watches the last stage or all stages, so all that it may watch are locked.
    References that tasks may build are locked as well, as long as basebump cannot find out.
    """
    built = list(_built(remarks, {place.path for place in places}))
    doubts = [remark for remark in remarks if isinstance(remark, PossibleTaskBuild)]
    if not built and not doubts:
        return places
    first = {each.dockerfile: each for each in reversed(built)}  # one task suffices as the reason
    settings = [Setting(each.who, each.dockerfile, argument) for each in built for argument in each.arguments]

    def related(place: Occurrence | UnsupportedText) -> Occurrence | UnsupportedText:
        if isinstance(place, UnsupportedText) or not _may_start_a_task(place):
            return place
        if place.path in first:
            return _closed(place, first[place.path])
        doubt = next((each for each in doubts if each.folder in path_and_folders(place.path)), None)
        return place if doubt is None or place.reference.digest is not None else _doubted(place, doubt)

    return tuple(map(related, note_settings(places, settings)))


def _built(remarks: Sequence[CrossFileFact], known: Collection[FilePath]) -> Iterator[_Built]:
    for remark in remarks:
        if isinstance(remark, TaskFileBuild) and (path := _path_of(remark, known)) is not None:
            yield _Built(path, f"{remark.path}:{remark.line_number}", remark.arguments)
        elif isinstance(remark, RegistryTaskBuild):
            yield _Built(remark.dockerfile, remark.task, remark.arguments)


def _path_of(build: TaskFileBuild, known: Collection[FilePath]) -> FilePath | None:
    """Return the Dockerfile that a task builds, by the nearest parent folder that has it; None if there is none.

    The folder in which a task runs is set when it is started, and contains the task's file.
    """
    folders = reversed(tuple(path_and_folders(build.path)))
    return next((path for folder in folders if (path := FilePath(join(folder, build.dockerfile))) in known), None)


def _may_start_a_task(place: Occurrence) -> bool:
    """Return True if a task may watch an occurrence; images that are copied from or mounted start no task."""
    host = place.reference.host
    return is_base(place) and (host in _WATCHED or is_acr(host))


def _closed(place: Occurrence, build: _Built) -> Occurrence:
    if place.reference.digest is not None:
        note = f"{build.who} builds it as an ACR task, which no newer base starts while this is pinned"
        return replace(place, notes=(*place.notes, note))
    # The tag may still be updated, because the task watches the written tag.
    closed = replace(close(place, Reason.ACR_TASK), tag_slot=place.tag_slot)
    return replace(
        closed, notes=(*place.notes, f"{build.who} builds it; which stages the task watches is set in Azure")
    )


def _doubted(place: Occurrence, doubt: PossibleTaskBuild) -> Occurrence:
    closed = replace(close(place, Reason.ACR_TASK, is_certain=False), tag_slot=place.tag_slot)
    return replace(closed, notes=(*place.notes, f"{doubt.reason}, so a task may build it"))
