"""CircleCI: the Docker images of jobs and executors, including those in inline orbs."""

from __future__ import annotations

import re

from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, ALL_VALUES, KeyPath
from bot.formats._syntax.yaml.path_formats import ImageLocation, YamlPathFormat
from bot.ports import FileFormat

_FILES = re.compile(r"(?:.*/)?\.circleci/.+\.ya?ml", re.DOTALL)
_KEYWORDS = frozenset(
    {"commands", "executors", "experimental", "jobs", "orbs", "parameters", "setup", "version", "workflows"}
)
"""Top-level keys that have a meaning. All other keys are ignored by CircleCI and may contain anchors. See
https://circleci.com/docs/reference/configuration-reference/."""
_CONFIG_PATHS: tuple[KeyPath, ...] = ((), ("orbs", ALL_VALUES))
"""Paths of configs. An inline orb is a config inside a config
(https://circleci.com/docs/orbs/author/create-an-orb/#inline-orbs)."""

FORMAT: FileFormat = YamlPathFormat(
    name="circleci",
    path_pattern=_FILES,
    path_words=(".circleci/",),
    locations=tuple(
        # `machine.image` is not listed: it names a virtual machine
        ImageLocation((*config, holder, ALL_VALUES, "docker", ALL_ITEMS, "image"))
        for config in _CONFIG_PATHS
        for holder in ("jobs", "executors")
    ),
    reserved_keys=_KEYWORDS,
    anchor_paths=((ALL_VALUES,), (ALL_VALUES, ALL_ITEMS), (ALL_VALUES, ALL_VALUES)),
)
