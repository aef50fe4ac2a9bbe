"""Translates the settings about images in a Renovate config to rules of basebump.

See https://docs.renovatebot.com/configuration-options/. In Renovate, the last package rule that sets an option applies.
In basebump, the first rule that sets a key applies. The translated rules are therefore in the reverse order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping

from bot.core.references.relate.renovate.managers import list_formats_of_manager
from bot.formats._syntax.renovate.presets import (
    ConfigLayer,
    PlainValue,
    is_examined_preset,
    list_texts,
    resolve_presets,
)
from bot.model.source import FilePath
from bot.starter.renovate_keys import TRANSLATED_OPTIONS, translate_options
from bot.starter.translation import (
    BotTranslation,
    RuleValue,
    TranslatedRule,
    UntranslatableError,
    UntranslatedSetting,
    convert_image_name,
    convert_path_glob,
    drop_hidden_keys,
    find_update_limit,
)

HANDOVER_RULE = '{"description": "basebump updates images", "matchDatasources": ["docker"], "enabled": false}'
_DATASOURCE = "docker"
_VENDORED_FOLDERS = frozenset({"**/node_modules/**", "**/bower_components/**", "**/vendor/**"})
"""The folders that basebump always ignores, so that no rule is needed for them."""
_NAME_OPTIONS = ("matchPackageNames", "matchDepNames")
_UPDATE_TYPES = "matchUpdateTypes"
_CONDITIONS = frozenset(
    {*_NAME_OPTIONS, _UPDATE_TYPES, "matchDatasources", "matchManagers", "matchFileNames", "matchBaseBranches"}
)
_VERSION_TYPES = ("major", "minor", "patch")
_TYPE_OPTIONS = frozenset({"enabled", "automerge"})
"""The options that can be translated in a rule about some kinds of updates."""
_HANDLED_OPTIONS = frozenset(
    {"$schema", "description", "extends", "packageRules", "ignoreDeps", "ignorePaths", "ignorePresets", "timezone"}
)
_PRESET = re.compile(r"(?:default)?(?P<name>[a-zA-Z]*:[\w-]+)(?:\((?P<arguments>[^()]*)\))?")
_SCHEDULES = {
    "schedule:daily": ("* 0-3 * * *",),
    "schedule:weekly": ("* 0-3 * * 1",),
    "schedule:earlyMondays": ("* 0-3 * * 1",),
    "schedule:monthly": ("* 0-3 1 * *",),
    "schedule:quarterly": ("* * 1 */3 *",),
    "schedule:yearly": ("* * 1 */12 *",),
    "schedule:weekdays": ("* * * * 1-5",),
    "schedule:weekends": ("* * * * 0,6",),
    "schedule:officeHours": ("* 8-17 * * 1-5",),
    "schedule:nonOfficeHours": ("* 0-4,22-23 * * 1-5", "* * * * 0,6"),
}
_PRESET_LAYERS: Mapping[str, Callable[[list[str]], ConfigLayer]] = {
    ":label": lambda arguments: {"labels": list(arguments[:1])},
    ":labels": lambda arguments: {"labels": list(arguments)},
    ":reviewer": lambda arguments: {"reviewers": list(arguments[:1])},
    ":assignee": lambda arguments: {"assignees": list(arguments[:1])},
    ":assignAndReview": lambda arguments: {"assignees": list(arguments[:1]), "reviewers": list(arguments[:1])},
    ":timezone": lambda arguments: {"timezone": "".join(arguments[:1])},
    ":rebaseStalePrs": lambda _: {"rebaseWhen": "behind-base-branch"},
    ":automergeDigest": lambda _: {"packageRules": [{"matchUpdateTypes": ["digest"], "automerge": True}]},
    ":automergePatch": lambda _: {"packageRules": [{"matchUpdateTypes": ["patch"], "automerge": True}]},
    ":automergeMinor": lambda _: {"packageRules": [{"matchUpdateTypes": ["minor", "patch"], "automerge": True}]},
    ":automergeMajor": lambda _: {"automerge": True},
    ":automergeAll": lambda _: {"automerge": True},
}
"""The settings of Renovate's built-in presets for which basebump has an equivalent option.

See https://docs.renovatebot.com/presets-default/ and https://docs.renovatebot.com/presets-schedule/.
"""


class _IrrelevantRuleError(Exception):
    """Raised if a package rule does not apply to images."""


def translate_renovate(path: FilePath, config: ConfigLayer, images: Collection[str]) -> BotTranslation:
    """Translate the config at `path`.

    `images` are the canonical repositories of all images in the folder. Some package rules name packages without the
    datasource of images. Such a rule is translated only if it names one of these images.
    """
    return _RenovateTranslator(path, images).translate(config)


class _RenovateTranslator:
    def __init__(self, path: FilePath, images: Collection[str]) -> None:
        self._path = path
        self._images = frozenset(images)
        self._untranslated: list[UntranslatedSetting] = []
        self._timezone = "UTC"
        self._labels: list[str] = []
        """The labels that the config sets for all updates."""

    def translate(self, config: ConfigLayer) -> BotTranslation:
        expanded, other_presets = _expand_presets(config)
        resolved, unread_presets = resolve_presets({**config, "extends": list[PlainValue](other_presets)})
        layers = [*resolved[:-1], *expanded, config]
        self._timezone = next((zone for each in reversed(layers) if (zone := _get_text(each, "timezone"))), "UTC")
        self._labels = next((list_texts(each["labels"]) for each in reversed(layers) if "labels" in each), [])
        self._report_presets([*unread_presets, *other_presets])
        package_rules = [
            (f"packageRules[{number}]" if layer is config else "a preset in extends", rule)
            for layer in layers
            for number, rule in _list_package_rules(layer)
        ]
        rules = [
            *self._translate_ignored(layers),
            *(found for origin, rule in reversed(package_rules) for found in self._translate_rule(origin, rule)),
            *self._translate_layers(layers),
        ]
        return BotTranslation(
            "Renovate",
            self._path,
            tuple(drop_hidden_keys(rules)),
            tuple(self._untranslated),
            f"Add this as the last item of `packageRules` in {self._path}:\n{HANDOVER_RULE}",
        )

    def _translate_ignored(self, layers: list[ConfigLayer]) -> Iterator[TranslatedRule]:
        paths = next((list_texts(each["ignorePaths"]) for each in reversed(layers) if "ignorePaths" in each), [])
        names = [name for layer in layers for name in list_texts(layer.get("ignoreDeps"))]
        found = {
            "path": self._convert_each("ignorePaths", convert_path_glob, set(paths) - _VENDORED_FOLDERS),
            "image": tuple(
                each for each in self._convert_each("ignoreDeps", convert_image_name, names) if each in self._images
            ),
        }
        for (key, globs), option in zip(found.items(), ("ignorePaths", "ignoreDeps"), strict=True):
            if globs:
                yield TranslatedRule(f"{option} of {self._path}", {"ignore": True}, {key: globs})

    def _convert_each(self, option: str, convert: Callable[[str], str], values: Collection[str]) -> tuple[str, ...]:
        converted: dict[str, None] = {}
        for value in sorted(values):
            try:
                converted[convert(value)] = None
            except UntranslatableError as error:
                self._report(option, str(error))
        return tuple(converted)

    def _translate_rule(self, origin: str, rule: ConfigLayer) -> Iterator[TranslatedRule]:
        """Yield the basebump rule for a package rule, if there is one.

        `origin` is the position of the package rule in its config.
        """
        try:
            match = self._translate_conditions(rule)
            keys = _translate_types(rule) if _UPDATE_TYPES in rule else self._translate_keys(origin, rule)
        except _IrrelevantRuleError:
            return
        except UntranslatableError as error:
            self._report(origin, str(error))
            return
        if "addLabels" in rule:
            labels = keys.get("labels", ())
            keys = {**keys, "labels": (*(labels if isinstance(labels, tuple) else ()), *self._labels)}
        if keys:
            yield TranslatedRule(f"{origin} of {self._path}", keys, match)

    def _translate_conditions(self, rule: ConfigLayer) -> Mapping[str, tuple[str, ...]]:
        """Return the condition of the basebump rule.

        Raises _IrrelevantRuleError if the package rule does not apply to images, and UntranslatableError if basebump
        has no such condition.
        """
        is_about_images = self._is_about_images(rule)
        formats = _translate_managers(list_texts(rule.get("matchManagers")))
        names = [name for option in _NAME_OPTIONS for name in list_texts(rule.get(option)) if name not in {"*", "**"}]
        unknown = sorted(
            key
            for key in rule
            if key.startswith(("match", "exclude")) and key not in {*_CONDITIONS, "matchUpdateTypes"}
        )
        if not is_about_images and not formats and not self._names_known_image(names) and (names or unknown):
            raise _IrrelevantRuleError
        if unknown:
            raise UntranslatableError(f"basebump has no condition like {', '.join(unknown)}")
        match = {
            "image": tuple(dict.fromkeys(map(convert_image_name, names))),
            "format": formats,
            "path": tuple(map(convert_path_glob, list_texts(rule.get("matchFileNames")))),
            "base_branch": tuple(map(convert_path_glob, list_texts(rule.get("matchBaseBranches")))),
        }
        return {key: globs for key, globs in match.items() if globs}

    def _is_about_images(self, rule: ConfigLayer) -> bool:
        """Return True if a rule names the datasource of images.

        Raises _IrrelevantRuleError if the rule names only other datasources.
        """
        datasources = list_texts(rule.get("matchDatasources"))
        if datasources and _DATASOURCE not in datasources and not any(set("*/!{") & set(each) for each in datasources):
            raise _IrrelevantRuleError
        return _DATASOURCE in datasources

    def _names_known_image(self, names: list[str]) -> bool:
        for name in names:
            try:
                if convert_image_name(name) in self._images:
                    return True
            except UntranslatableError:
                continue
        return False

    def _translate_keys(self, origin: str, layer: ConfigLayer) -> Mapping[str, RuleValue]:
        keys, problems = translate_options(layer, self._timezone)
        others = sorted(
            key
            for key in layer.keys() - TRANSLATED_OPTIONS - _HANDLED_OPTIONS
            if origin and not key.startswith(("match", "exclude"))
        )
        if others:
            self._report(origin, f"basebump has no options like {', '.join(others)}")
        for option, reason in problems.items():
            self._report(f"{origin}, {option}" if origin else option, reason)
        return keys

    def _translate_layers(self, layers: list[ConfigLayer]) -> Iterator[TranslatedRule]:
        """Yield the rules for the settings of the whole config, and a rule for the kinds of updates."""
        merged: dict[str, PlainValue] = {}
        for layer in layers:
            merged.update(layer)
        others = sorted(merged.keys() - TRANSLATED_OPTIONS - _HANDLED_OPTIONS - set(_VERSION_TYPES))
        if others:
            self._report("the other options", f"they were not examined: {', '.join(others)}")
        if keys := self._translate_keys("", merged):
            yield TranslatedRule(f"the options of {self._path}", keys)
        disabled = [each for each in _VERSION_TYPES if _is_disabled(merged.get(each))]
        yield TranslatedRule(
            f"the kinds of updates that {self._path} enables",
            {"update": find_update_limit(disabled) if disabled else "major"},
        )

    def _report_presets(self, presets: list[str]) -> None:
        if others := [each for each in dict.fromkeys(presets) if not is_examined_preset(each)]:
            self._report("extends", f"these presets were not examined: {', '.join(others)}")

    def _report(self, origin: str, reason: str) -> None:
        self._untranslated.append(UntranslatedSetting(f"{origin} of {self._path}", reason))


def _translate_types(rule: ConfigLayer) -> Mapping[str, RuleValue]:
    """Return the keys for a rule about some kinds of updates.

    Raises UntranslatableError if basebump cannot set them only for these kinds of updates.
    """
    types = list_texts(rule.get(_UPDATE_TYPES))
    others = sorted(
        key for key in rule if not key.startswith("match") and key not in {*_TYPE_OPTIONS, *_HANDLED_OPTIONS}
    )
    if others:
        raise UntranslatableError(f"basebump cannot set {', '.join(others)} for some kinds of updates only")
    if rule.get("enabled") is False:
        return {"update": find_update_limit(types)}
    if rule.get("automerge") is True:
        version_types = [each for each in _VERSION_TYPES if each in types]
        return {"automerge": {"max_update": version_types[0] if version_types else "digest"}}
    raise UntranslatableError("basebump cannot enable some kinds of updates only")


def _translate_managers(managers: list[str]) -> tuple[str, ...]:
    """Return the formats that managers read. Raises _IrrelevantRuleError if no manager reads images."""
    formats = {each: list_formats_of_manager(each) for each in managers}
    if managers and not any(formats.values()):
        raise _IrrelevantRuleError
    return tuple(dict.fromkeys(name for names in formats.values() for name in names))


def _is_disabled(block: PlainValue) -> bool:
    return isinstance(block, dict) and block.get("enabled") is False


def _list_package_rules(layer: ConfigLayer) -> Iterator[tuple[int, ConfigLayer]]:
    """Yield the package rules of a layer, with their numbers."""
    rules = layer.get("packageRules")
    for number, rule in enumerate(rules if isinstance(rules, list) else ()):
        if isinstance(rule, dict):
            yield number, rule


def _get_text(layer: ConfigLayer, option: str) -> str:
    value = layer.get(option)
    return value if isinstance(value, str) else ""


def _expand_presets(config: ConfigLayer) -> tuple[list[ConfigLayer], list[str]]:
    """Return the settings of the presets in `_PRESET_LAYERS` and `_SCHEDULES`, and the names of all other presets."""
    layers: list[ConfigLayer] = []
    others: list[str] = []
    for preset in list_texts(config.get("extends")):
        match = _PRESET.fullmatch(preset)
        name = match["name"] if match else ""
        arguments = [each.strip() for each in (match["arguments"] or "").split(",")] if match else []
        if name in _PRESET_LAYERS:
            layers.append(_PRESET_LAYERS[name]([each for each in arguments if each]))
        elif name in _SCHEDULES:
            layers.append({"schedule": list(_SCHEDULES[name])})
        else:
            others.append(preset)
    return layers, others
