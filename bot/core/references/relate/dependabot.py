"""Image references that Dependabot updates. basebump locks them, and leaves the updates to Dependabot.

The folders docker/, helm/ and common/ of https://github.com/dependabot/dependabot-core define which files Dependabot
reads.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from posixpath import basename, dirname

from bot.core.budgets import TreeBudget
from bot.core.globs import is_glob_match
from bot.core.notes import add_reference_notes
from bot.core.references.dockerfile_stages import is_base_image
from bot.core.references.locking import assign_to_other_bot
from bot.core.references.relate.bot_updates import list_digest_updates, list_version_updates
from bot.model.cost_limits import COMPARED_BYTES
from bot.model.cross_file import CrossFileFact, DependabotConfig, TreeBranch
from bot.model.extracted_item import ExtractedReferences
from bot.model.source import EditSlot, Reference, UnsupportedText
from bot.model.updater import DependabotUpdate

_DOCKERFILE = re.compile(r"dockerfile|containerfile", re.IGNORECASE)
_YAML = re.compile(r"[^.].*\.ya?ml", re.IGNORECASE)
_COMPOSE = re.compile(r"(?:docker-)?compose(?:-\w+)?(?:\.[\w-]+)?\.ya?ml", re.IGNORECASE)
_VALUES = re.compile(r"values\.ya?ml\Z", re.IGNORECASE)
_IMAGE_KEY = re.compile(r"(?:[^>]*/)?image(?:#\d+)?")
"""Matches the locator of a value under the key `image`, outside of embedded documents."""
_FOLDER_AND_BELOW = re.compile(r"(?:(.*)/)?\*\*(?:/\*)?", re.DOTALL)
"""Matches a pattern for a folder and all folders below it. The group is the folder; it is unset for the whole tree."""


def assign_to_dependabot(
    references: ExtractedReferences, facts: Sequence[CrossFileFact], tree_budget: TreeBudget
) -> ExtractedReferences:
    """Lock the references that Dependabot updates on the branch of this tree, so that basebump leaves them unchanged.

    An entry under `updates` applies to its `target-branch`, or to the default branch if it has none. If the branch of
    this tree is unknown, all entries apply. If the Dependabot config is invalid, Dependabot updates nothing: no
    reference is locked, and each editable reference that Dependabot can read gets a note about this.

    Raises:
        WorkLimitError: If the budget for applying the entries to the references is exceeded.
    """
    configs = [fact for fact in facts if isinstance(fact, DependabotConfig)]
    branch = next((fact for fact in facts if isinstance(fact, TreeBranch)), None)
    update_index = _UpdateIndex(configs, branch, tree_budget)
    problem = next(
        (f"{each.path} {each.problem}, so Dependabot updates nothing" for each in configs if each.problem), ""
    )

    def assign_reference(reference: Reference | UnsupportedText) -> Reference | UnsupportedText:
        if isinstance(reference, UnsupportedText) or not (ecosystems := _list_ecosystems(reference)):
            return reference
        config_location = update_index.find_config_entry(reference, ecosystems)
        if config_location:
            return assign_to_other_bot(reference, "Dependabot", config_location)
        return add_reference_notes(reference, problem) if isinstance(reference.digest_slot, EditSlot) else reference

    return tuple(map(assign_reference, references))


def _list_ecosystems(reference: Reference) -> Sequence[str]:
    """Return the ecosystems of Dependabot, such as `docker`, that can read an image reference in this kind of file.

    The result does not depend on whether a config enables the ecosystem for the folder of the file.
    """
    name = basename(reference.path)
    match reference.format:
        case "dockerfile":  # Dependabot reads only `FROM`, and does not resolve arguments
            is_read = _DOCKERFILE.search(name) and is_base_image(reference) and not reference.variables
            return ("docker",) if is_read else ()
        case "compose":
            return ("docker-compose",) if _COMPOSE.search(name) else ()
        case "helm":
            in_docker = ("docker",) if _IMAGE_KEY.fullmatch(reference.locator) else ()
            return (*in_docker, "helm") if _VALUES.search(name) else in_docker
        case "kubernetes" | "skaffold":
            return ("docker",) if _YAML.fullmatch(name) and _IMAGE_KEY.fullmatch(reference.locator) else ()
        case _:
            return ()


class _UpdateIndex:
    """The entries under `updates` in the tree's Dependabot configs. Finds the entry that updates an image reference."""

    def __init__(self, configs: Iterable[DependabotConfig], branch: TreeBranch | None, tree_budget: TreeBudget) -> None:
        self._budget = tree_budget
        self._updates: dict[str, list[tuple[DependabotConfig, DependabotUpdate]]] = defaultdict(list)
        for config in configs:
            for update in config.updates:
                if _is_for_branch(update, branch):
                    self._updates[update.ecosystem].append((config, update))
        self._updates_by_folder: dict[tuple[str, str], list[tuple[DependabotConfig, DependabotUpdate]]] = {}
        self._globs: set[str] = set()
        """The globs that were taken from the budget."""
        self._glob_sizes: dict[int, int] = {}
        """The number of characters of all globs of an update, by the identity of the update."""

    def find_config_entry(self, reference: Reference, ecosystems: Iterable[str]) -> str:
        """Return the location of the entry that updates an image reference, such as `.github/dependabot.yml:4`.

        Return an empty text if no entry updates it. `ecosystems` are the ecosystems that can read the reference.
        """
        for ecosystem in ecosystems:
            for config, update in self._list_updates_in(dirname(reference.path), ecosystem):
                self._budget.spend_steps(1, config.path)
                for name in (*update.allowed_names, *(ignored.name for ignored in update.ignored_images)):
                    self._budget.spend_comparison(len(name), "*", config.path)
                if _can_update(update, reference):
                    return f"{config.path}:{update.line_number}"
        return ""

    def _list_updates_in(self, folder: str, ecosystem: str) -> list[tuple[DependabotConfig, DependabotUpdate]]:
        key = folder, ecosystem
        if key not in self._updates_by_folder:
            updates = self._updates[ecosystem]
            self._updates_by_folder[key] = [each for each in updates if self._is_for_folder(each[0], each[1], folder)]
        return self._updates_by_folder[key]

    def _spend_globs(self, config: DependabotConfig, update: DependabotUpdate) -> int:
        """Take the globs of an update from the budget, and return the number of their characters."""
        globs = [glob for glob in update.folders if "*" in glob]
        for glob in dict.fromkeys(globs):
            if glob not in self._globs:
                self._budget.spend_pattern(glob, config.path)
        self._globs.update(globs)
        return sum(map(len, globs))

    def _is_for_folder(self, config: DependabotConfig, update: DependabotUpdate, folder: str) -> bool:
        if id(update) not in self._glob_sizes:
            self._glob_sizes[id(update)] = self._spend_globs(config, update)
        glob_size = self._glob_sizes[id(update)]
        self._budget.spend_steps(len(update.folders) + glob_size * len(folder) // COMPARED_BYTES, config.path)
        return any(_is_folder_match(folder, glob) for glob in update.folders)


def _is_for_branch(update: DependabotUpdate, branch: TreeBranch | None) -> bool:
    if branch is None:
        return True
    return branch.is_default if update.branch is None else update.branch == branch.branch


def _is_folder_match(folder: str, glob: str) -> bool:
    if folder == glob or "*" not in glob:
        return folder == glob
    if folder and is_glob_match(glob, folder):
        return True
    above = _FOLDER_AND_BELOW.fullmatch(glob)  # Dependabot does not document whether `**` includes its own parent
    return above is not None and (is_glob_match(above[1], folder) if above[1] else not folder)


def _can_update(update: DependabotUpdate, reference: Reference) -> bool:
    image = reference.image
    update_types = list_version_updates(image, knows_codenames=False)
    update_types |= list_digest_updates(image, adds_digests=False)
    name = image.name.partition("/")[2] if image.has_registry_host else image.name
    if update.allowed_names and not any(is_name_match(name, pattern) for pattern in update.allowed_names):
        return False
    for ignored in update.ignored_images:
        if update_types and is_name_match(name, ignored.name):
            update_types -= ignored.update_types
    return bool(update_types)


def is_name_match(name: str, pattern: str) -> bool:
    """Return True if `name` matches `pattern`, in which `*` stands for any text. Case is ignored."""
    first, *parts = pattern.lower().split("*")
    rest = name.lower()
    if not parts:
        return rest == first
    if not rest.startswith(first) or not rest.endswith(parts[-1]) or len(rest) < len(first) + len(parts[-1]):
        return False
    rest = rest[len(first) : len(rest) - len(parts.pop())]
    for part in parts:
        _, found, rest = rest.partition(part) if part else ("", "*", rest)
        if not found:
            return False
    return True
