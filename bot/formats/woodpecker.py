"""Woodpecker and Crow: the images of steps, services and clone steps. Each may be a list, or a mapping by name.

Crow CI reads the same syntax from files that are named after it (https://crowci.dev/v5-11/usage/workflow-syntax/).
"""

from __future__ import annotations

import re

from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, ALL_VALUES
from bot.formats._syntax.yaml.path_formats import ImageLocation, YamlPathFormat
from bot.ports import FileFormat

_STEP_KEYS = ("steps", "services", "clone", "pipeline")
"""Keys that contain steps (https://woodpecker-ci.org/docs/usage/workflow-syntax). Before version 1, `steps` was named
`pipeline`."""

FORMAT: FileFormat = YamlPathFormat(
    name="woodpecker",
    path_pattern=re.compile(r"(?:.*/)?\.(?:woodpecker|crow)(?:/.+)?\.ya?ml", re.DOTALL),
    path_words=(".woodpecker.", ".woodpecker/", ".crow.", ".crow/"),
    locations=tuple(
        ImageLocation((holder, each, "image")) for holder in _STEP_KEYS for each in (ALL_ITEMS, ALL_VALUES)
    ),
    anchor_paths=(
        ("variables", ALL_ITEMS),
        ("variables", ALL_VALUES),
    ),  # https://woodpecker-ci.org/docs/usage/advanced-usage
)
