"""Images that a kustomization replaces, so that references to them in other files have no effect."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from posixpath import basename, dirname

from bot.core.references.locking import lock_references_if
from bot.core.references.relate.folders import KUSTOMIZATION_NAMES, list_folders_and_path
from bot.model.cross_file import CrossFileFact, Kustomization
from bot.model.extracted_item import ExtractedReferences
from bot.model.reference import DOCKER_HUB
from bot.model.source import FilePath, Occurrence
from bot.model.vocabulary import Reason

MAX_STEPS = 1_000_000
"""Limit for the visited paths, summed over all names. It is enough for a thousand overlays that each gather ten paths
and replace a hundred names, and takes about a second. Beyond the limit, all names count as replaced everywhere."""

_OVERRIDE = re.compile(r"/spec/(?:.*/kustomize/)?images/\d+\Z", re.DOTALL)
"""Matches the locator of an image override in an object of Flux or Argo CD."""


def lock_replaced_images(references: ExtractedReferences, facts: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Lock each image in a manifest whose name is replaced by a kustomization that gathers the manifest.

    If no kustomization in the tree gathers the manifest, it is unknown who deploys the manifest. In this case an image
    without a registry is locked if any kustomization renames it, because a private name must not be looked up on Docker
    Hub.

    The `images` entry in the kustomization is updated instead. It is locked as well if its result is replaced again, by
    a kustomization that gathers this one or by a component of such a kustomization.
    """
    kustomizations = [fact for fact in facts if isinstance(fact, Kustomization)]
    names = {name for kustomization in kustomizations for name in kustomization.names}
    names &= {
        item.reference.name
        for item in references
        if isinstance(item, Occurrence) and (_is_in_manifest(item) or _is_images_entry(item))
    }
    if not names:
        return references
    renamed = {name for kustomization in kustomizations for name in kustomization.renamed_names}
    tree = _KustomizationGraph(kustomizations)
    replaced = tree.find_replaced_paths(names)

    def is_replaced(occurrence: Occurrence) -> bool:
        name = occurrence.reference.name
        if name not in names or not (_is_in_manifest(occurrence) or _is_images_entry(occurrence)):
            return False
        if replaced is None:
            return True
        if _is_images_entry(occurrence):
            return occurrence.path in replaced[name].kustomizations
        if not tree.is_gathered(occurrence.path):
            return name in renamed and occurrence.reference.host == DOCKER_HUB
        return not replaced[name].manifests.isdisjoint(list_folders_and_path(occurrence.path))

    return lock_references_if(references, Reason.REPLACED_BY_KUSTOMIZE, is_replaced)


def _is_in_manifest(occurrence: Occurrence) -> bool:
    """Return True if an occurrence is in a manifest, or is a patch or chart values in a kustomization."""
    if occurrence.format == "kustomize":
        return not _is_images_entry(occurrence)
    return occurrence.format == "kubernetes" and _OVERRIDE.search(occurrence.locator) is None


def _is_images_entry(occurrence: Occurrence) -> bool:
    """Return True if an occurrence is an entry of the `images` list in a kustomization."""
    return occurrence.format == "kustomize" and occurrence.locator.split("/")[1:2] == ["images"]


@dataclass(frozen=True, slots=True)
class _ReplacedPaths:
    """The paths in which one image name is replaced."""

    manifests: frozenset[str]
    """Manifests, and folders without a kustomization. Also contains the files of kustomizations, for references in them
    that are not `images` entries."""
    kustomizations: frozenset[str]
    """Kustomizations in which the results of `images` entries are replaced by another kustomization."""


class _KustomizationGraph:
    """The kustomizations of a tree, and the paths and other kustomizations that each of them gathers."""

    def __init__(self, kustomizations: Sequence[Kustomization]) -> None:
        self._kustomizations = kustomizations
        self._in_folder: dict[str, list[int]] = defaultdict(list)
        self._below_folder: dict[str, list[int]] = defaultdict(list)
        """By folder without a kustomization: the topmost kustomizations below it. Flux generates a kustomization for
        such a folder, which gathers them."""
        self._listed_by: dict[int, list[int]] = defaultdict(list)
        """By component: the kustomizations that list it under `components`."""
        self._steps = 0
        for number, each in enumerate(kustomizations):
            if basename(each.path) in KUSTOMIZATION_NAMES:
                self._in_folder[dirname(each.path)].append(number)
        for folder, numbers in self._in_folder.items():
            for above in takewhile(lambda each: each not in self._in_folder, _list_parent_folders(folder)):
                self._below_folder[above] += numbers
        for number, each in enumerate(kustomizations):
            for component in self._find_in_folders(each.components):
                self._listed_by[component].append(number)
        self._gathered_paths = {
            path for each in kustomizations for path in each.resource_paths if path not in self._in_folder
        }

    def find_replaced_paths(self, names: Iterable[str]) -> dict[str, _ReplacedPaths] | None:
        """Return the paths in which each name is replaced; None if the tree exceeds MAX_STEPS."""
        replacing: dict[str, list[int]] = {name: [] for name in names}
        for number, each in enumerate(self._kustomizations):
            for name in each.names & replacing.keys():
                replacing[name].append(number)
        found: dict[str, _ReplacedPaths] = {}
        for name, numbers in replacing.items():
            applied = self._add_listing_kustomizations(numbers)
            found[name] = _ReplacedPaths(
                self._list_manifests(applied), self._list_earlier_kustomizations(frozenset(numbers), applied)
            )
        return None if self._steps > MAX_STEPS else found

    def is_gathered(self, path: FilePath) -> bool:
        """Return True if a kustomization gathers the file, or if the file is a kustomization itself."""
        is_kustomization = basename(path) in KUSTOMIZATION_NAMES and dirname(path) in self._in_folder
        return is_kustomization or not self._gathered_paths.isdisjoint(list_folders_and_path(path))

    def _add_listing_kustomizations(self, numbers: Iterable[int]) -> set[int]:
        """Return `numbers` and the kustomizations that list them as components, directly or indirectly.

        A component also replaces names in everything that such a kustomization gathers.
        """
        return self._find_reachable(numbers, lambda number: self._listed_by.get(number, ()))

    def _list_manifests(self, numbers: Iterable[int]) -> frozenset[str]:
        reached = self._find_reachable(numbers, self._list_gathered)
        named = (path for number in reached for path in self._list_paths(number) if path not in self._in_folder)
        own = (self._kustomizations[number].path for number in reached)
        return frozenset([*named, *(path for path in own if basename(path) in KUSTOMIZATION_NAMES)])

    def _list_earlier_kustomizations(self, numbers: Collection[int], applied: Collection[int]) -> frozenset[str]:
        """Return the paths of the kustomizations whose results those in `numbers` replace again.

        `applied` are the kustomizations in `numbers` and those that list them as components. Kustomize applies the
        components of a kustomization one after another, and then its own entries (accumulateTarget in
        api/internal/target/kusttarget.go).
        """
        earlier: set[int] = set()
        for number in applied:
            if self._steps > MAX_STEPS:
                break
            named = self._list_paths(number) if number in numbers else self._list_paths_before(number, applied)
            self._steps += 1 + len(self._list_paths(number))
            earlier.update(self._find_in_folders(named))
        return frozenset(
            self._kustomizations[number].path for number in self._find_reachable(earlier, self._list_gathered)
        )

    def _list_paths_before(self, number: int, applied: Collection[int]) -> tuple[FilePath, ...]:
        """Return the paths that a kustomization gathers before it applies its last component in `applied`."""
        kustomization = self._kustomizations[number]
        last = max(
            at
            for at, component in enumerate(kustomization.components)
            if any(found in applied for found in self._find_in_folders([component]))
        )
        return kustomization.resource_paths + kustomization.components[:last]

    def _list_gathered(self, number: int) -> Iterator[int]:
        return self._find_in_folders(self._list_paths(number))

    def _find_reachable(self, numbers: Iterable[int], onward: Callable[[int], Iterable[int]]) -> set[int]:
        """Return everything that can be reached from `numbers`. Handles cycles, and stops early at MAX_STEPS."""
        reached: set[int] = set()
        pending = list(numbers)
        while pending and self._steps <= MAX_STEPS:
            number = pending.pop()
            if number in reached:
                continue
            reached.add(number)
            following = list(onward(number))
            self._steps += 1 + len(following) + len(self._list_paths(number))
            pending += following
        return reached

    def _list_paths(self, number: int) -> tuple[FilePath, ...]:
        kustomization = self._kustomizations[number]
        return kustomization.resource_paths + kustomization.components

    def _find_in_folders(self, folders: Iterable[FilePath]) -> Iterator[int]:
        for folder in folders:
            yield from self._in_folder.get(folder, self._below_folder.get(folder, []))


def _list_parent_folders(folder: str) -> Iterator[str]:
    """Yield the parent folders of a folder, innermost first."""
    while folder:
        folder = dirname(folder)
        yield folder
