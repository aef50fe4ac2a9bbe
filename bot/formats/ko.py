"""ko: the base images of Go programs."""

from __future__ import annotations

import re

from bot.formats._syntax.yaml.paths import Images, YamlPaths
from bot.formats._syntax.yaml.ways import EVERY
from bot.ports import FileFormat

FORMAT: FileFormat = YamlPaths(
    name="ko",
    files=re.compile(r"(?:.*/)?\.ko\.ya?ml", re.DOTALL),
    # https://ko.build/configuration/#overriding-base-images
    images=(Images(("defaultBaseImage",)), Images(("baseImageOverrides", EVERY))),
)
