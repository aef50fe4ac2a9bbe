"""Image references that Renovate updates. basebump locks them, and leaves the updates to Renovate.

It can be uncertain whether Renovate updates an image, for example because a rule contains a pattern whose syntax
basebump does not support. basebump then assumes that Renovate updates the image. For this reason, some functions return
None ("uncertain") besides True and False.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.core.budgets import TreeBudget
from bot.core.notes import add_reference_notes
from bot.core.references.locking import assign_to_other_bot
from bot.core.references.relate.bot_updates import list_digest_updates, list_version_updates
from bot.core.references.relate.renovate.managers import CUSTOM_MANAGER, FileManager, list_managers, match_manager
from bot.core.references.relate.renovate.patterns import PatternMatcher
from bot.model.cross_file import CrossFileFact, RenovateConfig, TreeBranch
from bot.model.extracted_item import ExtractedReferences
from bot.model.image_name import DOCKER_HUB, ImageName
from bot.model.source import EditSlot, FilePath, Reference, UnsupportedText
from bot.model.updater import BotUpdateType, ManagerSettings, PackageRule, RenovateSettings, UpdateTypeSettings

MAX_SHOWN = 60
"""Limit for the characters of a preset's name in a note."""
_DATASOURCE = "docker"
_DEFAULT_BRANCH = "$default"
_OFFICIAL = "library/"


def assign_to_renovate(
    references: ExtractedReferences, facts: Sequence[CrossFileFact], tree_budget: TreeBudget
) -> ExtractedReferences:
    """Lock the references that Renovate updates on the branch of this tree, so that basebump leaves them unchanged.

    If the tree has several Renovate configs, only the one that Renovate reads is considered. If this config is invalid,
    Renovate updates nothing, and the references that Renovate would otherwise read get a note about this.

    Raises:
        WorkLimitError: If the budget for applying the rules of the config to the references is exceeded.
    """
    config = min((fact for fact in facts if isinstance(fact, RenovateConfig)), key=lambda each: each.rank)
    branch = next((fact for fact in facts if isinstance(fact, TreeBranch)), None)
    decisions = (
        _RenovateDecisions(config.settings, branch, tree_budget, config.path) if config.settings is not None else None
    )
    note = _format_note(config)

    def assign_reference(reference: Reference | UnsupportedText) -> Reference | UnsupportedText:
        if isinstance(reference, UnsupportedText):
            return reference
        if decisions is not None and decisions.can_update(reference):
            return assign_to_other_bot(reference, "Renovate", config.path)
        is_editable = isinstance(reference.digest_slot, EditSlot) and bool(list_managers(reference))
        return (
            add_reference_notes(reference, note)
            if is_editable and (decisions is None or decisions.can_be_enabled_by_preset(reference))
            else reference
        )

    return tuple(map(assign_reference, references))


def _format_note(config: RenovateConfig) -> str:
    """Return a note for a reference that Renovate does not update according to the config that basebump can read.

    - If the config is invalid, the note explains that Renovate updates nothing.
    - If the config extends presets that basebump cannot read, the note explains that Renovate may update the reference
      nevertheless.
    - In all other cases, the note is empty.
    """
    if config.settings is None:
        return f"{config.path} cannot be read, so Renovate updates nothing"
    presets = config.settings.unread_presets
    if not presets:
        return ""
    shown = presets[0] if len(presets[0]) <= MAX_SHOWN else f"{presets[0][:MAX_SHOWN]}…"
    more = f" and {len(presets) - 1} more" if len(presets) > 1 else ""
    return f"{config.path} extends `{shown}`{more}, which basebump does not read: Renovate may nevertheless update it"


@dataclass(slots=True)
class _EffectiveSettings:
    """Renovate's settings for one image. They change with each matching rule that is applied."""

    is_enabled: bool
    adds_digests: bool

    def apply(self, settings: UpdateTypeSettings, *, is_certain: bool) -> None:
        """Apply the settings of a rule, which override earlier settings.

        `is_certain` is False if it is uncertain whether the rule matches. If so, apply only those settings of the rule
        that enable something, so that basebump rather assumes that Renovate updates the image.
        """
        if settings.enabled is not None and (is_certain or settings.enabled):
            self.is_enabled = settings.enabled
        if settings.pin_digests is not None and (is_certain or settings.pin_digests):
            self.adds_digests = settings.pin_digests


class _RenovateDecisions:
    """Determines which references Renovate updates on one branch, according to its config."""

    def __init__(
        self, settings: RenovateSettings, branch: TreeBranch | None, tree_budget: TreeBudget, path: FilePath
    ) -> None:
        """Take the settings in the config at `path`, and the budget from which the application of rules is taken."""
        self._settings = settings
        self._branch = branch
        self._budget = tree_budget
        self._path = path
        self._matcher = PatternMatcher(tree_budget, path)
        self._ignored_names = frozenset(settings.ignored_names)
        self._managers = {each.manager: each for each in settings.managers}
        self._is_read_by_file: dict[tuple[str, FilePath], bool] = {}
        self._is_disabled = settings.settings.enabled is False or not self._is_branch_included()

    def can_update(self, reference: Reference) -> bool:
        """Return True if Renovate updates an image reference, or if this is uncertain."""
        if self._is_disabled:
            return False
        managers = [
            manager
            for manager in (*list_managers(reference), CUSTOM_MANAGER)
            if self._is_read_by(manager, reference.path)
        ]
        return any(self._is_updated_by(manager, reference) for manager in managers)

    def can_be_enabled_by_preset(self, reference: Reference) -> bool:
        """Return True if Renovate may update an image reference because of a preset that basebump cannot read.

        Call this only if `can_update` returns False.
        """
        if not self._settings.unread_presets or self._is_disabled:
            return False
        return any(
            self._is_enabled(manager.manager)
            and self._is_path_included(reference.path, self._get_manager_settings(manager))
            for manager in list_managers(reference)
        )

    def _is_branch_included(self) -> bool:
        patterns, branch = self._settings.branches, self._branch
        if branch is None:
            return True
        if not patterns or (branch.is_default and _DEFAULT_BRANCH in patterns):
            return branch.is_default
        return branch.branch in patterns or self._matcher.can_match_any(patterns, branch.branch)

    def _get_manager_settings(self, manager: FileManager) -> ManagerSettings:
        return self._managers.get(manager.manager, ManagerSettings(manager.manager))

    def _is_read_by(self, manager: FileManager, path: FilePath) -> bool:
        key = manager.manager, path
        if key not in self._is_read_by_file:
            manager_settings = self._get_manager_settings(manager)
            self._is_read_by_file[key] = (
                self._is_enabled(manager.manager)
                and self._is_path_included(path, manager_settings)
                and (
                    self._can_get_files_from_preset(manager)
                    or self._matcher.can_match_any(self._list_file_patterns(manager, manager_settings), path)
                )
            )
        return self._is_read_by_file[key]

    def _list_file_patterns(self, manager: FileManager, manager_settings: ManagerSettings) -> Sequence[str]:
        return (
            self._settings.custom_manager_patterns
            if manager is CUSTOM_MANAGER
            else (*manager.files, *manager_settings.patterns)
        )

    def _can_get_files_from_preset(self, manager: FileManager) -> bool:
        """Return True if a preset that basebump cannot read may define which files a manager reads.

        By default, some managers read no files, for example the one for Kubernetes. A preset may select files for such
        a manager. basebump assumes this only if a rule in the config names the manager or the datasource `docker`.
        """
        is_open = bool(self._settings.unread_presets) and not manager.files and manager is not CUSTOM_MANAGER
        return is_open and not self._settings.named_in_rules.isdisjoint({manager.manager, _DATASOURCE})

    def _is_enabled(self, manager: str) -> bool:
        enabled = self._settings.enabled_managers
        return not enabled or self._matcher.can_match_any(enabled, manager)

    def _is_path_included(self, path: FilePath, manager_settings: ManagerSettings) -> bool:
        settings = self._settings
        ignored = settings.ignored_paths if manager_settings.ignored_paths is None else manager_settings.ignored_paths
        included = (
            settings.included_paths if manager_settings.included_paths is None else manager_settings.included_paths
        )
        is_ignored = any(pattern in path or self._matcher.is_match(pattern, path) for pattern in ignored)
        return not is_ignored and (not included or path in included or self._matcher.can_match_any(included, path))

    def _is_updated_by(self, manager: FileManager, reference: Reference) -> bool:
        names = _list_names(reference.image)
        if not names.isdisjoint(self._ignored_names):
            return False
        manager_settings = self._get_manager_settings(manager)
        pins = manager.adds_digests and self._settings.settings.pin_digests is True
        state = _EffectiveSettings(manager.is_enabled, pins)
        state.apply(manager_settings.settings, is_certain=True)
        matching_rules = list(self._list_matching_rules(manager, reference, names))
        for rule, is_certain in matching_rules:
            if rule.update_types is None:
                state.apply(rule.settings, is_certain=is_certain)
        if not state.is_enabled:
            return False
        possible = list_version_updates(reference.image, knows_codenames=True)
        possible |= list_digest_updates(reference.image, adds_digests=state.adds_digests)
        settings_by_update = (*self._settings.settings.by_update_type, *manager_settings.settings.by_update_type)
        return any(self._is_update_enabled(update_type, matching_rules, settings_by_update) for update_type in possible)

    def _list_matching_rules(
        self, manager: FileManager, reference: Reference, names: frozenset[str]
    ) -> Iterator[tuple[PackageRule, bool]]:
        """Yield each rule that matches or may match an image reference, with True if the match is certain.

        `manager` is the manager that reads the reference, and `names` are the names that rules can use for the image.
        """
        branches = frozenset() if self._branch is None else frozenset({self._branch.branch})
        for rule in self._settings.rules:
            self._budget.spend_steps(1, self._path)
            matchers = (
                (rule.names, names),
                (rule.files, {reference.path}),
                (rule.tags, {reference.image.tag or ""}),
                (rule.branches, branches),
            )
            is_manager_match = match_manager(self._matcher, rule, manager)
            if is_manager_match is False:
                continue
            is_certain = rule.is_certain and is_manager_match is True
            for patterns, values in matchers:
                found = self._matcher.match_all_spellings(patterns, values)
                if found is False:
                    break
                is_certain = is_certain and found is True
            else:
                yield rule, is_certain

    def _is_update_enabled(
        self,
        update_type: BotUpdateType,
        matching_rules: Sequence[tuple[PackageRule, bool]],
        settings_by_update: Sequence[tuple[BotUpdateType, bool]],
    ) -> bool:
        """Return True if Renovate makes updates of type `update_type` (such as `major`) for an image.

        Args:
            update_type: The type of update.
            matching_rules: The rules that match or may match the image. The second value is True if the match is
                certain.
            settings_by_update: The settings outside of rules that enable (True) or disable (False) an update type.
        """
        self._budget.spend_steps(len(matching_rules) + len(settings_by_update), self._path)
        state = _EffectiveSettings(is_enabled=True, adds_digests=False)
        is_kind_enabled = dict(settings_by_update).get(update_type)
        for rule, is_certain in matching_rules:
            is_match = (
                True if rule.update_types is None else self._matcher.is_list_match(rule.update_types, update_type)
            )
            if is_match is not False:
                state.apply(rule.settings, is_certain=is_certain and is_match is True)
                rule_setting = dict(rule.settings.by_update_type).get(update_type)
                is_kind_enabled = (
                    is_kind_enabled if rule_setting is None or not (is_certain or rule_setting) else rule_setting
                )
        return state.is_enabled if is_kind_enabled is None else is_kind_enabled and state.is_enabled


def _list_names(image: ImageName) -> frozenset[str]:
    """Return the names of an image that Renovate rules can use: as written, and without `docker.io/` and `library/`."""
    name = image.name
    is_written_out = image.has_registry_host and image.host == DOCKER_HUB
    names = {name, name.partition("/")[2]} if is_written_out else {name}
    return frozenset({*names, *(each.removeprefix(_OFFICIAL) for each in names)})
