"""Read the settings for images from the layers of a Renovate config.

https://docs.renovatebot.com/configuration-options/. Names of options from older releases are read as Renovate migrates
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from bot.formats._syntax.renovate.presets import MODULES, Layer, layers_of, texts
from bot.model.updater import BotUpdateType, ManagerSettings, PackageRule, RenovateSettings, UpdateTypeSettings

MAX_RULES = 200
"""Limit on the rules that switch updates on or off; people write some dozens."""
MAX_PATTERNS = 500
"""Limit for one list."""

_DOCKER = "docker"
_ALL = "*"
_KINDS = ("Package", "Dep")
_CUSTOM = ("customManagers", "regexManagers")
_NAMES = (
    ("matchPackageNames", "{}"),
    ("matchPackagePatterns", "/{}/"),
    ("matchPackagePrefixes", "{}**"),
    ("excludePackageNames", "!{}"),
    ("excludePackagePatterns", "!/{}/"),
    ("excludePackagePrefixes", "!{}**"),
    ("matchDepNames", "{}"),
    ("matchDepPatterns", "/{}/"),
    ("matchDepPrefixes", "{}**"),
    ("excludeDepNames", "!{}"),
    ("excludeDepPatterns", "!/{}/"),
    ("excludeDepPrefixes", "!{}**"),
)
"""Matchers of names, including those of older releases, with the form of a pattern in today's matchers."""
_MATCHERS = (
    "matchManagers",
    "matchDatasources",
    "matchCategories",
    "matchLanguages",
    "matchFileNames",
    "matchCurrentValue",
    "matchBaseBranches",
    "matchUpdateTypes",
)
_USES = ("matchManagers", "matchDatasources")
_READ = frozenset({*_MATCHERS, *(key for key, _ in _NAMES)})
_MATCHING = ("match", "exclude")
"""Prefixes of all matchers."""


def settings_of(config: Layer) -> RenovateSettings:
    """Return the settings of a config and its presets."""
    layers, unread = layers_of(config)
    managers = {name for layer in layers for name, value in layer.items() if isinstance(value, dict)}
    ignored_paths = _last(layers, "ignorePaths")
    return RenovateSettings(
        settings=_merged(map(_moves, layers)),
        managers=tuple(_manager(name, layers) for name in sorted(managers - {move.value for move in BotUpdateType})),
        enabled_managers=_last(layers, "enabledManagers") or (),
        ignored_paths=MODULES if ignored_paths is None else ignored_paths,
        included_paths=_last(layers, "includePaths") or (),
        ignored_names=tuple(name for layer in layers for name in _texts(layer, "ignoreDeps")),
        rules=tuple(islice((rule for layer in layers for rule in _rules(layer)), MAX_RULES)),
        branches=_last(layers, "baseBranchPatterns", "baseBranches") or (),
        custom_manager_patterns=tuple(pattern for layer in layers for pattern in _searched(layer)),
        unread_presets=tuple(unread),
        named_in_rules=frozenset(name for rule in _package_rules(config) for key in _USES for name in _texts(rule, key)),
    )


def _manager(name: str, layers: Iterable[Layer]) -> ManagerSettings:
    said = [value for layer in layers if isinstance(value := layer.get(name), dict)]
    return ManagerSettings(
        name,
        _merged(map(_moves, said)),
        tuple(pattern for layer in said for pattern in _file_patterns(layer)),
        _last(said, "ignorePaths"),
        _last(said, "includePaths"),
    )


def _file_patterns(layer: Layer) -> Iterator[str]:
    yield from _texts(layer, "managerFilePatterns")
    yield from (f"/{pattern}/" for pattern in _texts(layer, "fileMatch"))


def _searched(layer: Layer) -> Iterator[str]:
    """Yield the files in which custom managers find images by regular expressions."""
    for option in _CUSTOM:
        managers = layer.get(option)
        for manager in managers if isinstance(managers, list) else ():
            if isinstance(manager, dict) and manager.get("datasourceTemplate") == _DOCKER:
                yield from _file_patterns(manager)


def _rules(layer: Layer) -> Iterator[PackageRule]:
    """Yield the rules that switch updates on or off; other rules only affect how updates are made."""
    docker = layer.get(_DOCKER)
    if isinstance(docker, dict):  # older releases had this block in place of a rule
        yield PackageRule(_moves(docker), datasources=(_DOCKER,))
    for rule in _package_rules(layer):
        if (settings := _moves(rule)) != UpdateTypeSettings():
            yield _rule(rule, settings)


def _package_rules(layer: Layer) -> list[Layer]:
    rules = layer.get("packageRules")
    return [rule for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []


def _rule(rule: Layer, settings: UpdateTypeSettings) -> PackageRule:
    names = tuple(_as_pattern(form, each) for key, form in _NAMES for each in _texts(rule, key))
    matchers = {key for key in rule if key.startswith(_MATCHING)}
    # An image has a name of one of the two kinds, so a rule with matchers for both is uncertain.
    kinds_of_names = {"Dep" in key for key, _ in _NAMES if key in matchers}
    return PackageRule(
        settings,
        managers=_patterns(rule, "matchManagers"),
        datasources=_patterns(rule, "matchDatasources"),
        categories=_patterns(rule, "matchCategories", "matchLanguages"),
        names=names or None,
        files=_patterns(rule, "matchFileNames"),
        tags=_patterns(rule, "matchCurrentValue"),
        branches=_patterns(rule, "matchBaseBranches"),
        update_types=_patterns(rule, "matchUpdateTypes"),
        is_certain=bool(matchers) and matchers <= _READ and "extends" not in rule and len(kinds_of_names) < len(_KINDS),
    )


def _as_pattern(form: str, name: str) -> str:
    return form.replace("/", "").format(name) if name == _ALL else form.format(name)


def _moves(layer: Layer) -> UpdateTypeSettings:
    enabled, pins = layer.get("enabled"), layer.get("pinDigests")
    blocks = ((move, layer.get(move.value)) for move in BotUpdateType)
    of_moves = [(move, block.get("enabled")) for move, block in blocks if isinstance(block, dict)]
    return UpdateTypeSettings(
        enabled if isinstance(enabled, bool) else None,
        pins if isinstance(pins, bool) else None,
        tuple((move, is_on) for move, is_on in of_moves if isinstance(is_on, bool)),
    )


def _merged(settings: Iterable[UpdateTypeSettings]) -> UpdateTypeSettings:
    merged = UpdateTypeSettings()
    for each in settings:
        merged = UpdateTypeSettings(
            merged.enabled if each.enabled is None else each.enabled,
            merged.pin_digests if each.pin_digests is None else each.pin_digests,
            merged.by_update_type + each.by_update_type,
        )
    return merged


def _last(layers: Iterable[Layer], *options: str) -> tuple[str, ...] | None:
    """Return the value in the last layer that has the option; None if no layer has it."""
    said = [_texts(layer, option) for layer in layers for option in options if option in layer]
    return said[-1] if said else None


def _patterns(rule: Layer, *options: str) -> tuple[str, ...] | None:
    return _last([rule], *options) or None


def _texts(layer: Layer, option: str) -> tuple[str, ...]:
    return tuple(islice(texts(layer.get(option)), MAX_PATTERNS))
