"""Translates single options of Renovate to keys of basebump's policy rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from bot.formats._syntax.renovate.presets import ConfigLayer, PlainValue, list_texts
from bot.starter.schedules import translate_schedule
from bot.starter.translation import RuleValue, UntranslatableError

_AGE = re.compile(r"(\d{1,4}) ?(minute|hour|day|week|month)s?")
_HOURS = {"minute": 1 / 60, "hour": 1, "day": 24, "week": 7 * 24, "month": 30 * 24}
_HOURS_OF_DAY = 24
_MAX_DAYS = 365
_REBASE = {"auto": "auto", "conflicted": "auto", "never": "never", "behind-base-branch": "always"}
_NAME = re.compile(r"[^{}]+")
"""Matches a text that contains no template such as `{{packageName}}`."""


def translate_options(layer: ConfigLayer, timezone: str) -> tuple[Mapping[str, RuleValue], Mapping[str, str]]:
    """Return the keys that correspond to the options in a layer, and the options that could not be translated.

    The second mapping contains the reason for each option that could not be translated. Schedules are in the time zone
    `timezone`.
    """
    keys: dict[str, RuleValue] = {}
    problems: dict[str, str] = {}
    for option, translate in _TRANSLATORS.items():
        if option not in layer:
            continue
        try:
            translated = translate(layer[option])
        except UntranslatableError as error:
            problems[option] = str(error)
            continue
        for key, value in translated.items():
            earlier = keys.get(key, ())
            keys[key] = (*earlier, *value) if isinstance(value, tuple) and isinstance(earlier, tuple) else value
    if isinstance(schedule := keys.get("schedule"), str):
        keys["schedule"] = {"cron": schedule, "timezone": timezone}
    return {key: value for key, value in keys.items() if value != ()}, problems


def _translate_age(value: PlainValue) -> Mapping[str, RuleValue]:
    if value is None or value == "0 days":
        return {}
    match = _AGE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise UntranslatableError("the value is not a duration")
    hours = max(1, round(int(match[1]) * _HOURS[match[2]]))
    if hours > _MAX_DAYS * _HOURS_OF_DAY:
        raise UntranslatableError(f"a digest can wait for at most {_MAX_DAYS} days")
    return {"min_age": f"{hours // _HOURS_OF_DAY}d" if hours % _HOURS_OF_DAY == 0 else f"{hours}h"}


def _translate_days(value: PlainValue) -> Mapping[str, RuleValue]:
    return _translate_age(f"{value} days" if isinstance(value, str) and value.isdecimal() else value)


def _translate_schedule(value: PlainValue) -> Mapping[str, RuleValue]:
    cron = translate_schedule(list_texts(value))
    return {} if cron is None else {"schedule": cron}


def _translate_rebasing(value: PlainValue) -> Mapping[str, RuleValue]:
    if not isinstance(value, str) or value not in _REBASE:
        raise UntranslatableError("basebump has no such value of `rebase`")
    return {"rebase": _REBASE[value]}


def _translate_group(value: PlainValue) -> Mapping[str, RuleValue]:
    if not isinstance(value, str) or _NAME.fullmatch(value) is None:
        raise UntranslatableError("the name of a group must be a text without templates")
    return {"group": value}


def _translate_list(key: str) -> Callable[[PlainValue], Mapping[str, RuleValue]]:
    return lambda value: {key: tuple(list_texts(value))}


def _require_boolean(value: PlainValue) -> bool:
    if not isinstance(value, bool):
        raise UntranslatableError("the value is neither true nor false")
    return value


_TRANSLATORS: Mapping[str, Callable[[PlainValue], Mapping[str, RuleValue]]] = {
    "minimumReleaseAge": _translate_age,
    "stabilityDays": _translate_days,
    "labels": _translate_list("labels"),
    "addLabels": _translate_list("labels"),
    "reviewers": _translate_list("reviewers"),
    "assignees": _translate_list("assignees"),
    "draftPR": lambda value: {"draft": _require_boolean(value)},
    "groupName": _translate_group,
    "schedule": _translate_schedule,
    "rebaseWhen": _translate_rebasing,
}
TRANSLATED_OPTIONS = _TRANSLATORS.keys()
"""The options that `translate_options` examines."""
