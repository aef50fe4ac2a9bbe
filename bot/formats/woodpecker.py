"""Woodpecker: the images of steps, services and clone steps, each written as a list or as a mapping by name."""

from __future__ import annotations

import re

from bot.formats._syntax.yaml.paths import Images, YamlPaths
from bot.formats._syntax.yaml.ways import EACH, EVERY
from bot.ports import FileFormat

_HOLDERS = ("steps", "services", "clone", "pipeline")
"""https://woodpecker-ci.org/docs/usage/workflow-syntax; `pipeline` was the name of `steps` before version 1."""

FORMAT: FileFormat = YamlPaths(
    name="woodpecker",
    files=re.compile(r"(?:.*/)?\.woodpecker(?:/.+)?\.ya?ml", re.DOTALL),
    images=tuple(Images((holder, each, "image")) for holder in _HOLDERS for each in (EACH, EVERY)),
    kept=(("variables", EACH), ("variables", EVERY)),  # https://woodpecker-ci.org/docs/usage/advanced-usage
)
