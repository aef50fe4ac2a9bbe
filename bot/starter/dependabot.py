"""Translates the update entries about images in a `dependabot.yml` to rules of basebump.

See https://docs.github.com/en/code-security/reference/supply-chain-security/dependabot-options-reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bot.model.source import FilePath
from bot.starter.schedules import translate_interval
from bot.starter.translation import (
    BotTranslation,
    RuleValue,
    TranslatedRule,
    UntranslatableError,
    UntranslatedSetting,
    convert_image_name,
    convert_path_glob,
    find_update_limit,
)

_FORMATS: Mapping[str, tuple[str, ...]] = {
    "docker": ("dockerfile", "kubernetes", "helm"),
    "docker-compose": ("compose",),
    "helm": ("helm",),
}
"""For each ecosystem of Dependabot, the formats of basebump that read the same files."""
_LISTS = ("labels", "reviewers", "assignees")
_TYPE_PREFIX = "version-update:semver-"
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
    }
)
_ALL = frozenset({"*", "**"})
_LIMITS = ("digest", "patch", "minor", "major")
"""The values of `update`, the narrowest first."""


def translate_dependabot(path: FilePath, document: Mapping[str, Any]) -> BotTranslation | None:
    """Translate the config at `path`; return None if it has no update entry about images.

    `document` is the parsed file.
    """
    updates = document.get("updates")
    entries = [
        (number, each)
        for number, each in enumerate(updates if isinstance(updates, list) else ())
        if isinstance(each, dict) and each.get("package-ecosystem") in _FORMATS
    ]
    if not entries:
        return None
    translators = [_EntryTranslator(f"updates[{number}] of {path}", entry) for number, entry in entries]
    rules = tuple(rule for each in translators for rule in each.list_rules())
    ecosystems = ", ".join(dict.fromkeys(f"`{entry['package-ecosystem']}`" for _, entry in entries))
    return BotTranslation(
        "Dependabot",
        path,
        rules,
        tuple(untranslated for each in translators for untranslated in each.untranslated),
        f"Add this item to `ignore` of each entry for {ecosystems} in {path}, or delete these entries:\n"
        '    ignore:\n      - dependency-name: "*"',
    )


class _EntryTranslator:
    """Translates one update entry."""

    def __init__(self, origin: str, entry: Mapping[str, Any]) -> None:
        self._origin = origin
        self._entry = entry
        self.untranslated: list[UntranslatedSetting] = []

    def list_rules(self) -> Iterator[TranslatedRule]:
        match = self._build_match()
        yield from self._list_ignore_rules(match)
        yield from self._list_group_rules(match)
        keys: dict[str, RuleValue] = {}
        for name in _LISTS:
            if texts := tuple(_list_texts(self._entry.get(name))):
                keys[name] = texts
        keys |= self._translate_schedule() | self._translate_cooldown() | {"update": "major"}
        yield TranslatedRule(self._origin, keys, match)
        if others := sorted(str(each) for each in self._entry.keys() - _TRANSLATED):
            self._report("", f"these options were not translated: {', '.join(others)}")

    def _build_match(self) -> Mapping[str, tuple[str, ...]]:
        folders = [*_list_texts(self._entry.get("directory")), *_list_texts(self._entry.get("directories"))]
        globs: list[str] = []
        for folder in folders:
            path = folder.strip("/")
            try:
                globs.append(convert_path_glob(f"{path}/*" if path and not path.endswith("**") else path or "*"))
            except UntranslatableError as error:
                self._report("directories", str(error))
        formats = _FORMATS[self._entry["package-ecosystem"]]
        return {"format": formats, "path": tuple(globs)} if globs else {"format": formats}

    def _list_ignore_rules(self, match: Mapping[str, tuple[str, ...]]) -> Iterator[TranslatedRule]:
        """Yield the restrictions of the entry. A restriction that cannot be expressed applies to more images."""
        limits: list[str] = []
        rules: list[tuple[tuple[str, ...], bool]] = []
        for ignored in _list_mappings(self._entry.get("ignore")):
            types = [each.removeprefix(_TYPE_PREFIX) for each in _list_texts(ignored.get("update-types"))]
            images = self._convert_ignored_names(ignored)
            is_limit = bool(types) or "versions" in ignored
            if is_limit:
                limits.append(self._find_limit(types, ignored))
            rules.append((images, is_limit))
        # Several entries can match the same image, so each of them sets the narrowest limit.
        limit = min(limits, key=_LIMITS.index, default=_LIMITS[-1])
        for images, is_limit in rules:
            keys: dict[str, RuleValue] = {"update": limit} if is_limit else {"ignore": True}
            yield TranslatedRule(f"ignore in {self._origin}", keys, {"image": images, **match} if images else match)
        if self._entry.get("allow") or "exclude-paths" in self._entry or "patterns" in self._entry:
            self._report("allow, exclude-paths or patterns", "basebump cannot express it, so all images are ignored")
            yield TranslatedRule(f"the restrictions in {self._origin}", {"ignore": True}, match)

    def _find_limit(self, types: list[str], ignored: Mapping[str, Any]) -> str:
        try:
            if "versions" in ignored:
                raise UntranslatableError("basebump cannot ignore single versions")  # noqa: TRY301
            return find_update_limit(types)
        except UntranslatableError as error:
            self._report("ignore", f"{error}, so only digests are updated")
            return _LIMITS[0]

    def _convert_ignored_names(self, ignored: Mapping[str, Any]) -> tuple[str, ...]:
        """Return globs for the ignored images; empty if all images of the entry are ignored."""
        try:
            names = _list_texts(ignored.get("dependency-name"))
            return () if _ALL.intersection(names) else tuple(map(convert_image_name, names))
        except UntranslatableError as error:
            self._report("ignore", f"{error}, so the rule applies to all images of the entry")
            return ()

    def _list_group_rules(self, match: Mapping[str, tuple[str, ...]]) -> Iterator[TranslatedRule]:
        groups = self._entry.get("groups")
        for name, group in groups.items() if isinstance(groups, dict) else ():
            settings = group if isinstance(group, dict) else {}
            others = sorted(str(each) for each in settings.keys() - {"patterns", "applies-to"})
            try:
                if others:
                    raise UntranslatableError(f"groups of basebump have no {', '.join(others)}")  # noqa: TRY301
                images = tuple(
                    convert_image_name(each) for each in _list_texts(settings.get("patterns")) if each not in _ALL
                )
            except UntranslatableError as error:
                self._report(f"groups.{name}", str(error))
                continue
            yield TranslatedRule(
                f"groups.{name} in {self._origin}",
                {"group": str(name)},
                {"image": images, **match} if images else match,
            )

    def _translate_schedule(self) -> dict[str, RuleValue]:
        schedule = self._entry.get("schedule")
        settings = {key: str(value) for key, value in schedule.items()} if isinstance(schedule, dict) else {}
        try:
            cron = translate_interval(settings.get("interval", ""), settings)
        except UntranslatableError as error:
            self._report("schedule", str(error))
            return {}
        return {"schedule": {"cron": cron, "timezone": settings.get("timezone", "UTC")}} if cron else {}

    def _translate_cooldown(self) -> dict[str, RuleValue]:
        cooldown = self._entry.get("cooldown")
        if not isinstance(cooldown, dict):
            return {}
        if others := sorted(str(each) for each in cooldown.keys() - {"default-days"}):
            self._report("cooldown", f"basebump has one minimum age for all images: {', '.join(others)}")
        days = cooldown.get("default-days")
        return {"min_age": f"{days}d"} if isinstance(days, int) and not isinstance(days, bool) and days > 0 else {}

    def _report(self, option: str, reason: str) -> None:
        origin = f"{option} in {self._origin}" if option else self._origin
        self.untranslated.append(UntranslatedSetting(origin, reason))


def _list_texts(value: object) -> list[str]:
    """Return the strings in a list, or a single string as a list of one item."""
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _list_mappings(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
