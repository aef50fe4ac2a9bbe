"""Images that a kustomization replaces. A change of such an image in a manifest has no effect, so the image is locked.

A kustomization *includes* the manifests, folders and other kustomizations that it lists under `resources` or
`components`. The entries under its key `images` replace the names, tags and digests of images in everything that it
includes. So basebump updates the `images` entries instead of the manifests.

Parameters named `index` are positions in the list of all kustomizations.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from posixpath import basename, dirname

from bot.core.budgets import TreeBudget
from bot.core.references.locking import lock_references_if
from bot.core.references.relate.folders import KUSTOMIZATION_NAMES, list_folders_and_path
from bot.model.cross_file import CrossFileFact, Kustomization
from bot.model.extracted_item import ExtractedReferences
from bot.model.reference import DOCKER_HUB
from bot.model.source import FilePath, Occurrence
from bot.model.vocabulary import Reason

MAX_STEPS = 1_000_000
"""Limit for the visited paths, summed over all names. It is enough for a thousand overlays that each include ten paths
and replace a hundred names, and takes about a second. Beyond the limit, all names count as replaced everywhere."""

STEPS_PER_BUDGET_STEP = 4
"""The number of visited paths that take as long as one step of the tree's budget."""

_OVERRIDE = re.compile(r"/spec/(?:.*/kustomize/)?images/\d+\Z", re.DOTALL)
"""Matches the locator of an image override in an object of Flux or Argo CD."""


def lock_replaced_images(
    references: ExtractedReferences, facts: Sequence[CrossFileFact], tree_budget: TreeBudget
) -> ExtractedReferences:
    """Lock the references in manifests and kustomizations that an `images` entry of a kustomization replaces.

    - A reference in a manifest is locked if a kustomization that includes the manifest replaces the image.
    - An `images` entry is locked if another kustomization replaces the resulting image again.
    - If no kustomization includes the manifest, it is unknown how the manifest is deployed. A reference to an image on
      Docker Hub is locked if any kustomization changes the name of the image, because the name in the manifest may be a
      private one that must not be looked up on Docker Hub.

    Raises:
        WorkLimitError: If the budget is exceeded.
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
    tree_budget.spend_steps(tree.steps // STEPS_PER_BUDGET_STEP, kustomizations[0].path)

    def is_replaced(occurrence: Occurrence) -> bool:
        name = occurrence.reference.name
        if name not in names or not (_is_in_manifest(occurrence) or _is_images_entry(occurrence)):
            return False
        if replaced is None:
            return True
        if _is_images_entry(occurrence):
            return occurrence.path in replaced[name].kustomizations
        if not tree.is_included(occurrence.path):
            return name in renamed and occurrence.reference.host == DOCKER_HUB
        return not replaced[name].manifests.isdisjoint(list_folders_and_path(occurrence.path))

    return lock_references_if(references, Reason.REPLACED_BY_KUSTOMIZE, is_replaced)


def _is_in_manifest(occurrence: Occurrence) -> bool:
    """Return True if the occurrence is part of a manifest, or of patches or chart values inside a kustomization."""
    if occurrence.format == "kustomize":
        return not _is_images_entry(occurrence)
    return occurrence.format == "kubernetes" and _OVERRIDE.search(occurrence.locator) is None


def _is_images_entry(occurrence: Occurrence) -> bool:
    """Return True if the occurrence is an item of the `images` list in a kustomization."""
    return occurrence.format == "kustomize" and occurrence.locator.split("/")[1:2] == ["images"]


@dataclass(frozen=True, slots=True)
class _ReplacedPaths:
    """The files and folders in which one image name is replaced by kustomizations."""

    manifests: frozenset[str]
    """Manifests, and folders without a kustomization. Also contains the files of kustomizations, for references in them
    that are not `images` entries."""
    kustomizations: frozenset[str]
    """Kustomizations in which the results of `images` entries are replaced by another kustomization."""


class _KustomizationGraph:
    """The kustomizations of a tree, with the files and kustomizations that each of them includes."""

    def __init__(self, kustomizations: Sequence[Kustomization]) -> None:
        self._kustomizations = kustomizations
        self._in_folder: dict[str, list[int]] = defaultdict(list)
        self._below_folder: dict[str, list[int]] = defaultdict(list)
        """By folder without a kustomization: the topmost kustomizations below it. Flux generates a kustomization for
        such a folder, which includes them."""
        self._listed_by: dict[int, list[int]] = defaultdict(list)
        """By component: the kustomizations that list it under `components`."""
        self.steps = 0
        for index, each in enumerate(kustomizations):
            if basename(each.path) in KUSTOMIZATION_NAMES:
                self._in_folder[dirname(each.path)].append(index)
        for folder, indexes in self._in_folder.items():
            for above in takewhile(lambda each: each not in self._in_folder, _list_parent_folders(folder)):
                self._below_folder[above] += indexes
        for index, each in enumerate(kustomizations):
            for component in self._find_in_folders(each.components):
                self._listed_by[component].append(index)
        self._included_paths = {
            path for each in kustomizations for path in each.resource_paths if path not in self._in_folder
        }

    def find_replaced_paths(self, names: Iterable[str]) -> dict[str, _ReplacedPaths] | None:
        """Return the files and folders in which kustomizations replace each of `names`.

        Return None if the search exceeds MAX_STEPS.
        """
        replacing: dict[str, list[int]] = {name: [] for name in names}
        for index, each in enumerate(self._kustomizations):
            for name in each.names & replacing.keys():
                replacing[name].append(index)
        found: dict[str, _ReplacedPaths] = {}
        for name, indexes in replacing.items():
            applied = self._add_listing_kustomizations(indexes)
            found[name] = _ReplacedPaths(
                self._list_manifests(applied), self._list_earlier_kustomizations(frozenset(indexes), applied)
            )
        return None if self.steps > MAX_STEPS else found

    def is_included(self, path: FilePath) -> bool:
        """Return True if a kustomization includes the file, or if the file is itself a kustomization."""
        is_kustomization = basename(path) in KUSTOMIZATION_NAMES and dirname(path) in self._in_folder
        return is_kustomization or not self._included_paths.isdisjoint(list_folders_and_path(path))

    def _add_listing_kustomizations(self, indexes: Iterable[int]) -> set[int]:
        """Return the kustomizations to which the `images` entries of the kustomizations at `indexes` apply.

        These are `indexes` themselves and all kustomizations that list one of them under `components`, because the
        `images` entries of a component apply to everything that such a kustomization includes. If such a kustomization
        is itself listed as a component, the kustomizations that list it are included, and so on.
        """
        return self._find_reachable(indexes, lambda index: self._listed_by.get(index, ()))

    def _list_manifests(self, indexes: Iterable[int]) -> frozenset[str]:
        reached = self._find_reachable(indexes, self._list_included)
        named = (path for index in reached for path in self._list_paths(index) if path not in self._in_folder)
        own = (self._kustomizations[index].path for index in reached)
        return frozenset([*named, *(path for path in own if basename(path) in KUSTOMIZATION_NAMES)])

    def _list_earlier_kustomizations(self, indexes: Collection[int], applied: Collection[int]) -> frozenset[str]:
        """Return the paths of the kustomizations that kustomize applies before one of those at `indexes`.

        If two kustomizations replace the same image, the `images` entry of the one that is applied earlier has no
        effect. For example, if `prod` includes `base`, kustomize applies `base` before `prod`. kustomize applies the
        components of a kustomization one after another, and after them its own `images` entries (accumulateTarget in
        api/internal/target/kusttarget.go).

        `applied` contains `indexes` and all kustomizations that list one of them as a component (see
        `_add_listing_kustomizations`).
        """
        earlier: set[int] = set()
        for index in applied:
            if self.steps > MAX_STEPS:
                break
            named = self._list_paths(index) if index in indexes else self._list_paths_before(index, applied)
            self.steps += 1 + len(self._list_paths(index))
            earlier.update(self._find_in_folders(named))
        return frozenset(
            self._kustomizations[index].path for index in self._find_reachable(earlier, self._list_included)
        )

    def _list_paths_before(self, index: int, applied: Collection[int]) -> tuple[FilePath, ...]:
        """Return the paths that a kustomization lists before the last of its components that is in `applied`.

        For example, if the kustomization has the resource `base` and the components `a`, `b` and `c`, and only `b` is
        in `applied`, the result is `base` and `a`. `index` is the position of the kustomization.
        """
        kustomization = self._kustomizations[index]
        last = max(
            at
            for at, component in enumerate(kustomization.components)
            if any(found in applied for found in self._find_in_folders([component]))
        )
        return kustomization.resource_paths + kustomization.components[:last]

    def _list_included(self, index: int) -> Iterator[int]:
        return self._find_in_folders(self._list_paths(index))

    def _find_reachable(self, indexes: Iterable[int], list_next: Callable[[int], Iterable[int]]) -> set[int]:
        """Return `indexes`, and the indexes of all kustomizations that can be reached from them.

        `list_next` returns the indexes that can be reached from one index in a single step, for example the
        kustomizations that it includes. Cycles are allowed. The search ends early after MAX_STEPS steps.
        """
        reached: set[int] = set()
        pending = list(indexes)
        while pending and self.steps <= MAX_STEPS:
            index = pending.pop()
            if index in reached:
                continue
            reached.add(index)
            following = list(list_next(index))
            self.steps += 1 + len(following) + len(self._list_paths(index))
            pending += following
        return reached

    def _list_paths(self, index: int) -> tuple[FilePath, ...]:
        kustomization = self._kustomizations[index]
        return kustomization.resource_paths + kustomization.components

    def _find_in_folders(self, folders: Iterable[FilePath]) -> Iterator[int]:
        for folder in folders:
            yield from self._in_folder.get(folder, self._below_folder.get(folder, []))


def _list_parent_folders(folder: str) -> Iterator[str]:
    """Yield the parent folders of a folder, innermost first. The last one is the top of the tree, an empty text."""
    while folder:
        folder = dirname(folder)
        yield folder
