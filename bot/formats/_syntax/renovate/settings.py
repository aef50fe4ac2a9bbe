"""Read the settings that affect images from a Renovate config and its presets.

Each preset is a layer of settings below the config itself, which is the last layer. Later layers take precedence. See
https://docs.renovatebot.com/configuration-options/. Options with the names of older releases are read as Renovate
migrates them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from bot.formats._syntax.renovate.presets import DEFAULT_IGNORED_PATHS, ConfigLayer, list_texts, resolve_presets
from bot.model.updater import BotUpdateType, ManagerSettings, PackageRule, RenovateSettings, UpdateTypeSettings

_DOCKER = "docker"
_ALL = "*"
_NAME_KINDS = ("Package", "Dep")
_CUSTOM_MANAGER_OPTIONS = ("customManagers", "regexManagers")
_NAME_MATCHERS = (
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
"""Options that match names, including options of older releases. Each has the form that its values take in the current
options."""
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
_FORMER_MATCHERS = {
    "baseBranchList": "matchBaseBranches",
    "datasources": "matchDatasources",
    "depTypeList": "matchDepTypes",
    "languages": "matchLanguages",
    "managers": "matchManagers",
    "packageNames": "matchPackageNames",
    "packagePatterns": "matchPackagePatterns",
    "paths": "matchPaths",
    "sourceUrlPrefixes": "matchSourceUrlPrefixes",
    "updateTypes": "matchUpdateTypes",
}
"""The names of conditions in older releases, with their later names."""
_USAGE_MATCHERS = ("matchManagers", "matchDatasources")
_KNOWN_MATCHERS = frozenset({*_MATCHERS, *(key for key, _ in _NAME_MATCHERS)})
_MATCHER_PREFIXES = ("match", "exclude")
"""Prefixes of the options that decide to which images a rule applies."""


def read_renovate_settings(config: ConfigLayer) -> RenovateSettings:
    """Return the settings of a config, combined with the settings of its presets."""
    layers, unread_presets = resolve_presets(config)
    blocks: dict[str, list[ConfigLayer]] = defaultdict(list)
    for layer in layers:
        for name, value in layer.items():
            if isinstance(value, dict):
                blocks[name].append(value)
    ignored_paths = _get_last(layers, "ignorePaths")
    return RenovateSettings(
        settings=_merge_settings(map(_read_update_types, layers)),
        managers=tuple(
            _read_manager(name, blocks[name]) for name in sorted(blocks.keys() - {move.value for move in BotUpdateType})
        ),
        enabled_managers=_get_last(layers, "enabledManagers") or (),
        ignored_paths=DEFAULT_IGNORED_PATHS if ignored_paths is None else ignored_paths,
        included_paths=_get_last(layers, "includePaths") or (),
        ignored_names=tuple(name for layer in layers for name in _get_texts(layer, "ignoreDeps")),
        rules=tuple(rule for layer in layers for rule in _list_rules(layer)),
        branches=_get_last(layers, "baseBranchPatterns", "baseBranches") or (),
        custom_manager_patterns=tuple(pattern for layer in layers for pattern in _list_custom_patterns(layer)),
        unread_presets=tuple(unread_presets),
        named_in_rules=frozenset(
            name for rule in list_package_rules(config) for key in _USAGE_MATCHERS for name in _get_texts(rule, key)
        ),
    )


def _read_manager(name: str, manager_layers: Sequence[ConfigLayer]) -> ManagerSettings:
    return ManagerSettings(
        name,
        _merge_settings(map(_read_update_types, manager_layers)),
        tuple(pattern for layer in manager_layers for pattern in _list_file_patterns(layer)),
        _get_last(manager_layers, "ignorePaths"),
        _get_last(manager_layers, "includePaths"),
    )


def _list_file_patterns(layer: ConfigLayer) -> Iterator[str]:
    yield from _get_texts(layer, "managerFilePatterns")
    yield from (f"/{pattern}/" for pattern in _get_texts(layer, "fileMatch"))


def _list_custom_patterns(layer: ConfigLayer) -> Iterator[str]:
    """Yield the file patterns of custom managers that find images.

    A custom manager searches files for dependencies with regular expressions.
    """
    for option in _CUSTOM_MANAGER_OPTIONS:
        managers = layer.get(option)
        for manager in managers if isinstance(managers, list) else ():
            if isinstance(manager, dict) and manager.get("datasourceTemplate") == _DOCKER:
                yield from _list_file_patterns(manager)


def _list_rules(layer: ConfigLayer) -> Iterator[PackageRule]:
    """Yield the package rules in one layer that enable or disable updates, or the pinning of digests.

    Rules that only affect how updates are made, for example their labels, are left out.
    """
    docker = layer.get(_DOCKER)
    if isinstance(docker, dict):  # older releases used this block instead of a rule
        yield PackageRule(_read_update_types(docker), datasources=(_DOCKER,))
    for rule in list_package_rules(layer):
        if (settings := _read_update_types(rule)) != UpdateTypeSettings():
            yield read_package_rule(rule, settings)


def list_package_rules(layer: ConfigLayer) -> list[ConfigLayer]:
    """Return the package rules of a layer."""
    rules = layer.get("packageRules")
    return [rule for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []


def rename_former_matchers(rule: ConfigLayer) -> ConfigLayer:
    """Return a package rule with the later names of its conditions, as Renovate migrates them."""
    return {_FORMER_MATCHERS.get(name, name): value for name, value in rule.items()}


def read_package_rule(rule: ConfigLayer, settings: UpdateTypeSettings) -> PackageRule:
    """Return a package rule with the conditions of `rule`, and with `settings`."""
    rule = rename_former_matchers(rule)
    names = tuple(_make_pattern(form, each) for key, form in _NAME_MATCHERS for each in _get_texts(rule, key))
    matchers = {key for key in rule if key.startswith(_MATCHER_PREFIXES)}
    # A rule with `matchDepNames` and `matchPackageNames` matches both kinds of names, but basebump has only one name
    # for an image. So it is uncertain whether the rule applies.
    kinds_of_names = {"Dep" in key for key, _ in _NAME_MATCHERS if key in matchers}
    return PackageRule(
        settings,
        managers=_get_patterns(rule, "matchManagers"),
        datasources=_get_patterns(rule, "matchDatasources"),
        categories=_get_patterns(rule, "matchCategories", "matchLanguages"),
        names=names or None,
        files=_get_patterns(rule, "matchFileNames"),
        tags=_get_patterns(rule, "matchCurrentValue"),
        branches=_get_patterns(rule, "matchBaseBranches"),
        update_types=_get_patterns(rule, "matchUpdateTypes"),
        dependency_types=_get_patterns(rule, "matchDepTypes"),
        is_certain=bool(matchers)
        and matchers <= _KNOWN_MATCHERS
        and "extends" not in rule
        and len(kinds_of_names) < len(_NAME_KINDS),
    )


def _make_pattern(form: str, name: str) -> str:
    return form.replace("/", "").format(name) if name == _ALL else form.format(name)


def _read_update_types(layer: ConfigLayer) -> UpdateTypeSettings:
    enabled, pin_digests = layer.get("enabled"), layer.get("pinDigests")
    blocks = ((move, layer.get(move.value)) for move in BotUpdateType)
    by_update_type = [(move, block.get("enabled")) for move, block in blocks if isinstance(block, dict)]
    return UpdateTypeSettings(
        enabled if isinstance(enabled, bool) else None,
        pin_digests if isinstance(pin_digests, bool) else None,
        tuple((move, is_on) for move, is_on in by_update_type if isinstance(is_on, bool)),
    )


def _merge_settings(settings: Iterable[UpdateTypeSettings]) -> UpdateTypeSettings:
    merged = UpdateTypeSettings()
    for each in settings:
        merged = UpdateTypeSettings(
            merged.enabled if each.enabled is None else each.enabled,
            merged.pin_digests if each.pin_digests is None else each.pin_digests,
            merged.by_update_type + each.by_update_type,
        )
    return merged


def _get_last(layers: Iterable[ConfigLayer], *options: str) -> tuple[str, ...] | None:
    """Return the value of an option from the last layer that sets it, or None if no layer sets it.

    `options` are the current name and the former names of the option.
    """
    option_values = [_get_texts(layer, option) for layer in layers for option in options if option in layer]
    return option_values[-1] if option_values else None


def _get_patterns(rule: ConfigLayer, *options: str) -> tuple[str, ...] | None:
    return _get_last([rule], *options) or None


def _get_texts(layer: ConfigLayer, option: str) -> tuple[str, ...]:
    return tuple(list_texts(layer.get(option)))
