"""Images that Argo CD Image Updater updates. They are locked, because otherwise both tools would overwrite each other.

pkg/argocd/argocd.go and pkg/argocd/update.go of github.com/argoproj-labs/argocd-image-updater define what Image Updater
writes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from posixpath import join, normpath

from bot.core.budgets import TreeBudget
from bot.core.references.locking import lock_references_if
from bot.core.references.relate.folders import KUSTOMIZATION_NAMES, list_folders_and_path
from bot.model.cross_file import ArgoApplication, CrossFileFact, ImageUpdaterConfig
from bot.model.extracted_item import ExtractedReferences
from bot.model.source import FilePath, Reference
from bot.model.vocabulary import Reason, Role

_WILDCARD = re.compile(r"[*?\[]")


def lock_image_updater_targets(
    references: ExtractedReferences, facts: Sequence[CrossFileFact], tree_budget: TreeBudget
) -> ExtractedReferences:
    """Lock the references that Argo CD Image Updater writes, or that it overrides when Argo CD deploys them.

    basebump leaves locked references unchanged. These references are locked:

    - all references in files that Image Updater writes
    - all references in the Applications that it updates
    - references in folders that such an Application deploys, if Image Updater tracks the image

    The folders that an Application deploys can be in another repository. basebump cannot find this out, and assumes
    that they are in this repository. Labels that exclude an Application from updates by Image Updater are ignored, so
    references of such an Application are locked nevertheless.

    Raises:
        WorkLimitError: If the name patterns, the folders and the images of all writers exceed the budget.
    """
    write_targets = _WriteTargets()
    for writer, application in _list_pairs(facts, tree_budget):
        tree_budget.spend_steps(1 + len(application.folders) * (1 + len(writer.repositories)), application.path)
        write_targets.add_application(writer, application)
    if not write_targets.applications:
        return references
    return lock_references_if(references, Reason.OTHER_WRITER, write_targets.is_written)


def _list_pairs(
    facts: Sequence[CrossFileFact], tree_budget: TreeBudget
) -> Iterator[tuple[ImageUpdaterConfig, ArgoApplication]]:
    """Yield each configuration of Image Updater together with each Application that it updates.

    Raises:
        WorkLimitError: If matching the name patterns with the names of all Applications exceeds the budget.
    """
    writers = [fact for fact in facts if isinstance(fact, ImageUpdaterConfig)]
    if not writers:
        return
    by_name: dict[str, list[ArgoApplication]] = defaultdict(list)
    for fact in facts:
        if isinstance(fact, ArgoApplication):
            by_name[fact.name].append(fact)
    for writer in writers:
        is_pattern = writer.applications not in by_name and _WILDCARD.search(writer.applications) is not None
        names = _match_names(writer, by_name, tree_budget) if is_pattern else [writer.applications]
        yield from ((writer, application) for name in names for application in by_name.get(name, ()))


def _match_names(writer: ImageUpdaterConfig, names: Iterable[str], tree_budget: TreeBudget) -> Iterator[str]:
    """Yield the names that match the name pattern of a configuration.

    Raises WorkLimitError if the budget is exceeded.
    """
    tree_budget.spend_pattern(writer.applications, writer.path)
    matches = re.compile(translate(writer.applications.replace("[^", "[!"))).match  # syntax of Go's filepath.Match
    for name in names:
        tree_budget.spend_comparison(len(writer.applications), name, writer.path)
        if matches(name):
            yield name


@dataclass(slots=True)
class _WriteTargets:
    """The files and Applications that Image Updater changes, and the folders in which it overrides images."""

    applications: dict[FilePath, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The locators of the applications in each file."""
    files: set[str] = field(default_factory=set)
    repositories: set[str] = field(default_factory=set)
    """The repositories that are overridden in any folder."""
    folders: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Overridden repositories, by the folder in which they are overridden."""

    def add_application(self, writer: ImageUpdaterConfig, application: ArgoApplication) -> None:
        self.applications[application.path].add(application.locator)
        for folder in application.folders:
            self.repositories |= writer.repositories
            self.files.update(_list_target_files(writer.write_back_target, folder))
            self.folders[_normalise_path("", folder)] |= writer.repositories

    def is_written(self, reference: Reference) -> bool:
        path = reference.path
        if path in self.files:
            return True
        if path in self.applications and reference.locator.partition("/spec/")[0] in self.applications[path]:
            return True
        if reference.role is not Role.THIRD_PARTY:  # Image Updater writes deployed images, never base images
            return False
        repository = reference.image.repository
        return repository in self.repositories and any(
            repository in self.folders.get(folder, ()) for folder in list_folders_and_path(path)
        )


def _list_target_files(target: str, folder: str) -> Iterator[str]:
    """Yield the files that Image Updater writes for an Application that deploys `folder`.

    `target` is the value of `writeBackTarget`, such as `kustomization:../base`. The path in it is relative to `folder`,
    or to the top of the repository if it starts with `/`. The functions `parseKustomizeBase` and `parseTarget` of Image
    Updater define this.
    """
    kind, _, path = target.partition(":")
    if kind == "kustomization":
        yield from (_normalise_path(folder, join(path or ".", name)) for name in KUSTOMIZATION_NAMES)
    elif kind == "helmvalues":
        yield _normalise_path(folder, path or "values.yaml")
    elif target:
        yield _normalise_path("", target)


def _normalise_path(folder: str, path: str) -> str:
    """Convert `path`, which is relative to `folder`, to a path that is relative to the repository.

    If `path` starts with `/`, it is relative to the repository already. The top of the repository is the empty path.
    """
    whole = path if path.startswith("/") else join(folder, path)
    normal = normpath(whole.lstrip("/") or ".")
    return "" if normal == "." else normal
