"""Images that a build tool builds, so that no registry has an update for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from posixpath import dirname

from bot.core.places.closing import close_where
from bot.core.places.relate.folders import path_and_folders
from bot.model.found import ExtractedReferences
from bot.model.remark import BuildOutput, CrossFileFact
from bot.model.source import FilePath, Occurrence
from bot.model.vocabulary import Reason


def close_build_outputs(places: ExtractedReferences, remarks: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Lock each reference that names the output of a build tool, in the files which that tool deploys.

    Elsewhere in the tree the name is an ordinary image: an example may build its own `nginx`.
    """
    outputs = [remark for remark in remarks if isinstance(remark, BuildOutput)]
    if not outputs:
        return places
    names = _Names([output for output in outputs if output.deployed_paths])
    written: dict[str, set[str]] = defaultdict(set)
    for output in outputs:
        if not output.deployed_paths:
            written[dirname(output.path)] |= output.images

    def is_built(place: Occurrence) -> bool:
        here = written.get(dirname(place.path), ())
        return place.written in here or str(replace(place.reference, digest=None)) in here or names.has(place)

    return close_where(places, Reason.OTHER_WRITER, is_built)


class _Names:
    """Names of build outputs, by the paths in which they are valid."""

    def __init__(self, outputs: Iterable[BuildOutput]) -> None:
        built_in: dict[FilePath, set[str]] = defaultdict(set)
        for output in outputs:
            for path in path_and_folders(output.path):
                built_in[path] |= output.images
        self._all = built_in.get(FilePath(""), set())
        self._at: dict[FilePath, list[set[str]]] = defaultdict(list)
        for deploys in {output.deployed_paths for output in outputs}:
            # Another configuration below the same path deploys its own outputs as well.
            built: set[str] = set().union(*(built_in.get(path, ()) for path in deploys))
            for path in deploys:
                self._at[path].append(built)

    def has(self, place: Occurrence) -> bool:
        name = place.reference.name
        if name not in self._all:
            return False
        return any(name in built for path in path_and_folders(place.path) for built in self._at.get(path, ()))
