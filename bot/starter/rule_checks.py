"""Checks translated rules against the schema of basebump's config."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from bot.settings.rules import RuleEntry
from bot.starter.translation import BotTranslation, RuleValue, TranslatedRule, UntranslatedSetting


def keep_valid_rules(translation: BotTranslation) -> BotTranslation:
    """Return the translation without rules that basebump's config would refuse; they become untranslated settings.

    For example, a label of the other bot may be longer than the labels that basebump accepts.
    """
    valid: list[TranslatedRule] = []
    refused: list[UntranslatedSetting] = []
    for rule in translation.rules:
        reason = _find_problem(rule)
        if reason:
            refused.append(UntranslatedSetting(rule.origin, reason))
        else:
            valid.append(rule)
    return replace(translation, rules=tuple(valid), untranslated=(*translation.untranslated, *refused))


def _find_problem(rule: TranslatedRule) -> str:
    """Return why a rule cannot be written into a config; empty if it can."""
    entry: dict[str, Any] = {key: _convert_value(value) for key, value in rule.keys.items()}
    entry["match"] = {key: list(globs) for key, globs in rule.match.items()}
    if not all(map(str.isprintable, _list_texts(rule))):
        return "a text has characters that cannot be printed"
    try:
        RuleEntry.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return f"`{'.'.join(map(str, first['loc']))}` {first['msg'].removeprefix('Value error, ')}"
    return ""


def _list_texts(rule: TranslatedRule) -> Iterator[str]:
    for value in (*rule.keys.values(), *rule.match.values()):
        match value:
            case bool():
                continue
            case str():
                yield value
            case tuple():
                yield from value
            case _:
                yield from value.values()


def _convert_value(value: RuleValue) -> Any:
    return list(value) if isinstance(value, tuple) else value
