"""Translates the settings about images in a Renovate config to rules of basebump.

See https://docs.renovatebot.com/configuration-options/. In Renovate, the last package rule that sets an option applies.
In basebump, the first rule that sets a key applies. The translated rules are therefore in the reverse order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.core.budgets import TreeBudget
from bot.core.references.relate.renovate.managers import has_all_formats, match_formats
from bot.core.references.relate.renovate.patterns import PatternMatcher
from bot.formats._syntax.renovate.presets import (
    ConfigLayer,
    PlainValue,
    is_examined_preset,
    list_texts,
    resolve_presets,
)
from bot.formats._syntax.renovate.settings import read_package_rule, rename_former_matchers
from bot.model.source import FilePath
from bot.model.updater import BotUpdateType, PackageRule, UpdateTypeSettings
from bot.starter.image_globs import convert_conditions, convert_globs, convert_names, is_name_match
from bot.starter.permissions import (
    ALL_PARTS,
    INCLUDED,
    VERSION_TYPES,
    Effect,
    Match,
    Step,
    apply_effect,
    combine_steps,
    evaluate_key,
    read_effect,
)
from bot.starter.renovate_keys import TRANSLATED_OPTIONS, translate_options
from bot.starter.renovate_limits import (
    WAITING_OPTIONS,
    list_merge_limits,
    list_unknown_limits,
    list_version_limits,
    list_waiting_options,
)
from bot.starter.translation import (
    BotTranslation,
    RuleValue,
    TranslatedRule,
    UntranslatableError,
    UntranslatedSetting,
    convert_image_name,
    drop_automerge,
    drop_hidden_keys,
)

HANDOVER_RULE = '{"description": "basebump updates images", "matchDatasources": ["docker"], "enabled": false}'
MAX_PACKAGE_RULES = 1_000
"""Limit on the package rules of a config, because each rule is compared with all earlier ones. Configs have dozens."""
_VENDORED_FOLDERS = frozenset({"**/node_modules/**", "**/bower_components/**", "**/vendor/**"})
"""The folders that basebump always ignores, so that no rule is needed for them."""
_UPDATE_TYPES = "matchUpdateTypes"
_SAFETY_OPTIONS = frozenset({"enabled", "automerge", "pinDigests"})
"""The options that `read_effect` reads."""
_SCOPE_OPTIONS = {
    "includePaths": "path",
    "enabledManagers": "format",
    "baseBranches": "base_branch",
    "baseBranchPatterns": "base_branch",
}
"""The options that name all files, managers or branches that Renovate uses, with the key of the basebump condition."""
_DEFAULT_BRANCH = "$default"
_BLOCKS = frozenset(map(str, BotUpdateType))
_PARTIAL_OPTIONS = ("includePaths", "ignorePaths", "ignoreDeps", "packageRules")
"""The options that restrict only some of the images of a manager if they are in the block of the manager."""
_SILENT = "silent"
"""The value of `mode` with which Renovate opens no pull requests."""
_INEXACT = "basebump has no exact equivalent of its conditions"
_HANDLED_OPTIONS = _SAFETY_OPTIONS | frozenset(
    {
        *("$schema", "description", "extends", "packageRules", "ignoreDeps", "ignorePaths", "ignorePresets"),
        *("mode", "timezone"),
    }
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
    ":automergeDigest": lambda _: {"digest": {"automerge": True}},
    ":automergePatch": lambda _: {"patch": {"automerge": True}},
    ":automergeMinor": lambda _: {"minor": {"automerge": True}, "patch": {"automerge": True}},
    ":automergeMajor": lambda _: {"automerge": True},
    ":automergeAll": lambda _: {"automerge": True},
    ":automergeDisabled": lambda _: {"automerge": False},
    ":dependencyDashboardApproval": lambda _: {"dependencyDashboardApproval": True},
    ":approveMajorUpdates": lambda _: {"major": {"dependencyDashboardApproval": True}},
}
"""The settings of Renovate's built-in presets for which basebump has an equivalent option.

See https://docs.renovatebot.com/presets-default/ and https://docs.renovatebot.com/presets-schedule/.
"""


@dataclass(frozen=True, slots=True)
class _Statement:
    """A part of the config that sets options for some images."""

    origin: str
    wide: Match
    """Matches at least the images that the statement is about."""
    narrow: Match | None
    """Matches at most the images that the statement is about; None if no condition is known to do so."""
    effect: Effect
    keys: Mapping[str, RuleValue]
    """The keys that neither permit nor forbid updates, such as `labels`."""


def translate_renovate(
    path: FilePath,
    config: ConfigLayer,
    images: Collection[str],
    lines: Mapping[str, int] | None = None,
    paths: Collection[FilePath] = (),
) -> BotTranslation:
    """Translate the config at `path`. The result allows nothing that the config forbids.

    Args:
        path: The path of the config.
        config: The content of the config.
        images: The canonical repositories of all images in the folder. Some package rules name packages without the
            datasource of images. Such a rule is translated only if it names one of these images.
        lines: The line numbers of the options and the package rules, such as `packageRules[2]`.
        paths: The paths of all files with images in the folder.
    """
    return _RenovateTranslator(path, images, lines or {}, paths).translate(config)


class _RenovateTranslator:
    def __init__(
        self, path: FilePath, images: Collection[str], lines: Mapping[str, int], paths: Collection[FilePath]
    ) -> None:
        self._path, self._paths = path, frozenset(paths)
        self._images = frozenset(images)
        self._lines = lines
        self._matcher = PatternMatcher(TreeBudget(), path)
        self._untranslated: list[UntranslatedSetting] = []
        self._timezone = "UTC"
        self._labels: list[str] = []
        """The labels that the config sets for all updates."""
        self._can_automerge = True

    def translate(self, config: ConfigLayer) -> BotTranslation:
        expanded, other_presets = _expand_presets(config)
        resolved, _ = resolve_presets({**config, "extends": list[PlainValue](other_presets)})
        layers = [*resolved[:-1], *expanded, config]
        self._timezone = next((zone for each in reversed(layers) if (zone := _get_text(each, "timezone"))), "UTC")
        self._labels = next((list_texts(each["labels"]) for each in reversed(layers) if "labels" in each), [])
        unread_presets = [each for each in dict.fromkeys(other_presets) if not is_examined_preset(each)]
        if unread_presets:
            reason = f"these presets were not examined: {', '.join(unread_presets)}; only digests are updated"
            self._forbid_automerge("extends", reason)
        initial, last_rules = self._translate_layers(layers, has_unread_presets=bool(unread_presets))
        statements = [*self._list_manager_statements(layers), *self._list_rule_statements(layers, config)]
        scope = list(self._list_scope_steps(layers))
        rules = [
            *self._translate_ignored(layers),
            *reversed(list(self._translate_statements(initial, scope, statements))),
            *last_rules,
        ]
        if not self._can_automerge:
            rules = drop_automerge(rules)
        return BotTranslation(
            "Renovate",
            self._path,
            tuple(drop_hidden_keys(rules)),
            tuple(self._untranslated),
            f"Add this as the last item of `packageRules` in {self._path}:\n{HANDOVER_RULE}",
            base_branches=next((each.match.get("base_branch", ()) for each in scope), ()),
        )

    def _translate_ignored(self, layers: list[ConfigLayer]) -> Iterator[TranslatedRule]:
        paths = next((list_texts(each["ignorePaths"]) for each in reversed(layers) if "ignorePaths" in each), [])
        names = [name for layer in layers for name in list_texts(layer.get("ignoreDeps"))]
        paths = [each for each in paths if each not in _VENDORED_FOLDERS]
        globs = convert_globs(sorted(paths)).wide if paths else None
        if paths and not globs:
            self._report("ignorePaths", "basebump has no exact equivalent of its patterns, so all images are ignored")
        if globs is not None:
            literal = [f"**{each}**" for each in globs if "*" not in each and "?" not in each]
            match = {"path": (*globs, *literal)} if globs else {}
            yield TranslatedRule(self._locate("ignorePaths"), {"ignore": True}, match)
        if images := self._convert_ignored_names(names):
            yield TranslatedRule(self._locate("ignoreDeps"), {"ignore": True}, {"image": images})

    def _convert_ignored_names(self, values: Collection[str]) -> tuple[str, ...]:
        converted: dict[str, None] = {}
        for value in sorted(values):
            try:
                converted[convert_image_name(value)] = None
            except UntranslatableError as error:
                self._report("ignoreDeps", str(error))
        return tuple(converted)

    def _list_scope_steps(self, layers: list[ConfigLayer]) -> Iterator[Step]:
        """Yield a step that permits updates only in the files, managers and branches that the config names.

        Yield nothing if the config names none. If the names cannot be translated, the step permits nothing.
        """
        if any(each.get("mode") == _SILENT for each in layers):
            self._report("mode", "Renovate opens no pull requests, so all images are ignored")
            yield Step({}, Effect())
            return
        match: dict[str, tuple[str, ...]] = {}
        for option, key in _SCOPE_OPTIONS.items():
            patterns = next((list_texts(each[option]) for each in reversed(layers) if option in each), [])
            if not patterns or (key == "base_branch" and _DEFAULT_BRANCH in patterns):
                continue
            rule = PackageRule(UpdateTypeSettings(), managers=tuple(patterns))
            globs = match_formats(self._matcher, rule)[1] if key == "format" else convert_globs(patterns).narrow
            if not globs:
                self._report(option, "no image can match it in basebump, so all images are ignored")
                yield Step({}, Effect())
                return
            match[key] = globs
        if match:
            yield Step(match, Effect(added=INCLUDED))

    def _list_manager_statements(self, layers: list[ConfigLayer]) -> Iterator[_Statement]:
        """Yield the statements of blocks such as `"dockerfile": {…}`, which set options for one manager."""
        for layer in layers:
            for name, block in layer.items():
                if not isinstance(block, dict) or name in _BLOCKS:
                    continue
                rule = PackageRule(UpdateTypeSettings(), managers=None if name == "docker" else (name,))
                wide, certain = match_formats(self._matcher, rule)
                if not wide:
                    continue
                others = {key: value for key, value in block.items() if key not in _PARTIAL_OPTIONS}
                effect = read_effect(others, None, None)
                self._report_limits(name, others)
                if partial := [option for option in _PARTIAL_OPTIONS if block.get(option) is not None]:
                    effect = Effect(frozenset({("ignore", "on")}) | effect.removed, effect.added)
                    reason = f"basebump has no {', '.join(partial)} for single managers, so these files are ignored"
                    self._report(name, reason)
                if not WAITING_OPTIONS.isdisjoint(block):
                    self._forbid_automerge(name, "its schedule or age cannot be translated")
                yield _Statement(
                    self._locate(name), {"format": wide}, {"format": certain} if certain else None, effect, {}
                )

    def _list_rule_statements(self, layers: list[ConfigLayer], config: ConfigLayer) -> Iterator[_Statement]:
        count = 0
        for layer in layers:
            raw_rules = layer.get("packageRules")
            for number, rule in enumerate(raw_rules if isinstance(raw_rules, list) else ()):
                origin = f"packageRules[{number}]" if layer is config else "a preset in extends"
                count += 1
                if count > MAX_PACKAGE_RULES:
                    self._report(origin, f"only {MAX_PACKAGE_RULES} package rules are read, so all images are ignored")
                    yield _Statement(self._locate(origin), {}, None, Effect(removed=ALL_PARTS), {})
                    return
                if isinstance(rule, dict):
                    yield from self._read_statement(origin, rename_former_matchers(rule), is_own=layer is config)

    def _read_statement(self, origin: str, raw_rule: ConfigLayer, *, is_own: bool) -> Iterator[_Statement]:
        """Yield the statement of a package rule; nothing if the rule is not about images.

        If an own rule names only images that are not in the folder, only its restrictions remain.
        """
        rule = read_package_rule(raw_rule, UpdateTypeSettings())
        formats, certain_formats = match_formats(self._matcher, rule)
        names = convert_names(rule.names, self._matcher, self._images)
        is_known = self._is_about_known_images(rule)
        if not formats or names.wide is None or not (is_known or (is_own and names.wide)):
            return
        files = convert_conditions(rule.files, self._matcher, self._paths)
        branches = convert_conditions(rule.branches, self._matcher, ())
        has_formats = not (has_all_formats(certain_formats) and has_all_formats(formats))
        wide = {
            "image": names.wide,
            "format": () if has_all_formats(formats) else formats,
            "path": files.wide or (),
            "base_branch": branches.wide or (),
        }
        narrow: dict[str, tuple[str, ...] | None] = {
            "image": names.narrow,
            "format": (certain_formats or None) if has_formats else (),
            "path": files.narrow,
            "base_branch": branches.narrow,
        }
        is_narrow_known = rule.is_certain and rule.tags is None and None not in narrow.values()
        possible, certain = self._list_update_types(rule)
        wide_match = {key: globs for key, globs in wide.items() if globs}
        narrow_match = {key: globs for key, globs in narrow.items() if globs} if is_narrow_known else None
        effect = read_effect(raw_rule, possible, certain)
        if not is_known:
            yield _Statement(self._locate(origin), wide_match, None, Effect(effect.removed), {})
            return
        keys = self._translate_rule_keys(origin, raw_rule, is_exact=narrow_match == wide_match)
        statement = _Statement(self._locate(origin), wide_match, narrow_match, effect, keys)
        self._report_inexact(origin, raw_rule, statement, rule)
        yield statement

    def _is_about_known_images(self, rule: PackageRule) -> bool:
        """Return False if a rule names only packages that are no known images, without saying that it is for images."""
        if rule.names is None or not (rule.datasources is rule.managers is rule.categories is None):
            return True
        return any(is_name_match(each, rule.names, self._matcher) is not False for each in self._images)

    def _list_update_types(self, rule: PackageRule) -> tuple[Sequence[str] | None, Sequence[str] | None]:
        if rule.update_types is None:
            return None, None
        answers = {each: self._matcher.is_list_match(rule.update_types, each) for each in BotUpdateType}
        possible = [each for each, answer in answers.items() if answer is not False]
        return possible, [each for each, answer in answers.items() if answer]

    def _translate_rule_keys(self, origin: str, rule: ConfigLayer, *, is_exact: bool) -> Mapping[str, RuleValue]:
        """Return the keys of a package rule that neither permit nor forbid updates."""
        options = {key: value for key, value in rule.items() if key not in _SAFETY_OPTIONS}
        is_typed = _UPDATE_TYPES in rule
        waiting = sorted(WAITING_OPTIONS & options.keys())
        if (is_typed or not is_exact) and waiting:
            self._forbid_automerge(origin, f"basebump cannot set {', '.join(waiting)} for exactly these updates")
        others = sorted(TRANSLATED_OPTIONS & options.keys() - WAITING_OPTIONS)
        if is_typed or not is_exact:
            if others:
                self._report(origin, f"basebump cannot set {', '.join(others)} for exactly these updates")
            return {}
        keys = self._translate_keys(origin, options)
        if "addLabels" in rule:
            labels = keys.get("labels", ())
            keys = {**keys, "labels": (*(labels if isinstance(labels, tuple) else ()), *self._labels)}
        return keys

    def _report_inexact(self, origin: str, raw_rule: ConfigLayer, statement: _Statement, rule: PackageRule) -> None:
        """Report the parts of a package rule for which basebump allows less than Renovate."""
        effect = statement.effect
        if statement.narrow != statement.wide and (effect.removed or effect.added):
            result = "restricts more images" if effect.removed else "permits fewer images"
            self._report(origin, f"{_INEXACT}, so the translation {result}")
        if ("ignore", BotUpdateType.DIGEST) in effect.removed:
            self._report(origin, "basebump cannot exclude only updates of digests, so these images are ignored")
        self._report_limits(origin, raw_rule)
        is_merged = ("automerge", BotUpdateType.DIGEST) in effect.added
        if raw_rule.get("automerge") is True and rule.update_types is not None and not is_merged:
            self._report(origin, "basebump merges newer tags automatically only where it also merges newer digests")

    def _report_limits(self, origin: str, layer: ConfigLayer) -> None:
        """Report the options because of which a part of the config allows less than in Renovate."""
        unknown = list_unknown_limits(layer)
        if unknown:
            reason = f"basebump cannot express {', '.join(unknown)}, so only digests are updated, without automerge"
            self._report(origin or unknown[0], reason)
        if versions := [each for each in list_version_limits(layer) if each not in unknown]:
            reason = f"basebump has no options like {', '.join(versions)}, so only digests are updated"
            self._report(origin or versions[0], reason)
        if merges := [each for each in list_merge_limits(layer) if each not in unknown]:
            self._forbid_automerge(origin or merges[0], f"basebump has no options like {', '.join(merges)}")
        for kind in BotUpdateType:
            if isinstance(block := layer.get(kind), dict):
                where = f"{origin}, {kind}" if origin else str(kind)
                self._report_limits(where, block)
                if waiting := list_waiting_options(block):
                    reason = f"basebump cannot set {', '.join(waiting)} for one type of updates"
                    self._report(where, f"{reason}, so these are not merged automatically")

    def _translate_statements(
        self, initial: frozenset[tuple[str, str]], scope: Sequence[Step], statements: Sequence[_Statement]
    ) -> Iterator[TranslatedRule]:
        """Yield the rules in Renovate's order, in which later rules have precedence."""
        if scope:
            initial -= INCLUDED
            yield TranslatedRule(f"the files that {self._path} includes", {"ignore": True})
        steps: list[Step] = [*scope]
        origins: list[tuple[str, Mapping[str, RuleValue]]] = [(f"the files that {self._path} includes", {})] * len(
            scope
        )
        for each in statements:
            effect = each.effect
            if scope:  # a permission must not include files that Renovate does not read
                effect = Effect(effect.removed, frozenset(part for part in effect.added if part[0] != "ignore"))
            if each.narrow == each.wide:
                steps.append(Step(each.wide, effect))
                origins.append((each.origin, each.keys))
                continue
            steps.append(Step(each.wide, Effect(removed=effect.removed)))
            origins.append((each.origin, {}))
            if each.narrow is not None:
                steps.append(Step(each.narrow, Effect(added=effect.added)))
                origins.append((each.origin, {}))
        for (origin, keys), (match, safety_keys) in zip(origins, combine_steps(initial, steps), strict=True):
            if all_keys := {**safety_keys, **keys}:
                yield TranslatedRule(origin, all_keys, match)

    def _translate_keys(self, origin: str, layer: ConfigLayer) -> Mapping[str, RuleValue]:
        keys, problems = translate_options(layer, self._timezone)
        handled = TRANSLATED_OPTIONS | _HANDLED_OPTIONS | {*list_version_limits(layer), *BotUpdateType}
        others = sorted(key for key in layer.keys() - handled if origin and not key.startswith(("match", "exclude")))
        if others:
            self._report(origin, f"basebump has no options like {', '.join(others)}")
        for option, reason in problems.items():
            where = f"{origin}, {option}" if origin else option
            if option in WAITING_OPTIONS:
                self._forbid_automerge(where, reason)
            else:
                self._report(where, reason)
        return keys

    def _translate_layers(
        self, layers: list[ConfigLayer], *, has_unread_presets: bool
    ) -> tuple[frozenset[tuple[str, str]], list[TranslatedRule]]:
        """Return the parts that the top-level options of the config allow, and the rules for these options."""
        merged: dict[str, PlainValue] = {}
        for layer in layers:
            for key, value in layer.items():
                earlier = merged.get(key)
                if key in _BLOCKS and isinstance(earlier, dict) and isinstance(value, dict):
                    merged[key] = {**earlier, **value}
                else:
                    merged[key] = value
        known = TRANSLATED_OPTIONS | _HANDLED_OPTIONS | {*BotUpdateType, *_SCOPE_OPTIONS}
        limiting = {key: value for key, value in merged.items() if key not in known or key in _BLOCKS}
        reported = {*list_version_limits(limiting), *list_merge_limits(limiting)}
        if others := sorted(
            key for key in merged.keys() - known - reported if not self._is_manager_block(key, merged[key])
        ):
            self._report("the other options", f"basebump has no options like {', '.join(others)}")
        unknown = frozenset(("update", f"open {kind}") for kind in VERSION_TYPES if has_unread_presets)
        safety = {key: value for key, value in merged.items() if key in _SAFETY_OPTIONS}
        parts = apply_effect(ALL_PARTS - unknown, read_effect({**limiting, **safety}, None, None))
        self._report_limits("", limiting)
        self._report_global_limits(merged)
        defaults: dict[str, RuleValue] = {"ignore": False, "pin": True, "automerge": {"max_update": "none"}}
        options = {key: value for key, value in merged.items() if key not in _SAFETY_OPTIONS}
        keys: dict[str, RuleValue] = {
            **self._translate_keys("", options),
            **{key: safe for key in defaults if (safe := evaluate_key(key, parts)) != defaults[key]},
        }
        rules = [TranslatedRule(f"the options of {self._path}", keys)] if keys else []
        limit = evaluate_key("update", parts)
        return parts, [*rules, TranslatedRule(f"the kinds of updates that {self._path} enables", {"update": limit})]

    def _is_manager_block(self, name: str, value: PlainValue) -> bool:
        rule = PackageRule(UpdateTypeSettings(), managers=(name,))
        return isinstance(value, dict) and (name == "docker" or bool(match_formats(self._matcher, rule)[0]))

    def _report_global_limits(self, merged: ConfigLayer) -> None:
        digest = merged.get(BotUpdateType.DIGEST)
        if isinstance(digest, dict) and digest.get("enabled") is False:
            self._report("digest", "basebump cannot exclude only updates of digests, so all images are ignored")

    def _forbid_automerge(self, origin: str, reason: str) -> None:
        """Report an option that delays updates, and merge nothing automatically, because the delay is missing."""
        self._can_automerge = False
        self._report(origin, f"{reason}; nothing is merged automatically")

    def _report(self, origin: str, reason: str) -> None:
        self._untranslated.append(UntranslatedSetting(self._locate(origin), reason))

    def _locate(self, origin: str) -> str:
        """Return the position of a setting, with its line number if that is known."""
        option = "extends" if origin == "a preset in extends" else origin.partition(",")[0]
        line = self._lines.get(option)
        return f"{origin} of {self._path}" if line is None else f"{origin} of {self._path}:{line}"


def _get_text(layer: ConfigLayer, option: str) -> str:
    value = layer.get(option)
    return value if isinstance(value, str) else ""


def _expand_presets(config: ConfigLayer) -> tuple[list[ConfigLayer], list[str]]:
    """Return the settings of the presets in `_PRESET_LAYERS` and `_SCHEDULES`, and the names of all other presets."""
    layers: list[ConfigLayer] = []
    others: list[str] = []
    ignored = frozenset(list_texts(config.get("ignorePresets")))
    for preset in list_texts(config.get("extends")):
        if preset in ignored:
            continue
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
