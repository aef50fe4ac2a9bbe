"""Images that a kustomization replaces. A change of such an image in a manifest has no effect, so the image is locked.

A kustomization *includes* the manifests, folders and other kustomizations that it lists under `resources` or
`components`. The entries under its key `images` replace the names, tags and digests of images in everything that it
includes. So basebump updates the `images` entries instead of the manifests.

A *build* is a chain of kustomizations that include each other, from one that no other kustomization includes down to
the kustomization that lists a manifest. An image is locked only if every build that contains it replaces it. For
example, if `prod` and `dev` include `base`, and only `prod` replaces an image of `base`, `dev` deploys the image that
the manifest in `base` names.

If an entry only changes the name of an image (`newName` without `newTag`), kustomize keeps the digest of the manifest.
A new digest would then belong to another image. So one build with such an entry is enough to lock an image.

Parameters named `index` are positions in the list of all kustomizations.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import takewhile
from posixpath import basename

from bot.core.budgets import TreeBudget
from bot.core.references.locking import lock_references_if
from bot.core.references.relate.folders import KUSTOMIZATION_NAMES, get_folder, list_folders_and_path
from bot.model.cross_file import CrossFileFact, Kustomization
from bot.model.extracted_item import ExtractedReferences
from bot.model.image_name import DOCKER_HUB
from bot.model.source import FilePath, Reference
from bot.model.vocabulary import Reason

MAX_STEPS = 1_000_000
"""Limit for the visited paths, summed over all names. It is enough for a thousand overlays that each include ten paths
and replace a hundred names, and takes about a second. Beyond the limit, all names count as replaced everywhere."""

STEPS_PER_BUDGET_STEP = 4
"""The number of visited paths that take as long as one step of the tree's budget."""

_REPLACED_FIELD = re.compile(
    r"(?:\A|/)(?:(?:containers|initContainers|ephemeralContainers)/\d+/image|volumes/\d+/image/reference)(?:[#~]|\Z)"
)
"""Matches the locator of an image that kustomize replaces in an object of any kind (api/filters/imagetag/legacy.go of
kustomize). Kustomize replaces other fields only if a kustomization lists them in its `configurations`. Kustomize 5.6
does not replace images of ephemeral containers and of volumes either, but later releases may do so."""
_PATCH = re.compile(r"\d+/\d+/value(?:/|\Z)|.*/patches/\d+/patch>", re.DOTALL)
"""Matches the start of the locator of an image in a JSON patch, or in a patch inside an object of Flux or Argo CD."""
_TEMPLATED_LINE = "broken["
"""The locator of an image in a template contains this text instead of the path of the field."""
_EMBEDDED_MARK = ">"
"""Separates the locator of a text inside a file from the locator of the image in this text."""

_OVERRIDE = re.compile(r"/spec/(?:.*/kustomize/)?images/\d+\Z", re.DOTALL)
"""Matches the locator of an image override in an object of Flux or Argo CD."""


def lock_replaced_images(
    references: ExtractedReferences, facts: Sequence[CrossFileFact], tree_budget: TreeBudget
) -> ExtractedReferences:
    """Lock the references in manifests and kustomizations that an `images` entry of a kustomization replaces.

    - A reference in a manifest is locked if every build that includes the manifest replaces the image.
    - An `images` entry is locked if every build replaces the resulting image again, in another kustomization.
    - Both are locked if any build changes the name of the image, but not its tag and its digest.
    - If no kustomization includes the manifest, it is unknown how the manifest is deployed. A reference to an image on
      Docker Hub is locked if any kustomization changes the name of the image, because the name in the manifest may be a
      private one that must not be looked up on Docker Hub.

    Raises:
        WorkLimitError: If the budget is exceeded.
    """
    kustomizations = [fact for fact in facts if isinstance(fact, Kustomization)]
    names = {name for kustomization in kustomizations for name in kustomization.names}
    names &= {
        item.image.name
        for item in references
        if isinstance(item, Reference)
        and item.image.name in names
        and (_is_in_manifest(item) or _is_images_entry(item))
    }
    if not names:
        return references
    renamed = {name for kustomization in kustomizations for name in kustomization.renamed_names}
    tree = _KustomizationGraph(kustomizations)
    replacements = tree.find_replacements(names)
    tree_budget.spend_steps(tree.steps // STEPS_PER_BUDGET_STEP, kustomizations[0].path)

    @cache  # a manifest can contain the same image many times
    def is_replaced_in(name: str, path: FilePath) -> bool:
        return replacements is not None and tree.is_manifest_replaced(replacements[name], path)

    def can_replace(reference: Reference) -> bool:
        return _is_in_replaced_field(reference) or (
            _EMBEDDED_MARK not in reference.locator
            and replacements is not None
            and tree.has_configurations(replacements[reference.image.name])
        )

    def is_replaced(reference: Reference) -> bool:
        name = reference.image.name
        if name not in names or not (_is_in_manifest(reference) or _is_images_entry(reference)):
            return False
        if replacements is None:
            return True
        if _is_images_entry(reference):
            return tree.is_entry_replaced(replacements[name], reference.path)
        if not tree.is_included(reference.path):
            return name in renamed and reference.image.host == DOCKER_HUB
        return can_replace(reference) and is_replaced_in(name, reference.path)

    return lock_references_if(references, Reason.REPLACED_BY_KUSTOMIZE, is_replaced)


def _is_in_manifest(reference: Reference) -> bool:
    """Return True if the reference is part of a manifest, or of patches or chart values inside a kustomization."""
    if reference.format == "kustomize":
        return not _is_images_entry(reference)
    return reference.format == "kubernetes" and _OVERRIDE.search(reference.locator) is None


def _is_in_replaced_field(reference: Reference) -> bool:
    """Return True if kustomize replaces the image of a reference in a manifest without further configuration."""
    if reference.format == "kustomize":
        return True
    locator = reference.locator
    if _PATCH.match(locator):
        return True
    return _EMBEDDED_MARK not in locator and (_TEMPLATED_LINE in locator or _REPLACED_FIELD.search(locator) is not None)


def _is_images_entry(reference: Reference) -> bool:
    """Return True if the reference is an item of the `images` list in a kustomization."""
    return reference.format == "kustomize" and reference.locator.split("/")[1:2] == ["images"]


@dataclass(frozen=True, slots=True)
class _NameReplacements:
    """The kustomizations that replace images with one name, and the kustomizations whose images are replaced."""

    replacing: frozenset[int]
    """Kustomizations whose own `images` entries replace the name."""
    component_targets: Mapping[int, frozenset[FilePath]]
    """By kustomization that does not replace the name itself, but lists a component that does: the paths of the
    resources and components in which that component replaces the name."""
    below: frozenset[int]
    """Kustomizations that a kustomization in `replacing` includes, so that at least one build replaces the name in
    their results.
    """
    exposed: frozenset[int]
    """Kustomizations in whose results at least one build does not replace the name."""
    relocation: _NameReplacements | None = None
    """Where kustomizations change this name of an image, but keep its digest. None if no kustomization does this."""

    def is_result_replaced(self, index: int) -> bool:
        """Return True if every build replaces the name in the results of the kustomization at `index`."""
        return index in self.below and index not in self.exposed

    def is_manifest_replaced(self, index: int, path: FilePath) -> bool:
        """Return True if every build replaces the name in a manifest that the kustomization at `index` includes.

        `path` is the path under which the kustomization lists the manifest, or its own path.
        """
        return (
            index in self.replacing or self.is_result_replaced(index) or path in self.component_targets.get(index, ())
        )

    def is_relocated(self, index: int, path: FilePath | None) -> bool:
        """Return True if any build changes the name in a manifest, and keeps its digest.

        If `path` is None, return True if any build does so in the results of the kustomization at `index`.
        """
        found = self.relocation
        return found is not None and (
            index in found.below
            or (path is not None and (index in found.replacing or path in found.component_targets.get(index, ())))
        )


class _KustomizationGraph:
    """The kustomizations of a tree, with the files and kustomizations that each of them includes."""

    def __init__(self, kustomizations: Sequence[Kustomization]) -> None:
        self._kustomizations = kustomizations
        self._in_folder: dict[str, list[int]] = defaultdict(list)
        self._at_path: dict[str, list[int]] = defaultdict(list)
        """By path of a file: the kustomizations in this file."""
        self._below_folder: dict[str, list[int]] = defaultdict(list)
        """By folder without a kustomization: the topmost kustomizations below it. Flux generates a kustomization for
        such a folder, which includes them."""
        self._listed_by: dict[int, list[int]] = defaultdict(list)
        """By component: the kustomizations that list it under `components`."""
        self._included_by: dict[int, list[int]] = defaultdict(list)
        """By kustomization: the kustomizations that include it, also as a component."""
        self._listing: dict[str, list[int]] = defaultdict(list)
        """By path of a manifest, or of a folder without a kustomization: the kustomizations that list it."""
        self.steps = 0
        for index, each in enumerate(kustomizations):
            if basename(each.path) in KUSTOMIZATION_NAMES:
                self._in_folder[get_folder(each.path)].append(index)
                self._at_path[each.path].append(index)
        for folder, indexes in self._in_folder.items():
            for above in takewhile(lambda each: each not in self._in_folder, _list_parent_folders(folder)):
                self._below_folder[above] += indexes
        for index, each in enumerate(kustomizations):
            for component in self._find_in_folders(each.components):
                self._listed_by[component].append(index)
            for included in takewhile(lambda _: self.steps <= MAX_STEPS, self._list_included(index)):
                self._included_by[included].append(index)
                self.steps += 1
            for path in {*self._list_paths(index), *each.patch_paths}:
                if path not in self._in_folder:
                    self._listing[path].append(index)

    def find_replacements(self, names: Iterable[str]) -> dict[str, _NameReplacements] | None:
        """Return the kustomizations that replace each of `names`. Return None if the search exceeds MAX_STEPS."""
        replacing: dict[str, list[int]] = {name: [] for name in names}
        relocating: dict[str, list[int]] = defaultdict(list)
        for index, each in enumerate(self._kustomizations):
            for name in each.names & replacing.keys():
                replacing[name].append(index)
            for name in each.relocated_names & replacing.keys():
                relocating[name].append(index)
        found: dict[str, _NameReplacements] = {}
        for name, indexes in replacing.items():
            relocation = self._find_replacements_by(frozenset(relocating[name])) if name in relocating else None
            found[name] = replace(self._find_replacements_by(frozenset(indexes)), relocation=relocation)
        return None if self.steps > MAX_STEPS else found

    def has_configurations(self, replacements: _NameReplacements) -> bool:
        """Return True if kustomize may replace the name in fields that a `configurations` file of the tree lists."""
        indexes = (*replacements.replacing, *replacements.component_targets, *replacements.below)
        return any(self._kustomizations[index].has_configurations for index in indexes)

    def is_included(self, path: FilePath) -> bool:
        """Return True if a kustomization includes the file, or if the file is itself a kustomization."""
        return path in self._at_path or any(each in self._listing for each in list_folders_and_path(path))

    def is_entry_replaced(self, replacements: _NameReplacements, path: FilePath) -> bool:
        """Return True if the results of the kustomization with this path must not be edited.

        Such a kustomization has an `images` entry with the name. If the entry of another kustomization, which is
        applied later, replaces the same image in every build, the earlier entry has no effect.
        """
        indexes = self._at_path.get(path, ())
        return (bool(indexes) and all(map(replacements.is_result_replaced, indexes))) or any(
            replacements.is_relocated(index, None) for index in indexes
        )

    def is_manifest_replaced(self, replacements: _NameReplacements, path: FilePath) -> bool:
        """Return True if every build that contains the manifest replaces the name in it, or if any build relocates it.

        The manifest can also be in the kustomization itself, in a patch or in the values of a chart.
        """
        including = [
            (index, each)
            for each in list_folders_and_path(path)
            for index in (self._at_path if each == path and path in self._at_path else self._listing).get(each, ())
        ]
        return all(replacements.is_manifest_replaced(*each) for each in including) or any(
            replacements.is_relocated(*each) for each in including
        )

    def _find_replacements_by(self, replacing: frozenset[int]) -> _NameReplacements:
        """Return the effect of the `images` entries of the kustomizations at the positions `replacing`.

        kustomize applies the components of a kustomization one after another to its resources, and after them its own
        patches and `images` entries (accumulateTarget in api/internal/target/kusttarget.go).
        """
        applied = self._find_reachable(replacing, lambda index: self._listed_by.get(index, ()))
        counts = {index: self._count_earlier_components(index, applied) for index in applied - replacing}
        targets = {index: frozenset(self._list_paths(index, counts.get(index))) for index in applied}
        included = {each for paths in targets.values() for each in self._find_in_folders(paths)}
        below = self._find_reachable(included, self._list_included)
        self.steps += sum(map(self._count_paths, applied))
        self.steps += sum(len(self._included_by.get(index, ())) for index in below)
        inner = below | applied
        started = applied - below
        started |= {index for index in below if not inner.issuperset(self._included_by.get(index, ()))}

        def list_exposed(index: int) -> Iterator[int]:
            if index in replacing:
                return iter(())
            count = counts.get(index)
            paths = self._list_paths(index) if count is None else self._kustomizations[index].components[count:]
            return self._find_in_folders(paths)

        exposed = self._find_reachable(started, list_exposed)
        targets = {index: targets[index] for index in counts}
        return _NameReplacements(replacing, targets, frozenset(below), frozenset(exposed))

    def _count_earlier_components(self, index: int, applied: Collection[int]) -> int:
        """Return the number of components that a kustomization lists before the last one that is in `applied`.

        For example, the result is 1 if the kustomization has the components `a`, `b` and `c`, and only `b` is in
        `applied`. `b` then replaces images in the resources of the kustomization and in `a`. `index` is the position of
        the kustomization.
        """
        return max(
            at
            for at, component in enumerate(self._kustomizations[index].components)
            if any(found in applied for found in self._find_in_folders([component]))
        )

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
            self.steps += len(following) + self._count_paths(index)
            pending += following
        return reached

    def _count_paths(self, index: int) -> int:
        return 1 + len(self._list_paths(index)) + len(self._kustomizations[index].patch_paths)

    def _list_paths(self, index: int, component_count: int | None = None) -> tuple[FilePath, ...]:
        """Return the resources and the first `component_count` components of a kustomization; None means all."""
        kustomization = self._kustomizations[index]
        return kustomization.resource_paths + kustomization.components[:component_count]

    def _find_in_folders(self, folders: Iterable[FilePath]) -> Iterator[int]:
        for folder in folders:
            yield from self._in_folder.get(folder, self._below_folder.get(folder, []))


def _list_parent_folders(folder: str) -> Iterator[str]:
    """Yield the parent folders of a folder, innermost first. The last one is the top of the tree, an empty text."""
    while folder:
        folder = get_folder(folder)
        yield folder
