"""Google Cloud Build: the builder images of steps. `images` and `artifacts` are build outputs and are ignored."""

from __future__ import annotations

import re

from bot.formats._syntax.yaml.key_paths import ALL_ITEMS
from bot.formats._syntax.yaml.path_formats import ImageLocation, YamlPathFormat
from bot.ports import FileFormat

FORMAT: FileFormat = YamlPathFormat(
    name="cloud-build",
    path_pattern=re.compile(r"(?:.*/)?(?:[^/]*[-_.])?cloudbuild[^/]*\.(?:ya?ml|json)", re.DOTALL),
    path_words=("cloudbuild",),
    # https://docs.cloud.google.com/build/docs/build-config-file-schema
    locations=(ImageLocation(("steps", ALL_ITEMS, "name")),),
)
