"""Images that a kustomization replaces: what the manifest, or an entry of another, says there is a name for it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from posixpath import basename, dirname

from bot.core.places.closing import close_where
from bot.core.places.relate.folders import KUSTOMIZATIONS, path_and_folders
from bot.model.found import Places
from bot.model.reference import DOCKER_HUB
from bot.model.remark import Kustomization, Remark
from bot.model.source import FilePath, Occurrence
from bot.model.vocabulary import Reason

MAX_STEPS = 1_000_000
"""Paths looked at, counted for each name: a thousand overlays that gather ten things and replace a hundred names, and a
second of work. Beyond it every name counts as replaced wherever it stands."""

_OVERRIDE = re.compile(r"/spec/(?:.*/kustomize/)?images/\d+\Z", re.DOTALL)
"""The locator of what objects of Flux and Argo CD have kustomize put in the place of an image."""


def close_replaced(places: Places, remarks: Sequence[Remark]) -> Places:
    """Close every image of a manifest whose name, as it is written, is replaced by a kustomization that gathers it.

    Where nothing in the tree gathers the manifest, it is enough that somewhere a name without a registry is given
    another: nobody knows who deploys it, and the name may be a private one that Docker Hub should not be asked for.
    The entry in the kustomization is the place that moves, unless the name that it gives is replaced in its turn: by
    those that gather its kustomization, or by the components that these take.
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
    renamed = {name for kustomization in kustomizations for name in kustomization.renamed}
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
    """Say whether a place is in a manifest, or is a patch or a chart's value inside a kustomization."""
    if place.format == "kustomize":
        return not _is_entry(place)
    return place.format == "kubernetes" and _OVERRIDE.search(place.locator) is None


def _is_entry(place: Occurrence) -> bool:
    """Say whether a place is an entry of a kustomization's `images`."""
    return place.format == "kustomize" and place.locator.split("/")[1:2] == ["images"]


@dataclass(frozen=True, slots=True)
class _Replaced:
    """Where one name is replaced."""

    manifests: frozenset[str]
    """Files, and folders without a kustomization. A kustomization's own file is among them for what it holds beside its
    entries."""
    kustomizations: frozenset[str]
    """Those whose entries' results are, too."""


class _Tree:
    """Which kustomization gathers what."""

    def __init__(self, kustomizations: Sequence[Kustomization]) -> None:
        self._kustomizations = kustomizations
        self._in_folder: dict[str, list[int]] = defaultdict(list)
        self._below_folder: dict[str, list[int]] = defaultdict(list)
        """The uppermost ones below a folder that has none: Flux makes one for it that gathers them."""
        self._taken_by: dict[int, list[int]] = defaultdict(list)
        """By component: those that list it."""
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
        self._gathered = {path for each in kustomizations for path in each.gathers if path not in self._in_folder}

    def replaced(self, names: Iterable[str]) -> dict[str, _Replaced] | None:
        """Return for each name all in which it is replaced; None where there is too much to go through."""
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
        """Say whether any kustomization gathers a file, or is it."""
        is_kustomization = basename(path) in KUSTOMIZATIONS and dirname(path) in self._in_folder
        return is_kustomization or not self._gathered.isdisjoint(path_and_folders(path))

    def _with_takers(self, numbers: Iterable[int]) -> set[int]:
        """Add those that take a component: what it replaces, it replaces in all that they gather."""
        return self._reached(numbers, lambda number: self._taken_by.get(number, ()))

    def _below(self, numbers: Iterable[int]) -> frozenset[str]:
        reached = self._reached(numbers, self._next)
        named = (path for number in reached for path in self._named_by(number) if path not in self._in_folder)
        own = (self._kustomizations[number].path for number in reached)
        return frozenset([*named, *(path for path in own if basename(path) in KUSTOMIZATIONS)])

    def _before(self, numbers: Collection[int], taking: Collection[int]) -> frozenset[str]:
        """Return the kustomizations that have done their work when `numbers` do theirs, in themselves or in a taker.

        A taker's components come one after another, and its own entries behind them (accumulateTarget in
        api/internal/target/kusttarget.go).
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
        """Return what a taker has gathered when the last of `taken` among its components comes."""
        taker = self._kustomizations[number]
        last = max(
            at
            for at, component in enumerate(taker.components)
            if any(found in taken for found in self._found_in([component]))
        )
        return taker.gathers + taker.components[:last]

    def _next(self, number: int) -> Iterator[int]:
        return self._found_in(self._named_by(number))

    def _reached(self, numbers: Iterable[int], onward: Callable[[int], Iterable[int]]) -> set[int]:
        """Return all that can be reached from `numbers`, whatever the circles; too many steps end it early."""
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
        return kustomization.gathers + kustomization.components

    def _found_in(self, folders: Iterable[FilePath]) -> Iterator[int]:
        for folder in folders:
            yield from self._in_folder.get(folder, self._below_folder.get(folder, []))


def _folders_around(folder: str) -> Iterator[str]:
    """Yield the folders that a folder is in, the innermost first."""
    while folder:
        folder = dirname(folder)
        yield folder
