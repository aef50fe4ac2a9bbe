"""Whether Renovate updates an image according to its config; if this is uncertain, the answer is yes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.core.places.patterns import matches, matches_all_of
from bot.core.places.relate.moves import digest_moves, version_moves
from bot.core.places.relate.renovate.managers import CUSTOM, FileManager, managers_of
from bot.model.reference import DOCKER_HUB, ImageReference
from bot.model.remark import TreeBranch
from bot.model.source import FilePath, Occurrence
from bot.model.updater import BotUpdateType, ManagerSettings, PackageRule, RenovateSettings, UpdateTypeSettings

_DATASOURCE = "docker"
_DEFAULT_BRANCH = "$default"
_OFFICIAL = "library/"


@dataclass(slots=True)
class _State:
    """The result of the settings applied so far, in their order."""

    is_on: bool
    pins: bool

    def apply(self, settings: UpdateTypeSettings, *, is_certain: bool) -> None:
        """Apply settings; of those that are not certain to match only what enables updates."""
        if settings.enabled is not None and (is_certain or settings.enabled):
            self.is_on = settings.enabled
        if settings.pin_digests is not None and (is_certain or settings.pin_digests):
            self.pins = settings.pin_digests


class Decisions:
    """Decisions on the references of one tree, by the Renovate config of the repository."""

    def __init__(self, settings: RenovateSettings, branch: TreeBranch | None) -> None:
        self._settings = settings
        self._branch = branch
        self._managers = {each.manager: each for each in settings.managers}
        self._read: dict[tuple[str, FilePath], bool] = {}
        self._is_off = settings.settings.enabled is False or not _is_on(settings.branches, branch)

    def moves(self, place: Occurrence) -> bool:
        """Return True if Renovate may update an occurrence."""
        if self._is_off:
            return False
        managers = [manager for manager in (*managers_of(place), CUSTOM) if self._reads(manager, place.path)]
        return any(self._moved_by(manager, place) for manager in managers)

    def may_be_told_more(self, place: Occurrence) -> bool:
        """Return True if an unread preset may enable an update of an occurrence that this config does not update."""
        if not self._settings.unread_presets or self._is_off:
            return False
        return any(
            self._is_enabled(manager.manager) and self._is_looked_at(place.path, self._said(manager))
            for manager in managers_of(place)
        )

    def _said(self, manager: FileManager) -> ManagerSettings:
        return self._managers.get(manager.manager, ManagerSettings(manager.manager))

    def _reads(self, manager: FileManager, path: FilePath) -> bool:
        key = manager.manager, path
        if key not in self._read:
            said = self._said(manager)
            self._read[key] = (
                self._is_enabled(manager.manager)
                and self._is_looked_at(path, said)
                and (self._may_be_switched_on(manager) or _any(path, self._patterns(manager, said)))
            )
        return self._read[key]

    def _patterns(self, manager: FileManager, said: ManagerSettings) -> Sequence[str]:
        return self._settings.custom_manager_patterns if manager is CUSTOM else (*manager.files, *said.patterns)

    def _may_be_switched_on(self, manager: FileManager) -> bool:
        """Return True if an unread preset may define the files of a manager that the config mentions."""
        is_open = bool(self._settings.unread_presets) and not manager.files and manager is not CUSTOM
        return is_open and not self._settings.named_in_rules.isdisjoint({manager.manager, _DATASOURCE})

    def _is_enabled(self, manager: str) -> bool:
        enabled = self._settings.enabled_managers
        return not enabled or _any(manager, enabled)

    def _is_looked_at(self, path: FilePath, said: ManagerSettings) -> bool:
        settings = self._settings
        ignored = settings.ignored_paths if said.ignored_paths is None else said.ignored_paths
        included = settings.included_paths if said.included_paths is None else said.included_paths
        is_ignored = any(pattern in path or matches(pattern, path) for pattern in ignored)
        return not is_ignored and (not included or path in included or _any(path, included))

    def _moved_by(self, manager: FileManager, place: Occurrence) -> bool:
        names = _names(place.reference)
        if not names.isdisjoint(self._settings.ignored_names):
            return False
        said = self._said(manager)
        pins = manager.pins and self._settings.settings.pin_digests is True
        state = _State(manager.is_on, pins)
        state.apply(said.settings, is_certain=True)
        meant = list(self._meant(manager, place, names))
        for rule, is_certain in meant:
            if rule.update_types is None:
                state.apply(rule.settings, is_certain=is_certain)
        if not state.is_on:
            return False
        possible = version_moves(place.reference, knows_codenames=True)
        possible |= digest_moves(place.reference, pins=state.pins)
        by_themselves = (*self._settings.settings.by_update_type, *said.settings.by_update_type)
        return any(_is_wanted(move, meant, by_themselves) for move in possible)

    def _meant(
        self, manager: FileManager, place: Occurrence, names: frozenset[str]
    ) -> Iterator[tuple[PackageRule, bool]]:
        """Yield the rules that match an occurrence read by a manager, each with whether the match is certain."""
        branches = frozenset() if self._branch is None else frozenset({self._branch.branch})
        for rule in self._settings.rules:
            matchers = (
                (rule.managers, {manager.manager}),
                (rule.datasources, {_DATASOURCE}),
                (rule.names, names),
                (rule.files, {place.path}),
                (rule.tags, {place.reference.tag or ""}),
                (rule.branches, branches),
            )
            is_certain = rule.is_certain
            for patterns, values in matchers:
                found = _describes(patterns, values)
                if found is False:
                    break
                is_certain = is_certain and found is True
            else:
                of_kind = _describes_any(rule.categories, manager.categories)
                if of_kind is not False:
                    yield rule, is_certain and of_kind is True


def _is_wanted(
    move: BotUpdateType, meant: Iterable[tuple[PackageRule, bool]], by_themselves: Sequence[tuple[BotUpdateType, bool]]
) -> bool:
    """Return True if an enabled image has updates of this kind enabled."""
    state = _State(is_on=True, pins=False)
    own = dict(by_themselves).get(move)
    for rule, is_certain in meant:
        about = True if rule.update_types is None else matches_all_of(rule.update_types, move)
        if about is not False:
            state.apply(rule.settings, is_certain=is_certain and about is True)
            said = dict(rule.settings.by_update_type).get(move)
            own = own if said is None or not (is_certain or said) else said
    return state.is_on if own is None else own and state.is_on


def _is_on(patterns: Sequence[str], branch: TreeBranch | None) -> bool:
    if branch is None:
        return True
    if not patterns or (branch.is_default and _DEFAULT_BRANCH in patterns):
        return branch.is_default
    return branch.branch in patterns or _any(branch.branch, patterns)


def _any(value: str, patterns: Iterable[str]) -> bool:
    """Return True if one of the patterns may match a value."""
    return any(matches_all_of([pattern], value) is not False for pattern in patterns)


def _describes(patterns: Sequence[str] | None, values: Iterable[str]) -> bool | None:
    """Return True if the patterns match all spellings of a value, False if none; None if uncertain or not known."""
    if patterns is None:
        return True
    answers = {matches_all_of(patterns, value) for value in values}
    return answers.pop() if len(answers) == 1 else None


def _describes_any(patterns: Sequence[str] | None, values: Iterable[str]) -> bool | None:
    """Return True if the patterns match one of several values, False if none; None if uncertain."""
    if patterns is None:
        return True
    answers = {matches_all_of(patterns, value) for value in values}
    return True if True in answers else (None if None in answers else False)


def _names(reference: ImageReference) -> frozenset[str]:
    """Return the names that Renovate may use for an image."""
    name = reference.name
    is_written_out = reference.has_registry_host and reference.host == DOCKER_HUB
    names = {name, name.partition("/")[2]} if is_written_out else {name}
    return frozenset({*names, *(each.removeprefix(_OFFICIAL) for each in names)})
