"""Images that Argo CD Image Updater writes: two writers would fight over them.

What it writes where is in pkg/argocd/{argocd,update}.go of github.com/argoproj-labs/argocd-image-updater.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from itertools import islice
from posixpath import join, normpath

from bot.core.places.closing import close_where
from bot.core.places.relate.folders import KUSTOMIZATIONS, path_and_folders
from bot.model.found import Places
from bot.model.remark import Application, OtherWriter, Remark
from bot.model.source import FilePath, Occurrence
from bot.model.vocabulary import Reason, Role

MAX_PATTERNS = 100
"""Patterns of names that are tried against every application: an installation has a handful."""
MAX_PAIRS = 20_000
"""Applications and writers of them that are looked at: an installation has thousands of applications, and one writer
for each."""

_WILD = re.compile(r"[*?\[]")


def close_written_elsewhere(places: Places, remarks: Sequence[Remark]) -> Places:
    """Close what Image Updater writes, or overrides by what it writes.

    That is all in the files that it writes, all that an Application it looks after names itself, and the images it
    follows in the folders that this Application deploys. Whether these folders are of this repository is not known;
    labels that narrow the choice of applications are not looked at.
    """
    written = _Written()
    for writer, application in islice(_pairs(remarks), MAX_PAIRS):
        written.note(writer, application)
    if not written.applications:
        return places
    return close_where(places, Reason.OTHER_WRITER, written.has)


def _pairs(remarks: Sequence[Remark]) -> Iterator[tuple[OtherWriter, Application]]:
    writers = [remark for remark in remarks if isinstance(remark, OtherWriter)]
    if not writers:
        return
    by_name: dict[str, list[Application]] = defaultdict(list)
    for remark in remarks:
        if isinstance(remark, Application):
            by_name[remark.name].append(remark)
    patterns = 0
    for writer in writers:
        chosen: Iterable[str] = [writer.applications]
        if writer.applications not in by_name and _WILD.search(writer.applications) and patterns < MAX_PATTERNS:
            patterns += 1
            pattern = translate(writer.applications.replace("[^", "[!"))  # as Go's filepath.Match has it
            chosen = filter(re.compile(pattern).match, by_name)
        yield from ((writer, application) for name in chosen for application in by_name.get(name, ()))


@dataclass(slots=True)
class _Written:
    """What is written, over all applications."""

    applications: set[tuple[FilePath, str]] = field(default_factory=set)
    """File and locator of each."""
    files: set[str] = field(default_factory=set)
    folders: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Repositories by the folder that they are overridden in."""

    def note(self, writer: OtherWriter, application: Application) -> None:
        self.applications.add((application.path, application.locator))
        for folder in application.folders:
            self.files.update(_files(writer.target, folder))
            self.folders[_inside("", folder)] |= writer.repositories

    def has(self, place: Occurrence) -> bool:
        if place.path in self.files or (place.path, place.locator.partition("/spec/")[0]) in self.applications:
            return True
        if place.role is not Role.THIRD_PARTY:  # it writes what is deployed, never what something is built from
            return False
        repository = place.reference.repository
        return any(repository in self.folders.get(folder, ()) for folder in path_and_folders(place.path))


def _files(target: str, folder: str) -> Iterator[str]:
    """Yield the files that a target means for an application that deploys `folder`.

    `parseKustomizeBase` and `parseTarget`: a path is in that folder, or with a leading `/` in the repository.
    """
    kind, _, path = target.partition(":")
    if kind == "kustomization":
        yield from (_inside(folder, join(path or ".", name)) for name in KUSTOMIZATIONS)
    elif kind == "helmvalues":
        yield _inside(folder, path or "values.yaml")
    elif target:
        yield _inside("", target)


def _inside(folder: str, path: str) -> str:
    """Return `path` in `folder` as the tree writes it; the top of the tree has no name."""
    whole = path if path.startswith("/") else join(folder, path)
    normal = normpath(whole.lstrip("/") or ".")
    return "" if normal == "." else normal
