"""Images that a build tool builds locally. basebump does not look for updates of them in a registry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from bot.core.budgets import TreeBudget
from bot.core.references.locking import lock_references_if
from bot.core.references.relate.folders import get_folder, list_folders_and_path
from bot.model.cross_file import BuildOutput, CrossFileFact
from bot.model.extracted_item import ExtractedReferences
from bot.model.source import FilePath, Reference
from bot.model.vocabulary import Reason


def lock_build_outputs(
    references: ExtractedReferences, facts: Sequence[CrossFileFact], tree_budget: TreeBudget
) -> ExtractedReferences:
    """Lock each reference to an image that a build tool such as Skaffold builds locally.

    basebump leaves locked references unchanged. Only references in the files that the tool deploys are locked. In all
    other files, the same name means an image in a registry. For example, if an example folder builds an image named
    `nginx`, other folders still use the public `nginx`.

    Raises:
        WorkLimitError: If combining the images of all build files exceeds the budget.
    """
    outputs = [fact for fact in facts if isinstance(fact, BuildOutput)]
    if not outputs:
        return references
    names = _OutputNames([output for output in outputs if output.deployed_paths], tree_budget)
    images_by_folder: dict[str, set[str]] = defaultdict(set)
    for output in outputs:
        if not output.deployed_paths:
            images_by_folder[get_folder(output.path)] |= output.images

    def is_built(reference: Reference) -> bool:
        folder_images = images_by_folder.get(get_folder(reference.path), ())
        return (
            reference.written in folder_images
            or (bool(folder_images) and str(replace(reference.image, digest=None)) in folder_images)
            or names.is_output(reference)
        )

    return lock_references_if(references, Reason.OTHER_WRITER, is_built)


class _OutputNames:
    """The names of locally built images, and the files and folders in which such a name means the local image.

    Everywhere else, the same name means an image in a registry.
    """

    def __init__(self, outputs: Sequence[BuildOutput], tree_budget: TreeBudget) -> None:
        built_in: dict[FilePath, set[str]] = defaultdict(set)
        for output in outputs:
            folders = tuple(list_folders_and_path(output.path))
            tree_budget.spend_steps(len(folders) * len(output.images), output.path)
            for path in folders:
                built_in[path] |= output.images
        self._all_names = built_in.get(FilePath(""), set())
        self._names_by_path: dict[FilePath, set[str]] = defaultdict(set)
        for deploys, output in {output.deployed_paths: output for output in outputs}.items():
            # Images of other configurations below the same path count as deployed from this path as well.
            images = [built_in.get(path, set()) for path in deploys]
            tree_budget.spend_steps(sum(map(len, images)) * (1 + len(deploys)), output.path)
            built = set[str]().union(*images)
            for path in deploys:
                self._names_by_path[path] |= built

    def is_output(self, reference: Reference) -> bool:
        name = reference.image.name
        if name not in self._all_names:
            return False
        return any(name in self._names_by_path.get(path, ()) for path in list_folders_and_path(reference.path))
