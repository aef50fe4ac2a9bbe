"""Dockerfiles that an ACR task builds: it runs again when the tag of a base moves, and a pinned base never does.

https://learn.microsoft.com/en-us/azure/container-registry/container-registry-tasks-base-images, and what it takes for a
base in scan/dependencies.go of https://github.com/Azure/acr-builder.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from posixpath import join

from bot.core.places.closing import close
from bot.core.places.relate.arguments import Setting, note_settings
from bot.core.places.relate.folders import path_and_folders
from bot.core.places.stages import is_base
from bot.model.found import Places
from bot.model.hosts import is_acr
from bot.model.remark import KnownBuild, MaybeBuilt, Remark, TaskBuild
from bot.model.source import FilePath, Occurrence, Unsupported
from bot.model.vocabulary import Reason

_WATCHED = frozenset({"docker.io", "mcr.microsoft.com"})
"""Besides Azure's registries."""


@dataclass(frozen=True, slots=True)
class _Built:
    """A Dockerfile that a task builds."""

    dockerfile: FilePath
    who: str
    """As notes name the task: `acb.yaml:3`."""
    arguments: tuple[str, ...]


def close_built_by_tasks(places: Places, remarks: Sequence[Remark]) -> Places:
    """Close what is unpinned in the bases of Dockerfiles that tasks build, and note what is pinned there.

    Which stages a task watches is set in Azure: the last one, or all. So all are closed that it could. What tasks may
    build is closed, too, until that is known.
    """
    built = list(_built(remarks, {place.path for place in places}))
    doubts = [remark for remark in remarks if isinstance(remark, MaybeBuilt)]
    if not built and not doubts:
        return places
    first = {each.dockerfile: each for each in reversed(built)}  # of several tasks one is enough to say why
    settings = [Setting(each.who, each.dockerfile, argument) for each in built for argument in each.arguments]

    def related(place: Occurrence | Unsupported) -> Occurrence | Unsupported:
        if isinstance(place, Unsupported) or not _may_start_a_task(place):
            return place
        if place.path in first:
            return _closed(place, first[place.path])
        doubt = next((each for each in doubts if each.folder in path_and_folders(place.path)), None)
        return place if doubt is None or place.reference.digest is not None else _doubted(place, doubt)

    return tuple(map(related, note_settings(places, settings)))


def _built(remarks: Sequence[Remark], known: Collection[FilePath]) -> Iterator[_Built]:
    for remark in remarks:
        if isinstance(remark, TaskBuild) and (path := _path_of(remark, known)) is not None:
            yield _Built(path, f"{remark.path}:{remark.line_number}", remark.arguments)
        elif isinstance(remark, KnownBuild):
            yield _Built(remark.dockerfile, remark.task, remark.arguments)


def _path_of(build: TaskBuild, known: Collection[FilePath]) -> FilePath | None:
    """Return the Dockerfile that a task builds: the nearest above its file that is there.

    Which folder it runs in is said when it is started, and its file has to be in that.
    """
    folders = reversed(tuple(path_and_folders(build.path)))
    return next((path for folder in folders if (path := FilePath(join(folder, build.dockerfile))) in known), None)


def _may_start_a_task(place: Occurrence) -> bool:
    """Say whether a task may watch a place: what is copied from an image or mounted triggers nothing."""
    host = place.reference.host
    return is_base(place) and (host in _WATCHED or is_acr(host))


def _closed(place: Occurrence, build: _Built) -> Occurrence:
    if place.reference.digest is not None:
        note = f"{build.who} builds it as an ACR task, which no newer base starts while this is pinned"
        return replace(place, notes=(*place.notes, note))
    # A tag may still move: the task follows the one that is written.
    closed = replace(close(place, Reason.ACR_TASK), tag=place.tag)
    return replace(
        closed, notes=(*place.notes, f"{build.who} builds it; which stages the task watches is set in Azure")
    )


def _doubted(place: Occurrence, doubt: MaybeBuilt) -> Occurrence:
    closed = replace(close(place, Reason.ACR_TASK, is_certain=False), tag=place.tag)
    return replace(closed, notes=(*place.notes, f"{doubt.why}, so a task may build it"))
