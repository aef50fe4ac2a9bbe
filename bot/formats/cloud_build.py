"""Google Cloud Build: the builder images of steps; `images` and `artifacts` are build outputs and are ignored."""

from __future__ import annotations

import re

from bot.formats._syntax.yaml.paths import Images, YamlPaths
from bot.formats._syntax.yaml.ways import EACH
from bot.ports import FileFormat

FORMAT: FileFormat = YamlPaths(
    name="cloud-build",
    files=re.compile(r"(?:.*/)?(?:[^/]*[-_.])?cloudbuild[^/]*\.(?:ya?ml|json)", re.DOTALL),
    # https://docs.cloud.google.com/build/docs/build-config-file-schema
    images=(Images(("steps", EACH, "name")),),
)
