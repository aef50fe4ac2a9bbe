"""Drone: the images of steps and services, in the syntax of version 1 and of earlier versions."""

from __future__ import annotations

import re

from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, ALL_VALUES
from bot.formats._syntax.yaml.path_formats import ImageLocation, YamlPathFormat
from bot.ports import FileFormat

FORMAT: FileFormat = YamlPathFormat(
    name="drone",
    path_pattern=re.compile(r"(?:.*/)?[^/]*\.drone\.ya?ml", re.DOTALL),
    path_words=(".drone.",),
    locations=(
        # https://docs.drone.io/pipeline/docker/syntax/
        ImageLocation(("steps", ALL_ITEMS, "image")),
        ImageLocation(("services", ALL_ITEMS, "image")),
        # https://0-8-0.docs.drone.io/pipelines/
        ImageLocation(("pipeline", ALL_VALUES, "image")),
        ImageLocation(("services", ALL_VALUES, "image")),
        ImageLocation(("clone", ALL_VALUES, "image")),
    ),
)
