"""Renovate's built-in presets that affect images, and the names of all its built-in presets.

https://docs.renovatebot.com/presets-default/, presets-config/ and presets-docker/. A preset from elsewhere may contain
anything; it is not fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

Plain: TypeAlias = "Mapping[str, Plain] | list[Plain] | str | bool | None"
"""A value of a config; numbers do not matter for images, and are None."""
Layer = Mapping[str, Plain]
"""A config or a preset; of several layers the last takes precedence."""

MAX_PRESETS = 1_000
"""Limit on the presets that one config extends; people extend some dozens."""

_OWN = re.compile(
    r"(?:abandonments|compatibility|config|customManagers|default|docker|global|group|helpers|mergeConfidence|monorepo"
    r"|npm|packages|preview|regexManagers|replacements|schedule|security|workarounds)?:\w[\w.()/,:*@ -]*"
)
_TESTS = ("vendor", "examples", "__tests__", "test", "tests", "__fixtures__")
MODULES = ("**/node_modules/**", "**/bower_components/**")
"""The default of `ignorePaths`."""
_DOCKER: Layer = {"matchDatasources": ["docker"]}
_RECOMMENDED: Layer = {"extends": [":ignoreModulesAndTests"]}
_PRESETS: Mapping[str, Layer] = {
    "config:recommended": _RECOMMENDED,
    "config:base": _RECOMMENDED,
    "config:js-app": _RECOMMENDED,
    "config:js-lib": _RECOMMENDED,
    "config:best-practices": {"extends": ["config:recommended", "docker:pinDigests"]},
    ":ignoreModulesAndTests": {"ignorePaths": [*MODULES, *(f"**/{folder}/**" for folder in _TESTS)]},
    ":includeNodeModules": {"ignorePaths": []},
    ":disableRenovate": {"enabled": False},
    ":enableRenovate": {"enabled": True},
    ":disableDigestUpdates": {"digest": {"enabled": False}},
    ":disableMajorUpdates": {"major": {"enabled": False}},
    ":pinDigestsDisabled": {"pinDigests": False},
    ":docker": {"docker-compose": {"enabled": True}, "dockerfile": {"enabled": True}},
    "docker:disable": {manager: {"enabled": False} for manager in ("circleci", "docker-compose", "dockerfile")},
    "docker:disableMajor": {"packageRules": [{**_DOCKER, "matchUpdateTypes": ["major"], "enabled": False}]},
    "docker:enableMajor": {"packageRules": [{**_DOCKER, "matchUpdateTypes": ["major"], "enabled": True}]},
    "docker:pinDigests": {
        "packageRules": [
            {**_DOCKER, "pinDigests": True},
            {"matchManagers": ["argocd", "devcontainer", "helmv3", "pyenv"], "pinDigests": False},
        ]
    },
}


def layers_of(config: Layer) -> tuple[list[Layer], list[str]]:
    """Return a config behind the presets that it extends, in order, and the names of presets that are not built in."""
    unread: dict[str, None] = {}
    ignored = frozenset(map(_normal, texts(config.get("ignorePresets"))))
    return list(_layers(config, ignored, unread)), list(unread)


def texts(value: Plain) -> list[str]:
    """Return the strings of a list; a single string counts as a list."""
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _layers(config: Layer, ignored: frozenset[str], unread: dict[str, None]) -> Iterator[Layer]:
    for written in texts(config.get("extends"))[:MAX_PRESETS]:
        preset = _normal(written)
        if preset in ignored:
            continue
        if _OWN.fullmatch(preset):
            yield from _layers(_PRESETS.get(preset, {}), ignored, unread)  # other built-in presets do not affect images
        else:
            unread[written.encode(errors="replace").decode()] = None  # a lone surrogate cannot be encoded
    yield config


def _normal(preset: str) -> str:
    return preset.removeprefix("default") if preset.startswith("default:") else preset
