"""Renovate's built-in presets that affect images, and the names of all built-in presets.

See https://docs.renovatebot.com/presets-default/, presets-config/ and presets-docker/. Presets that are not built in
are not fetched. They may contain any settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

PlainValue: TypeAlias = "Mapping[str, PlainValue] | list[PlainValue] | str | bool | None"
"""A value in a config. A number is represented by its text."""
ConfigLayer = Mapping[str, PlainValue]
"""A config or a preset. Later layers take precedence over earlier ones."""

MAX_PRESETS = 1_000
"""Limit on the presets that one config extends. People extend a few dozen."""

_BUILT_IN = re.compile(
    r"(?:abandonments|compatibility|config|customManagers|default|docker|global|group|helpers|mergeConfidence|monorepo"
    r"|npm|packages|preview|regexManagers|replacements|schedule|security|workarounds)?:\w[\w.()/,:*@ -]*"
)
_HARMLESS = re.compile(
    r"(?:group|monorepo|packages|replacements|customManagers|regexManagers|npm|compatibility|abandonments|global|preview"
    r"|mergeConfidence):.*"
    r"|helpers:pinGitHubActionDigests\w*|security:(?:openssf-scorecard|minimumReleaseAgeNpm)"
    r"|:(?:(?:disable)?[dD]ependencyDashboard|semantic\w*(?:\(.*\))?|gitSignOff|configMigration|enablePreCommit"
    r"|(?:enable|disable)VulnerabilityAlerts(?:WithLabel\(.*\))?|(?:maintain|update)LockFiles\w*"
    r"|pin(?:Versions|Dependencies|DevDependencies|OnlyDevDependencies|SkipCi|AllExceptPeerDependencies)"
    r"|preserveSemverRanges|autodetect\w+|automerge(?:Branch|Pr|Linters|Testers|Types)|skipStatusChecks"
    r"|(?:separate|combine)\w*Releases|pr(?:Hourly|Concurrent)Limit\w+|disableRateLimiting|ignoreUnstable|respectLatest"
    r"|widenPeerDependencies|disable(?:Peer|Dev)Dependencies)"
)
"""Matches the built-in presets that neither forbid nor delay updates of images, nor their automatic merge."""
_TESTS = ("vendor", "examples", "__tests__", "test", "tests", "__fixtures__")
DEFAULT_IGNORED_PATHS = ("**/node_modules/**", "**/bower_components/**")
"""The default of `ignorePaths`."""
_DOCKER: ConfigLayer = {"matchDatasources": ["docker"]}
_RECOMMENDED: ConfigLayer = {"extends": [":ignoreModulesAndTests", "workarounds:all"]}
_JAVA_IMAGES = (
    *("adoptopenjdk", "amazoncorretto", "eclipse-temurin", "java", "java-jre", "openjdk", "sapmachine"),
    *("azul/*", "bellsoft/*", "cimg/openjdk"),
)
"""The images of Java for which Renovate's recommended presets allow only versions with long-term support."""
_PRESETS: Mapping[str, ConfigLayer] = {
    "config:recommended": _RECOMMENDED,
    "config:base": _RECOMMENDED,
    "config:js-app": _RECOMMENDED,
    "config:js-lib": _RECOMMENDED,
    "config:best-practices": {"extends": ["config:recommended", "docker:pinDigests"]},
    ":ignoreModulesAndTests": {"ignorePaths": [*DEFAULT_IGNORED_PATHS, *(f"**/{folder}/**" for folder in _TESTS)]},
    "workarounds:all": {"extends": ["workarounds:javaLTSVersions"]},
    "workarounds:javaLTSVersions": {
        "packageRules": [{"matchPackageNames": list[PlainValue](_JAVA_IMAGES), "allowedVersions": "LTS"}]
    },
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


def resolve_presets(config: ConfigLayer) -> tuple[list[ConfigLayer], list[str]]:
    """Return the layers of settings that form a config, and the names of extended presets that are not built in.

    The layers are the built-in presets that the config extends, and the config itself as the last. Later layers take
    precedence. Presets that are not built in are not fetched, so their settings are unknown.
    """
    unread_presets: dict[str, None] = {}
    ignored_presets = frozenset(map(_normalise_preset, list_texts(config.get("ignorePresets"))))
    return list(_list_layers(config, ignored_presets, unread_presets)), list(unread_presets)


def is_examined_preset(preset: str) -> bool:
    """Return True if `preset` is built in, and all of its settings that restrict updates of images are known here."""
    return (name := _normalise_preset(preset)) in _PRESETS or _HARMLESS.fullmatch(name) is not None


def list_texts(value: PlainValue) -> list[str]:
    """Return the strings in a list. A string that is not in a list is returned as a list of one string.

    The result is empty for all values that are neither a list nor a string.
    """
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _list_layers(
    config: ConfigLayer, ignored_presets: frozenset[str], unread_presets: dict[str, None]
) -> Iterator[ConfigLayer]:
    for preset_text in list_texts(config.get("extends"))[:MAX_PRESETS]:
        preset = _normalise_preset(preset_text)
        if preset in ignored_presets:
            continue
        if _BUILT_IN.fullmatch(preset):
            # Built-in presets that are not in _PRESETS do not affect images.
            yield from _list_layers(_PRESETS.get(preset, {}), ignored_presets, unread_presets)
        else:
            unread_presets[preset_text.encode(errors="replace").decode()] = None  # a lone surrogate cannot be encoded
    yield config


def _normalise_preset(preset: str) -> str:
    return preset.removeprefix("default") if preset.startswith("default:") else preset
