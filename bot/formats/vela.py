"""Vela: the images of steps, services, the steps of stages, and plugins that fetch secrets."""

from __future__ import annotations

import re

from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, ALL_VALUES
from bot.formats._syntax.yaml.path_formats import ImageLocation, YamlPathFormat
from bot.ports import FileFormat

_KEYWORDS = frozenset(
    {
        *("deployment", "environment", "git", "metadata", "secrets", "services", "stages", "steps", "templates"),
        *("version", "worker"),
    }
)
"""Top-level keys that have a meaning (https://go-vela.github.io/docs/reference/yaml/). Other keys contain anchors."""

FORMAT: FileFormat = YamlPathFormat(
    name="vela",
    path_pattern=re.compile(r"(?:.*/)?\.vela\.ya?ml", re.DOTALL),
    path_words=(".vela.",),
    locations=(
        ImageLocation(("steps", ALL_ITEMS, "image")),
        ImageLocation(("services", ALL_ITEMS, "image")),
        ImageLocation(("stages", ALL_VALUES, "steps", ALL_ITEMS, "image")),
        ImageLocation(("secrets", ALL_ITEMS, "origin", "image")),
    ),
    reserved_keys=_KEYWORDS,
    anchor_paths=((ALL_VALUES,), (ALL_VALUES, ALL_ITEMS), (ALL_VALUES, ALL_VALUES)),
)
