"""Read a Renovate config, which configures the images that Renovate updates. The config itself names no image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_never

from bot.formats._syntax.broken import BrokenFile
from bot.formats._syntax.jsonc import JsonArray, JsonObject, JsonString, JsonValue, JsonWord, read_json5
from bot.formats._syntax.renovate.presets import PlainValue
from bot.formats._syntax.renovate.settings import read_renovate_settings
from bot.model.cross_file import RenovateConfig
from bot.model.source import SourceFile

_PACKAGE_KEY = "renovate"
_BOOLEAN_OPTIONS = frozenset({"enabled", "automerge", "pinDigests"})
_WORDS: Mapping[str, PlainValue] = {"true": True, "false": False, "null": None}


def read(file: SourceFile, rank: int, *, is_package: bool) -> Iterator[RenovateConfig]:
    """Yield the settings of a Renovate config file, or a `RenovateConfig` without settings if the file cannot be read.

    `rank` is the position of the file's name in the order in which Renovate searches for its config.

    If `is_package` is True, the file is a `package.json`, in which the settings are under the key `renovate`. If such a
    file does not have this key, yield nothing.
    """
    config = parse_config(file, is_package=is_package)
    if is_package and config is None:
        return
    yield RenovateConfig(file.path, rank, read_renovate_settings(config) if isinstance(config, dict) else None)


def parse_config(file: SourceFile, *, is_package: bool) -> PlainValue:
    """Return the value in a Renovate config file.

    Return None if the file cannot be read, or if a `package.json` has no key `renovate`.
    """
    parsed = read_json5(file.content)
    config = None if isinstance(parsed, BrokenFile) else _convert_value(parsed.root)
    if is_package:
        return config.get(_PACKAGE_KEY) if isinstance(config, dict) else None
    return config


def list_line_numbers(file: SourceFile, *, is_package: bool) -> dict[str, int]:
    """Return the line numbers of the options and package rules in a Renovate config file.

    The keys are the names of the options, and `packageRules[0]` and so on. The result is empty if the file cannot be
    read.
    """
    parsed = read_json5(file.content)
    if isinstance(parsed, BrokenFile):
        return {}
    config = parsed.root
    if is_package and isinstance(config, JsonObject):
        config = next(reversed(list(config.list_values(_PACKAGE_KEY))), config)
    lines: dict[str, int] = {}
    for key, value in config.items if isinstance(config, JsonObject) else ():
        lines[key.value] = parsed.line_offsets.get_line_number(key.start)
        if key.value == "packageRules" and isinstance(value, JsonArray):
            for number, item in enumerate(value.items):
                lines[f"packageRules[{number}]"] = parsed.line_offsets.get_line_number(item.start)
    return lines


def _convert_option(name: str, value: JsonValue) -> PlainValue:
    """Return the value of an option. Renovate reads the text `"false"` as the word if the option is a boolean."""
    converted = _convert_value(value)
    if name in _BOOLEAN_OPTIONS and isinstance(converted, str):
        return _WORDS.get(converted, converted)
    return converted


def _convert_value(value: JsonValue) -> PlainValue:
    match value:
        case JsonString(text):
            return text
        case JsonWord(word):
            return _WORDS.get(word, word)
        case JsonArray(_, items):
            return [_convert_value(item) for item in items]
        case JsonObject(_, items):
            return {key.value: _convert_option(key.value, item) for key, item in items}
        case _:
            assert_never(value)
