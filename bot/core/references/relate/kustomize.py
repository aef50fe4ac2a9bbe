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

Sometimes it is unknown whether a kustomization builds a manifest, for example because it lists the manifest by a URL.
The image is then locked as well, but a rule with `allow: [replaced-by-kustomize]` can unlock it. A kustomization that
builds other files does not count.

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
from typing import NamedTuple

from bot.core.budgets import TreeBudget
from bot.core.notes import add_reference_notes
from bot.core.references.locking import add_warning, lock_reference
from bot.core.references.relate.folders import KUSTOMIZATION_NAMES, get_folder, list_folders_and_path
from bot.model.cross_file import CrossFileFact, Kustomization
from bot.model.extracted_item import ExtractedReferences
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

_PLACEHOLDER = re.compile(r"[{$%<]")
"""Matches a placeholder in a path that a kustomization lists."""

_OVERRIDE = re.compile(r"/spec/(?:.*/kustomize/)?images/\d+\Z", re.DOTALL)
"""Matches the locator of an image override in an object of Flux or Argo CD."""


def lock_replaced_images(
    references: ExtractedReferences, facts: Sequence[CrossFileFact], tree_budget: TreeBudget
) -> ExtractedReferences:
    """Lock the references in manifests and kustomizations that an `images` entry of a kustomization replaces.

    - A reference in a manifest is locked if every build that includes the manifest replaces the image.
    - An `images` entry is locked if every build replaces the resulting image again, in another kustomization.
    - Both are locked if any build changes the name of the image, but not its tag and its digest.
    - If it is unknown whether a kustomization builds the manifest, the lock is a warning, which a rule can allow. This
      is the case for URLs and placeholders in the paths that kustomizations list, for the folders of Flux and Argo CD,
      which may be in another repository, and if the kustomizations exceed MAX_STEPS.

    A note of each locked reference names the file of the kustomization.

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
    tree = _KustomizationGraph(kustomizations)
    replacements = tree.find_replacements(names)
    tree_budget.spend_steps(tree.steps // STEPS_PER_BUDGET_STEP, kustomizations[0].path)

    @cache  # a manifest can contain the same image many times
    def find_manifest_replacement(name: str, path: FilePath) -> _Replacement | None:
        return tree.find_manifest_replacement(name, replacements[name] if replacements is not None else None, path)

    def can_replace(reference: Reference) -> bool:
        return _is_in_replaced_field(reference) or (
            _EMBEDDED_MARK not in reference.locator
            and replacements is not None
            and tree.has_configurations(replacements[reference.image.name])
        )

    def find_replacement(reference: Reference) -> _Replacement | None:
        name = reference.image.name
        if name not in names or not (_is_in_manifest(reference) or _is_images_entry(reference)):
            return None
        if replacements is None:
            return tree.find_possible_replacement(name)
        if _is_images_entry(reference):
            return tree.find_entry_replacement(replacements[name], reference.path)
        return find_manifest_replacement(name, reference.path) if can_replace(reference) else None

    steps = tree.steps
    locked = tuple(
        _lock_replaced(item, found)
        if isinstance(item, Reference) and (found := find_replacement(item)) is not None
        else item
        for item in references
    )
    tree_budget.spend_steps((tree.steps - steps) // STEPS_PER_BUDGET_STEP, kustomizations[0].path)
    return locked


class _Replacement(NamedTuple):
    """A kustomization that replaces an image."""

    path: FilePath
    is_certain: bool
    """False if it is unknown whether the kustomization builds the manifest."""


def _lock_replaced(reference: Reference, replacement: _Replacement) -> Reference:
    if replacement.is_certain:
        locked = lock_reference(reference, Reason.REPLACED_BY_KUSTOMIZE)
        return add_reference_notes(locked, f"{replacement.path} replaces it")
    note = (
        f"{replacement.path} replaces it if it builds this file, which is unknown; with "
        f"`allow: [{Reason.REPLACED_BY_KUSTOMIZE}]`, basebump updates it"
    )
    return add_warning(reference, Reason.REPLACED_BY_KUSTOMIZE, note, is_certain=False)


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
    applied: Mapping[int, int]
    """By kustomization that replaces the name, itself or by its components: the one whose `images` entry does so."""
    component_targets: Mapping[int, frozenset[FilePath]]
    """By kustomization that does not replace the name itself, but lists a component that does: the paths of the
    resources and components in which that component replaces the name."""
    below: Mapping[int, int]
    """Kustomizations in whose results at least one build replaces the name, because a kustomization in `replacing`
    includes them. The value is this kustomization.
    """
    exposed: frozenset[int]
    """Kustomizations in whose results at least one build does not replace the name."""
    relocation: _NameReplacements | None = None
    """Where kustomizations change this name of an image, but keep its digest. None if no kustomization does this."""

    def find_replacing(self, index: int, path: FilePath | None) -> int | None:
        """Return a kustomization that replaces the name in a manifest, if every build replaces it; otherwise None.

        The kustomization at `index` includes the manifest. `path` is the path under which it lists the manifest, or its
        own path. If `path` is None, the results of the kustomization are meant instead of a manifest.
        """
        own = self.find_own(index, path)
        return self.below.get(index) if own is None and index not in self.exposed else own

    def find_relocating(self, index: int, path: FilePath | None) -> int | None:
        """Return a kustomization that changes the name in a manifest in any build, and keeps its digest.

        Return None if no build does so. The parameters are those of `find_replacing`.
        """
        found = self.relocation
        if found is None:
            return None
        own = found.find_own(index, path)
        return found.below.get(index) if own is None else own

    def find_own(self, index: int, path: FilePath | None) -> int | None:
        """Return the kustomization at `index` or its component, if one of them replaces the name in a manifest."""
        if path is not None and (index in self.replacing or path in self.component_targets.get(index, ())):
            return self.applied[index]
        return None


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
        self._unresolved = _index_unresolved_paths(kustomizations)
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
        indexes = (*replacements.applied, *replacements.below)
        return any(self._kustomizations[index].has_configurations for index in indexes)

    def find_entry_replacement(self, replacements: _NameReplacements, path: FilePath) -> _Replacement | None:
        """Return the reason why the results of the kustomization with this path must not be edited, or None.

        Such a kustomization has an `images` entry with the name. If the entry of another kustomization, which is
        applied later, replaces the same image in every build, the earlier entry has no effect.
        """
        return self._combine(replacements, [(index, None) for index in self._at_path.get(path, ())])

    def find_manifest_replacement(
        self, name: str, replacements: _NameReplacements | None, path: FilePath
    ) -> _Replacement | None:
        """Return a replacement if every build of the manifest replaces the name, or if any build relocates it.

        The manifest can also be in the kustomization itself, in a patch or in the values of a chart.
        """
        if replacements is None:
            return self.find_possible_replacement(name)
        including: list[tuple[int, FilePath | None]] = [
            (index, each)
            for each in list_folders_and_path(path)
            for index in (self._at_path if each == path and path in self._at_path else self._listing).get(each, ())
        ]
        return self._combine(replacements, including) if including else self._find_by_unresolved_path(name, path)

    def find_possible_replacement(self, name: str) -> _Replacement | None:
        """Return the first kustomization that replaces the name, if it is unknown which files it builds."""
        found = next((each for each in self._kustomizations if name in each.names), None)
        return _Replacement(found.path, is_certain=False) if found is not None else None

    def _combine(
        self, replacements: _NameReplacements, including: Sequence[tuple[int, FilePath | None]]
    ) -> _Replacement | None:
        """Return a replacement if all of `including` replace the name, or if one of them relocates the name.

        If it is unknown whether one of the kustomizations builds files of this tree, the result names this one.
        """
        relocating = [each for each in (replacements.find_relocating(*pair) for pair in including) if each is not None]
        replacing = [each for each in (replacements.find_replacing(*pair) for pair in including) if each is not None]
        if len(replacing) < len(including):
            replacing = []
        found = [self._describe_replacement(replacing), self._describe_replacement(relocating)]
        return next((each for each in found if each is not None and each.is_certain), found[0] or found[1])

    def _describe_replacement(self, indexes: Sequence[int]) -> _Replacement | None:
        """Return the first of some kustomizations, or the first one that may build files of another repository."""
        paths = [self._kustomizations[index].path for index in indexes]
        uncertain = [path for path in paths if basename(path) not in KUSTOMIZATION_NAMES]
        return _Replacement((uncertain or paths)[0], is_certain=not uncertain) if paths else None

    def _find_by_unresolved_path(self, name: str, path: FilePath) -> _Replacement | None:
        """Return a kustomization that replaces the name, and may build the file `path` because of a URL or placeholder.

        No kustomization is known to include the file.
        """
        candidates = [*self._unresolved.get(basename(path), ()), *self._unresolved.get("", ())]
        self.steps += len(candidates)
        if self.steps > MAX_STEPS:
            return self.find_possible_replacement(name)
        listing = [index for index, url in candidates if not url or url.endswith(f"/{path}")]
        above = self._find_reachable(_map_to_themselves(listing), lambda index: self._included_by.get(index, ()))
        found = next((self._kustomizations[each] for each in above if name in self._kustomizations[each].names), None)
        return _Replacement(found.path, is_certain=False) if found is not None else None

    def _find_replacements_by(self, replacing: frozenset[int]) -> _NameReplacements:
        """Return the effect of the `images` entries of the kustomizations at the positions `replacing`.

        kustomize applies the components of a kustomization one after another to its resources, and after them its own
        patches and `images` entries (accumulateTarget in api/internal/target/kusttarget.go).
        """
        applied = self._find_reachable(_map_to_themselves(replacing), lambda index: self._listed_by.get(index, ()))
        counts = {index: self._count_earlier_components(index, applied) for index in applied.keys() - replacing}
        targets = {index: frozenset(self._list_paths(index, counts.get(index))) for index in applied}
        included = {each: applied[index] for index, paths in targets.items() for each in self._find_in_folders(paths)}
        below = self._find_reachable(included, self._list_included)
        self.steps += sum(map(self._count_paths, applied))
        self.steps += sum(len(self._included_by.get(index, ())) for index in below)
        inner = below.keys() | applied.keys()
        started = applied.keys() - below.keys()
        started |= {index for index in below if not inner.issuperset(self._included_by.get(index, ()))}

        def list_exposed(index: int) -> Iterator[int]:
            if index in replacing:
                return iter(())
            count = counts.get(index)
            paths = self._list_paths(index) if count is None else self._kustomizations[index].components[count:]
            return self._find_in_folders(paths)

        exposed = self._find_reachable(_map_to_themselves(started), list_exposed)
        targets = {index: targets[index] for index in counts}
        return _NameReplacements(replacing, applied, targets, below, frozenset(exposed))

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

    def _find_reachable(self, origins: Mapping[int, int], list_next: Callable[[int], Iterable[int]]) -> dict[int, int]:
        """Return the keys of `origins`, and the indexes of all kustomizations that can be reached from them.

        Each index is returned with the value of a key from which it can be reached.

        `list_next` returns the indexes that can be reached from one index in a single step, for example the
        kustomizations that it includes. Cycles are allowed. The search ends early after MAX_STEPS steps.
        """
        reached: dict[int, int] = {}
        pending = list(origins.items())
        while pending and self.steps <= MAX_STEPS:
            index, origin = pending.pop()
            if index in reached:
                continue
            reached[index] = origin
            following = list(list_next(index))
            self.steps += len(following) + self._count_paths(index)
            pending += ((each, origin) for each in following)
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


def _map_to_themselves(indexes: Iterable[int]) -> dict[int, int]:
    return {index: index for index in indexes}


def _index_unresolved_paths(kustomizations: Sequence[Kustomization]) -> dict[str, list[tuple[int, str]]]:
    """Return the kustomizations that may list a file, by name of this file, each with the URL of the file.

    The name is empty for files of any name. The URL is empty for a path with a placeholder.
    """
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for index, each in enumerate(kustomizations):
        for text in each.unresolved_paths:
            name, url = _parse_unresolved_path(text)
            found[name].append((index, url))
    return found


def _parse_unresolved_path(text: str) -> tuple[str, str]:
    """Return the name of the file that a URL or a path with a placeholder may lead to, and the URL without its query.

    The name is empty if it contains a placeholder. The URL is empty if the text contains a placeholder. A URL of a
    folder leads to no other file, because this folder has a kustomization, and the tree contains it as well.
    """
    if _PLACEHOLDER.search(text) is None:
        url = text.partition("?")[0]
        return basename(url), url
    name = basename(text)
    return "" if _PLACEHOLDER.search(name) else name, ""


def _list_parent_folders(folder: str) -> Iterator[str]:
    """Yield the parent folders of a folder, innermost first. The last one is the top of the tree, an empty text."""
    while folder:
        folder = get_folder(folder)
        yield folder
