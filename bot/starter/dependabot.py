"""Translates the update entries about images in a `dependabot.yml` to rules of basebump.

See https://docs.github.com/en/code-security/reference/supply-chain-security/dependabot-options-reference.

The result allows nothing that an entry forbids for its files. Files that no entry covers have basebump's defaults. If
several entries cover a file, the first one decides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from bot.core.globs import has_wildcard
from bot.model.config_types.times import MAX_AGE
from bot.model.source import FilePath
from bot.starter.dependabot_globs import (
    ALL_NAMES,
    convert_excluded_path,
    convert_folder,
    convert_permitted_name,
    convert_restricted_name,
)
from bot.starter.permissions import Match
from bot.starter.schedules import check_timezone, translate_interval
from bot.starter.translation import (
    BotTranslation,
    RuleValue,
    TranslatedRule,
    UntranslatableError,
    UntranslatedSetting,
    find_update_limit,
)

_FORMATS: Mapping[str, tuple[str, ...]] = {
    "docker": ("dockerfile", "kubernetes", "skaffold", "helm"),
    "docker-compose": ("compose",),
    "helm": ("helm",),
}
"""For each ecosystem of Dependabot, the formats of basebump that read the same files."""
_LISTS = ("labels", "reviewers", "assignees")
_TYPE_PREFIX = "version-update:semver-"
_REBASE = {"auto": "auto", "disabled": "never"}
_COOLDOWN_DAYS = ("default-days", "semver-major-days", "semver-minor-days", "semver-patch-days")
_DIRECT_TYPES = frozenset({None, "all", "direct"})
"""The values of `dependency-type` that apply to all images, because no image is a dependency of another package."""
_MAX_ITEMS = 1_000
"""Limit on the items of a list that are translated, because allowed names are compared with all images. Configs have
dozens.
"""
_TRANSLATED = frozenset(
    {
        *_LISTS,
        "package-ecosystem",
        "directory",
        "directories",
        "schedule",
        "ignore",
        "cooldown",
        "groups",
        "allow",
        "exclude-paths",
        "patterns",
        "target-branch",
        "rebase-strategy",
        "open-pull-requests-limit",
    }
)
_LIMITS = ("digest", "patch", "minor", "major")
"""The values of `update`, the narrowest first."""
_IGNORED = "so these images are ignored"
_IGNORE: Mapping[str, RuleValue] = {"ignore": True}


def translate_dependabot(
    path: FilePath,
    document: Mapping[str, Any],
    images: Collection[str] = (),
    find_line: Callable[[str], int | None] = lambda _: None,
) -> BotTranslation | None:
    """Translate the config at `path`; return None if it has no update entry about images.

    Args:
        path: The path of the config.
        document: The parsed file.
        images: The canonical repositories of all images in the folder.
        find_line: Returns the line number of a key such as `updates[0].ignore`; None if it is unknown.
    """
    updates = document.get("updates")
    entries = [
        (number, each)
        for number, each in enumerate(updates if isinstance(updates, list) else ())
        if isinstance(each, dict) and str(each.get("package-ecosystem")) in _FORMATS
    ]
    if not entries:
        return None
    branches = tuple(dict.fromkeys(each["target-branch"] for _, each in entries if _get_branch(each)))
    has_default_branch = not all(_get_branch(each) for _, each in entries)
    groups = document.get("multi-ecosystem-groups")
    translators = [
        _EntryTranslator(
            f"updates[{number}]",
            path,
            _inherit_schedule(entry, groups),
            images,
            find_line,
            has_other_branches=has_default_branch,
        )
        for number, entry in entries
    ]
    last_rules = [rule for each in translators for rule in each.last_rules]
    rules = [rule for each in translators for rule in each.list_rules(must_permit=bool(last_rules))]
    ecosystems = ", ".join(dict.fromkeys(f"`{entry['package-ecosystem']}`" for _, entry in entries))
    return BotTranslation(
        "Dependabot",
        path,
        (*rules, *last_rules),
        tuple(untranslated for each in translators for untranslated in each.untranslated),
        f"Add this item to `ignore` of each entry for {ecosystems} in {path}, or delete these entries:\n"
        '    ignore:\n      - dependency-name: "*"',
        base_branches=() if has_default_branch else branches,
    )


def _get_branch(entry: Mapping[str, Any]) -> str:
    """Return the branch that an entry names; empty if it names none, or if no branch can have this name."""
    branch = entry.get("target-branch")
    return branch if isinstance(branch, str) and branch.strip() and not has_wildcard(branch) else ""


def _inherit_schedule(entry: Mapping[str, Any], groups: object) -> Mapping[str, Any]:
    """Return the entry with the schedule of the group of several ecosystems to which it belongs."""
    group = groups.get(str(entry.get("multi-ecosystem-group"))) if isinstance(groups, dict) else None
    if "schedule" in entry or not isinstance(group, dict) or "schedule" not in group:
        return entry
    return {**entry, "schedule": group["schedule"]}


class _EntryTranslator:
    """Translates one update entry."""

    def __init__(
        self,
        name: str,
        path: FilePath,
        entry: Mapping[str, Any],
        images: Collection[str],
        find_line: Callable[[str], int | None],
        *,
        has_other_branches: bool,
    ) -> None:
        self._name, self._path, self._entry = name, path, entry
        self._images, self._find_line, self._has_other_branches = images, find_line, has_other_branches
        self._formats = _FORMATS[str(entry["package-ecosystem"])]
        self.last_rules: list[TranslatedRule] = []
        """The rules for images that the entry may forbid. They come after the rules of all entries, because another
        entry may permit these images.
        """
        self.untranslated: list[UntranslatedSetting] = []
        self._match = self._build_match()

    def list_rules(self, *, must_permit: bool) -> Iterator[TranslatedRule]:
        """Yield the rules of the entry. If `must_permit` is True, later rules ignore images that no rule permits."""
        match = self._match
        if others := sorted(str(each) for each in self._entry.keys() - _TRANSLATED):
            self._report("", f"these options were not translated: {', '.join(others)}")
        if match is None:
            return
        try:
            self._check_activity()
            delays = {**self._translate_schedule(), **self._translate_cooldown()}
        except UntranslatableError:
            yield TranslatedRule(self._locate(), _IGNORE, match)
            return
        yield from self._list_ignore_rules(match)
        yield from self._list_exclude_rules(match)
        yield from self._list_group_rules(match)
        keys: dict[str, RuleValue] = {}
        for name in _LISTS:
            if texts := tuple(_list_texts(self._entry.get(name))):
                keys[name] = texts
        if strategy := _REBASE.get(str(self._entry.get("rebase-strategy"))):
            keys["rebase"] = strategy
        keys |= {**delays, "update": "major"}
        yield from self._list_permissions(match, {"ignore": False, **keys} if must_permit else keys)

    def _build_match(self) -> Match | None:
        """Return the condition of the entry's rules; None if it cannot be expressed at all."""
        globs: list[str] = []
        match: dict[str, tuple[str, ...]] = {"format": self._formats}
        folders = [*_list_texts(self._entry.get("directory")), *_list_texts(self._entry.get("directories"))]
        for folder in folders:
            try:
                globs.append(convert_folder(folder))
            except UntranslatableError as error:
                option = "directories" if "directories" in self._entry else "directory"
                self._report(option, f"{error}, so other files of these kinds are ignored")
                self.last_rules.append(TranslatedRule(self._locate(option), _IGNORE, match.copy()))
        if folders and not globs:
            return None
        if globs:
            match["path"] = tuple(dict.fromkeys(globs))
        if "target-branch" not in self._entry:
            return match
        self.last_rules.append(TranslatedRule(self._locate("target-branch"), _IGNORE, match.copy()))
        branch = _get_branch(self._entry)
        if not branch:
            self._report("target-branch", f"its value is not the name of a branch, {_IGNORED}")
            return None
        if self._has_other_branches:
            reason = (
                "basebump updates this branch only if `base_branches` in the config names it and the other branches"
            )
            self._report("target-branch", reason)
        return {**match, "base_branch": (branch,)}

    def _check_activity(self) -> None:
        """Report a limit on pull requests. Raises UntranslatableError if because of it, the entry updates nothing."""
        option = "open-pull-requests-limit"
        if str(self._entry.get(option)) == "0":
            raise self._refuse(option, "with the value 0, Dependabot updates nothing")
        if option in self._entry:
            self._report(
                option, "basebump has no limits for single entries; see `limits` in the reference of the config"
            )

    def _refuse(self, option: str, reason: str) -> UntranslatableError:
        """Report a setting because of which all images of the entry are ignored, and return the error for it."""
        self._report(option, f"{reason}, {_IGNORED}")
        return UntranslatableError(reason)

    def _list_ignore_rules(self, match: Match) -> Iterator[TranslatedRule]:
        """Yield the restrictions of the entry. A restriction that cannot be expressed applies to more images."""
        rules: list[tuple[int, TranslatedRule]] = []
        for option, ignored in self._list_items("ignore"):
            if not isinstance(ignored, dict):
                self._report(option, f"it is not a mapping, {_IGNORED}")
                yield TranslatedRule(self._locate(option), _IGNORE, match)
                continue
            types = [each.removeprefix(_TYPE_PREFIX) for each in _list_texts(ignored.get("update-types"))]
            images = self._convert_ignored_names(option, ignored)
            rank, keys = -1, _IGNORE
            if types or ignored.get("versions"):
                limit = self._find_limit(option, types, ignored)
                rank, keys = _LIMITS.index(limit), {"update": limit}
            rule_match = {"image": images, **match} if images else match
            rules.append((rank, TranslatedRule(self._locate(option), keys, rule_match)))
        # The first rule that matches applies. Several items can match the same image, so the narrowest comes first.
        yield from (rule for _, rule in sorted(rules, key=lambda each: each[0]))

    def _find_limit(self, option: str, types: list[str], ignored: Mapping[str, Any]) -> str:
        try:
            if ignored.get("versions"):
                raise UntranslatableError("basebump cannot ignore single versions")  # noqa: TRY301
            return find_update_limit(types)
        except UntranslatableError as error:
            self._report(option, f"{error}, so only digests are updated")
            return _LIMITS[0]

    def _convert_ignored_names(self, option: str, ignored: Mapping[str, Any]) -> tuple[str, ...]:
        """Return globs for the ignored images; empty if all images of the entry are ignored."""
        try:
            names = _list_texts(ignored.get("dependency-name"))
            if ALL_NAMES.intersection(names):
                return ()
            return tuple(glob for name in names for glob in convert_restricted_name(name))
        except UntranslatableError as error:
            self._report(option, f"{error}, so the rule applies to all images of the entry")
            return ()

    def _list_exclude_rules(self, match: Match) -> Iterator[TranslatedRule]:
        if "exclude-paths" not in self._entry:
            return
        origin = self._locate("exclude-paths")
        try:
            patterns = _list_texts(self._entry["exclude-paths"])
            globs = tuple(glob for each in patterns for glob in convert_excluded_path(each))
        except UntranslatableError as error:
            self._report("exclude-paths", f"{error}, {_IGNORED}")
            yield TranslatedRule(origin, _IGNORE, match)
            return
        if globs:
            yield TranslatedRule(origin, _IGNORE, {**match, "path": globs})

    def _list_permissions(self, match: Match, keys: Mapping[str, RuleValue]) -> Iterator[TranslatedRule]:
        """Yield the rule with the settings of the entry, only for the images that `allow` and `patterns` permit."""
        options = [each for each in ("allow", "patterns") if each in self._entry]
        permitted = [globs for each in options if (globs := self._list_permitted(each)) is not None]
        if not permitted:
            yield TranslatedRule(self._locate(), keys, match)
            return
        if images := tuple(each for each in permitted[0] if all(each in globs for globs in permitted)):
            yield TranslatedRule(self._locate(), {"ignore": False, **keys}, {"image": images, **match})
        yield TranslatedRule(self._locate(options[0]), _IGNORE, match)

    def _list_permitted(self, option: str) -> tuple[str, ...] | None:
        """Return globs for the images that the list `option` permits; None if it permits all images."""
        globs: dict[str, None] = {}
        for origin, item in self._list_items(option):
            settings = item if isinstance(item, dict) else {"dependency-name": item}
            others = settings.keys() - {"dependency-name", "dependency-type"}
            dependency_type = settings.get("dependency-type")
            if others or str(dependency_type) not in map(str, _DIRECT_TYPES):
                self._report(origin, "basebump cannot express its conditions, so it permits nothing")
                continue
            names = _list_texts(settings.get("dependency-name"))
            if ALL_NAMES.intersection(names) or ("dependency-name" not in settings and dependency_type is not None):
                return None
            for name in names:
                try:
                    globs |= dict.fromkeys(convert_permitted_name(name, self._images))
                except UntranslatableError as error:
                    self._report(origin, f"{error}, so it permits nothing")
        return tuple(globs)

    def _list_items(self, option: str) -> Iterator[tuple[str, object]]:
        """Yield the positions and the values of the items of a list. A value that is not a list is a single item."""
        value = self._entry.get(option)
        items = value if isinstance(value, list) else [] if value is None else [value]
        for number, item in enumerate(items[:_MAX_ITEMS]):
            yield f"{option}[{number}]", item
        if len(items) > _MAX_ITEMS:
            yield option, None

    def _list_group_rules(self, match: Match) -> Iterator[TranslatedRule]:
        groups = self._entry.get("groups")
        for name, group in groups.items() if isinstance(groups, dict) else ():
            settings = group if isinstance(group, dict) else {}
            others = sorted(str(each) for each in settings.keys() - {"patterns", "applies-to"})
            try:
                if others:
                    raise UntranslatableError(f"groups of basebump have no {', '.join(others)}")  # noqa: TRY301
                patterns = [each for each in _list_texts(settings.get("patterns")) if each not in ALL_NAMES]
                images = tuple(glob for each in patterns for glob in convert_restricted_name(each))
            except UntranslatableError as error:
                self._report(f"groups.{name}", str(error))
                continue
            yield TranslatedRule(
                self._locate(f"groups.{name}"),
                {"group": str(name)},
                {"image": images, **match} if images else match,
            )

    def _translate_schedule(self) -> dict[str, RuleValue]:
        """Return the key `schedule`. Raises UntranslatableError if the schedule cannot be translated."""
        schedule = self._entry.get("schedule")
        if schedule is None:
            return {}
        settings = {key: str(value) for key, value in schedule.items()} if isinstance(schedule, dict) else {}
        timezone = settings.get("timezone", "UTC")
        try:
            cron = translate_interval(settings.get("interval", "without a name"), settings)
            check_timezone(timezone)
        except UntranslatableError as error:
            raise self._refuse("schedule", str(error)) from None
        return {"schedule": {"cron": cron, "timezone": timezone}} if cron else {}

    def _translate_cooldown(self) -> dict[str, RuleValue]:
        """Return the key `min_age`, the longest time of all. Raises UntranslatableError if a time is not valid."""
        cooldown = self._entry.get("cooldown")
        if cooldown is None:
            return {}
        times = [cooldown[key] for key in _COOLDOWN_DAYS if key in cooldown] if isinstance(cooldown, dict) else [None]
        days = [each for each in times if type(each) is int and 0 <= each <= MAX_AGE.days]
        if len(days) < len(times):
            raise self._refuse("cooldown", f"basebump waits for a number of days up to {MAX_AGE.days}")
        if others := sorted(str(each) for each in cooldown.keys() - {"default-days"}):
            reason = f"basebump has one minimum age for all images, which is the longest: {', '.join(others)}"
            self._report("cooldown", reason)
        longest = max(days, default=0)
        return {"min_age": f"{longest}d"} if longest else {}

    def _report(self, option: str, reason: str) -> None:
        self.untranslated.append(UntranslatedSetting(self._locate(option), reason))

    def _locate(self, option: str = "") -> str:
        """Return the position of an option of the entry, with its line number if that is known."""
        line = self._find_line(f"{self._name}.{option}" if option else self._name)
        origin = f"{option} in {self._name} of {self._path}" if option else f"{self._name} of {self._path}"
        return origin if line is None else f"{origin}:{line}"


def _list_texts(value: object) -> list[str]:
    """Return the strings in a list, or a single string as a list of one item."""
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
