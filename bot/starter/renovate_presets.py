"""Renovate's built-in presets that set an option which basebump has, too.

See https://docs.renovatebot.com/presets-default/ and https://docs.renovatebot.com/presets-schedule/.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from bot.formats._syntax.renovate.presets import ConfigLayer, list_texts

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
_LAYERS: Mapping[str, Callable[[list[str]], ConfigLayer]] = {
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


def expand_presets(config: ConfigLayer) -> tuple[list[ConfigLayer], list[str]]:
    """Return the settings of those presets that this module knows, and the names of all other presets."""
    layers: list[ConfigLayer] = []
    others: list[str] = []
    for preset in list_texts(config.get("extends")):
        match = _PRESET.fullmatch(preset)
        name = match["name"] if match else ""
        arguments = [each.strip() for each in (match["arguments"] or "").split(",")] if match else []
        if name in _LAYERS:
            layers.append(_LAYERS[name]([each for each in arguments if each]))
        elif name in _SCHEDULES:
            layers.append({"schedule": list(_SCHEDULES[name])})
        else:
            others.append(preset)
    return layers, others
