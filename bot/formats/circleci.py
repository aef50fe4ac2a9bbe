"""CircleCI: the Docker images of jobs and executors, including those of orbs that are written in the file."""

from __future__ import annotations

import re

from bot.formats._syntax.yaml.paths import Images, YamlPaths
from bot.formats._syntax.yaml.ways import EACH, EVERY, Path
from bot.ports import FileFormat

_FILES = re.compile(r"(?:.*/)?\.circleci/.+\.ya?ml", re.DOTALL)
_KEYWORDS = frozenset(
    {"commands", "executors", "experimental", "jobs", "orbs", "parameters", "setup", "version", "workflows"}
)
"""Top-level keys with a meaning; CircleCI ignores all others, so they may hold anchors:
https://circleci.com/docs/reference/configuration-reference/"""
_WITH_EXECUTORS: tuple[Path, ...] = ((), ("orbs", EVERY))
"""An inline orb is a config inside a config: https://circleci.com/docs/orbs/author/create-an-orb/#inline-orbs"""

FORMAT: FileFormat = YamlPaths(
    name="circleci",
    files=_FILES,
    images=tuple(
        # `machine.image` is not listed: it names a virtual machine
        Images((*config, holder, EVERY, "docker", EACH, "image"))
        for config in _WITH_EXECUTORS
        for holder in ("jobs", "executors")
    ),
    keywords=_KEYWORDS,
    kept=((EVERY,), (EVERY, EACH), (EVERY, EVERY)),
)
