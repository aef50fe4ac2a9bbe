"""ko: the base images of Go programs."""

from __future__ import annotations

import re

from bot.formats._syntax.yaml.key_paths import ALL_VALUES
from bot.formats._syntax.yaml.path_formats import ImageLocation, YamlPathFormat
from bot.ports import FileFormat

FORMAT: FileFormat = YamlPathFormat(
    name="ko",
    path_pattern=re.compile(r"(?:.*/)?\.ko\.ya?ml", re.DOTALL),
    path_words=(".ko.",),
    # https://ko.build/configuration/#overriding-base-images
    locations=(ImageLocation(("defaultBaseImage",)), ImageLocation(("baseImageOverrides", ALL_VALUES))),
)
