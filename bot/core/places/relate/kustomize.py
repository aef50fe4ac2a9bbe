"""Images that a kustomization replaces, so that the references in manifests and other kustomizations have no effect."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from posixpath import basename, dirname

from bot.core.places.closing import close_where
from bot.core.places.relate.folders import KUSTOMIZATIONS, path_and_folders
from bot.model.found import ExtractedReferences
from bot.model.reference import DOCKER_HUB
from bot.model.remark import CrossFileFact, Kustomization
from bot.model.source import FilePath, Occurrence
from bot.model.vocabulary import Reason

MAX_STEPS = 1_000_000
"""Paths to visit, summed over all names: enough for a thousand overlays that each gather ten paths and replace a
hundred names, and about a second of work. Beyond this limit all names count as replaced everywhere."""

_OVERRIDE = re.compile(r"/spec/(?:.*/kustomize/)?images/\d+\Z", re.DOTALL)
"""The locator of image overrides in objects of Flux and Argo CD."""


def close_replaced(places: ExtractedReferences, remarks: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Lock each image in a manifest whose written name is replaced by a kustomization that gathers the manifest.

    If no kustomization in the tree gathers the manifest, an image without a registry is locked if any kustomization
    renames it: who deploys the manifest is unknown, and a private name must not be looked up on Docker Hub. The entry
    in the kustomization is updated instead, unless its result is replaced again by a kustomization that gathers it, or
    by the components of such a kustomization.
    """
    kustomizations = [remark for remark in remarks if isinstance(remark, Kustomization)]
    names = {name for kustomization in kustomizations for name in kustomization.names}
    names &= {
        place.reference.name
        for place in places
        if isinstance(place, Occurrence) and (_is_manifest(place) or _is_entry(place))
    }
    if not names:
        return places
    renamed = {name for kustomization in kustomizations for name in kustomization.renamed_names}
    tree = _Tree(kustomizations)
    replaced = tree.replaced(names)

    def is_replaced(place: Occurrence) -> bool:
        name = place.reference.name
        if name not in names or not (_is_manifest(place) or _is_entry(place)):
            return False
        if replaced is None:
            return True
        if _is_entry(place):
            return place.path in replaced[name].kustomizations
        if not tree.gathers(place.path):
            return name in renamed and place.reference.host == DOCKER_HUB
        return not replaced[name].manifests.isdisjoint(path_and_folders(place.path))

    return close_where(places, Reason.REPLACED_BY_KUSTOMIZE, is_replaced)


def _is_manifest(place: Occurrence) -> bool:
    """Return True if an occurrence is in a manifest, or in a patch or a chart's values inside a kustomization."""
    if place.format == "kustomize":
        return not _is_entry(place)
    return place.format == "kubernetes" and _OVERRIDE.search(place.locator) is None


def _is_entry(place: Occurrence) -> bool:
    """Return True if an occurrence is an entry in the `images` of a kustomization."""
    return place.format == "kustomize" and place.locator.split("/")[1:2] == ["images"]


@dataclass(frozen=True, slots=True)
class _Replaced:
    """The paths in which one name is replaced."""

    manifests: frozenset[str]
    """Files, and folders without a kustomization. Includes files of kustomizations, for references in them other than
    `images` entries."""
    kustomizations: frozenset[str]
    """Kustomizations whose `images` entries have results that are replaced."""


class _Tree:
    """The relations between kustomizations, and the paths that they gather."""

    def __init__(self, kustomizations: Sequence[Kustomization]) -> None:
        self._kustomizations = kustomizations
        self._in_folder: dict[str, list[int]] = defaultdict(list)
        self._below_folder: dict[str, list[int]] = defaultdict(list)
        """Topmost kustomizations below a folder without one, for which Flux generates one that gathers them."""
        self._taken_by: dict[int, list[int]] = defaultdict(list)
        """By component: the kustomizations that list it."""
        self._steps = 0
        for number, each in enumerate(kustomizations):
            if basename(each.path) in KUSTOMIZATIONS:
                self._in_folder[dirname(each.path)].append(number)
        for folder, numbers in self._in_folder.items():
            for above in takewhile(lambda each: each not in self._in_folder, _folders_around(folder)):
                self._below_folder[above] += numbers
        for number, each in enumerate(kustomizations):
            for component in self._found_in(each.components):
                self._taken_by[component].append(number)
        self._gathered = {
            path for each in kustomizations for path in each.resource_paths if path not in self._in_folder
        }

    def replaced(self, names: Iterable[str]) -> dict[str, _Replaced] | None:
        """Return the paths in which each name is replaced; None if the tree exceeds the limit."""
        replacing: dict[str, list[int]] = {name: [] for name in names}
        for number, each in enumerate(self._kustomizations):
            for name in each.names & replacing.keys():
                replacing[name].append(number)
        found: dict[str, _Replaced] = {}
        for name, numbers in replacing.items():
            taking = self._with_takers(numbers)
            found[name] = _Replaced(self._below(taking), self._before(frozenset(numbers), taking))
        return None if self._steps > MAX_STEPS else found

    def gathers(self, path: FilePath) -> bool:
        """Return True if a kustomization gathers the file, or the file is a kustomization."""
        is_kustomization = basename(path) in KUSTOMIZATIONS and dirname(path) in self._in_folder
        return is_kustomization or not self._gathered.isdisjoint(path_and_folders(path))

    def _with_takers(self, numbers: Iterable[int]) -> set[int]:
        """Add the kustomizations that list a component: it also replaces names in all that they gather."""
        return self._reached(numbers, lambda number: self._taken_by.get(number, ()))

    def _below(self, numbers: Iterable[int]) -> frozenset[str]:
        reached = self._reached(numbers, self._next)
        named = (path for number in reached for path in self._named_by(number) if path not in self._in_folder)
        own = (self._kustomizations[number].path for number in reached)
        return frozenset([*named, *(path for path in own if basename(path) in KUSTOMIZATIONS)])

    def _before(self, numbers: Collection[int], taking: Collection[int]) -> frozenset[str]:
        """Return the kustomizations that are complete before `numbers` apply, directly or as components.

        Kustomize applies the components of a kustomization one after another, and then its own entries
        (accumulateTarget in api/internal/target/kusttarget.go).
        """
        first: set[int] = set()
        for number in taking:
            if self._steps > MAX_STEPS:
                break
            named = self._named_by(number) if number in numbers else self._named_before(number, taking)
            self._steps += 1 + len(self._named_by(number))
            first.update(self._found_in(named))
        return frozenset(self._kustomizations[number].path for number in self._reached(first, self._next))

    def _named_before(self, number: int, taken: Collection[int]) -> tuple[FilePath, ...]:
        """Return the paths that a kustomization has gathered before the last of its components in `taken` applies."""
        taker = self._kustomizations[number]
        last = max(
            at
            for at, component in enumerate(taker.components)
            if any(found in taken for found in self._found_in([component]))
        )
        return taker.resource_paths + taker.components[:last]

    def _next(self, number: int) -> Iterator[int]:
        return self._found_in(self._named_by(number))

    def _reached(self, numbers: Iterable[int], onward: Callable[[int], Iterable[int]]) -> set[int]:
        """Return all that is reachable from `numbers`, cycles included; the step limit ends the search early."""
        reached: set[int] = set()
        pending = list(numbers)
        while pending and self._steps <= MAX_STEPS:
            number = pending.pop()
            if number in reached:
                continue
            reached.add(number)
            following = list(onward(number))
            self._steps += 1 + len(following) + len(self._named_by(number))
            pending += following
        return reached

    def _named_by(self, number: int) -> tuple[FilePath, ...]:
        kustomization = self._kustomizations[number]
        return kustomization.resource_paths + kustomization.components

    def _found_in(self, folders: Iterable[FilePath]) -> Iterator[int]:
        for folder in folders:
            yield from self._in_folder.get(folder, self._below_folder.get(folder, []))


def _folders_around(folder: str) -> Iterator[str]:
    """Yield the parent folders of a folder, innermost first."""
    while folder:
        folder = dirname(folder)
        yield folder
