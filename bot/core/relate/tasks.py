"""Dockerfiles that an ACR task builds: it runs again when the tag of a base moves, and a pinned base never does.

https://learn.microsoft.com/en-us/azure/container-registry/container-registry-tasks-base-images, and what it takes for a
base in scan/dependencies.go of https://github.com/Azure/acr-builder.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from posixpath import join

from bot.core.closing import close
from bot.core.relate.arguments import note_set_arguments
from bot.core.relate.folders import path_and_folders
from bot.model.found import Places
from bot.model.hosts import is_acr
from bot.model.remark import ArgumentSet, Remark, TaskBuild
from bot.model.source import FilePath, Occurrence, Unsupported
from bot.model.vocabulary import Reason

_BASE = re.compile(r"stage\[\d+\]")
"""The locator of a `FROM`; what is copied from an image or mounted triggers nothing."""
_WATCHED = frozenset({"docker.io", "mcr.microsoft.com"})
"""Besides Azure's registries."""


def close_built_by_tasks(places: Places, remarks: Sequence[Remark]) -> Places:
    """Close what is unpinned in the bases of Dockerfiles that tasks build, and note what is pinned there.

    Which stages a task watches is set in Azure: the last one, or all. So all are closed that it could.
    """
    builds = [remark for remark in remarks if isinstance(remark, TaskBuild)]
    if not builds:
        return places
    known = {place.path for place in places}
    built = [(path, build) for build in builds if (path := _path_of(build, known)) is not None]
    first = dict(reversed(built))  # of several tasks one is enough to say why
    noted = note_set_arguments(
        places,
        [ArgumentSet(build.path, build.line_number, path, name) for path, build in built for name in build.arguments],
    )
    return tuple(_closed(place, first[place.path]) if place.path in first else place for place in noted)


def _path_of(build: TaskBuild, known: Collection[FilePath]) -> FilePath | None:
    """Return the Dockerfile that a task builds: the nearest above its file that is there.

    Which folder it runs in is said when it is started, and its file has to be in that.
    """
    folders = reversed(tuple(path_and_folders(build.path)))
    return next((path for folder in folders if (path := FilePath(join(folder, build.dockerfile))) in known), None)


def _closed(place: Occurrence | Unsupported, build: TaskBuild) -> Occurrence | Unsupported:
    if isinstance(place, Unsupported) or not _BASE.fullmatch(place.locator):
        return place
    host = place.reference.host
    if host not in _WATCHED and not is_acr(host):
        return place
    where = f"{build.path}:{build.line_number}"
    if place.reference.digest is not None:
        note = f"{where} builds it as an ACR task, which no newer base starts while this is pinned"
        return replace(place, notes=(*place.notes, note))
    # A tag may still move: the task follows the one that is written.
    closed = replace(close(place, Reason.ACR_TASK), tag=place.tag)
    return replace(closed, notes=(*place.notes, f"{where} builds it; which stages the task watches is set in Azure"))
