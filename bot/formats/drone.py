"""Drone: the images of steps and services, in the syntax of version 1 and of the versions before it."""

from __future__ import annotations

import re

from bot.formats._syntax.yaml.paths import Images, YamlPaths
from bot.formats._syntax.yaml.ways import EACH, EVERY
from bot.ports import FileFormat

FORMAT: FileFormat = YamlPaths(
    name="drone",
    files=re.compile(r"(?:.*/)?[^/]*\.drone\.ya?ml", re.DOTALL),
    images=(
        # https://docs.drone.io/pipeline/docker/syntax/
        Images(("steps", EACH, "image")),
        Images(("services", EACH, "image")),
        # https://0-8-0.docs.drone.io/pipelines/
        Images(("pipeline", EVERY, "image")),
        Images(("services", EVERY, "image")),
        Images(("clone", EVERY, "image")),
    ),
)
