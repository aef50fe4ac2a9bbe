"""Images that Argo CD Image Updater writes: basebump leaves them alone, or both would overwrite each other.

Image Updater's targets are defined in pkg/argocd/{argocd,update}.go of github.com/argoproj-labs/argocd-image-updater.
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
from bot.model.found import ExtractedReferences
from bot.model.remark import ArgoApplication, CrossFileFact, ImageUpdaterConfig
from bot.model.source import FilePath, Occurrence
from bot.model.vocabulary import Reason, Role

MAX_PATTERNS = 100
"""Name patterns to match against all applications; an installation has a handful."""
MAX_PAIRS = 20_000
"""Pairs of an application and a writer to process; an installation has thousands of applications, each with one
writer."""

_WILD = re.compile(r"[*?\[]")


def close_written_elsewhere(places: ExtractedReferences, remarks: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Lock the references that Image Updater writes, or overrides by other values.

    These are all references in the files that it writes, all in an Application that it updates, and the images that it
    follows in the folders which this Application deploys. It is not known whether these folders are in this repository.
    Labels that narrow the selection of applications are not evaluated.
    """
    written = _Written()
    for writer, application in islice(_pairs(remarks), MAX_PAIRS):
        written.note(writer, application)
    if not written.applications:
        return places
    return close_where(places, Reason.OTHER_WRITER, written.has)


def _pairs(remarks: Sequence[CrossFileFact]) -> Iterator[tuple[ImageUpdaterConfig, ArgoApplication]]:
    writers = [remark for remark in remarks if isinstance(remark, ImageUpdaterConfig)]
    if not writers:
        return
    by_name: dict[str, list[ArgoApplication]] = defaultdict(list)
    for remark in remarks:
        if isinstance(remark, ArgoApplication):
            by_name[remark.name].append(remark)
    patterns = 0
    for writer in writers:
        chosen: Iterable[str] = [writer.applications]
        if writer.applications not in by_name and _WILD.search(writer.applications) and patterns < MAX_PATTERNS:
            patterns += 1
            pattern = translate(writer.applications.replace("[^", "[!"))  # from the syntax of Go's filepath.Match
            chosen = filter(re.compile(pattern).match, by_name)
        yield from ((writer, application) for name in chosen for application in by_name.get(name, ()))


@dataclass(slots=True)
class _Written:
    """The files, folders and applications that are written."""

    applications: set[tuple[FilePath, str]] = field(default_factory=set)
    """File and locator of each application."""
    files: set[str] = field(default_factory=set)
    folders: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Overridden repositories by folder."""

    def note(self, writer: ImageUpdaterConfig, application: ArgoApplication) -> None:
        self.applications.add((application.path, application.locator))
        for folder in application.folders:
            self.files.update(_files(writer.write_back_target, folder))
            self.folders[_inside("", folder)] |= writer.repositories

    def has(self, place: Occurrence) -> bool:
        if place.path in self.files or (place.path, place.locator.partition("/spec/")[0]) in self.applications:
            return True
        if place.role is not Role.THIRD_PARTY:  # it writes deployed images, never base images
            return False
        repository = place.reference.repository
        return any(repository in self.folders.get(folder, ()) for folder in path_and_folders(place.path))


def _files(target: str, folder: str) -> Iterator[str]:
    """Yield the files of a write-back target for an application that deploys `folder`.

    As in `parseKustomizeBase` and `parseTarget`, a path is relative to that folder, or with a leading `/` to the
    repository.
    """
    kind, _, path = target.partition(":")
    if kind == "kustomization":
        yield from (_inside(folder, join(path or ".", name)) for name in KUSTOMIZATIONS)
    elif kind == "helmvalues":
        yield _inside(folder, path or "values.yaml")
    elif target:
        yield _inside("", target)


def _inside(folder: str, path: str) -> str:
    """Return `path` in `folder`, normalised as paths in the tree; the top of the tree is the empty path."""
    whole = path if path.startswith("/") else join(folder, path)
    normal = normpath(whole.lstrip("/") or ".")
    return "" if normal == "." else normal
