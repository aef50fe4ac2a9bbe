"""Batect: the images of containers, in projects and in bundles.

Images that batect builds (`build_directory`) are in Dockerfiles.
"""

from __future__ import annotations

import re

from bot.formats._syntax.yaml.key_paths import ALL_VALUES
from bot.formats._syntax.yaml.path_formats import ImageLocation, YamlPathFormat
from bot.ports import FileFormat

FORMAT: FileFormat = YamlPathFormat(
    name="batect",
    path_pattern=re.compile(r"(?:.*/)?batect(?:-bundle)?\.ya?ml", re.DOTALL),
    path_words=("batect.y", "batect-bundle.y"),
    locations=(
        # https://github.com/batect/batect.dev/blob/main/docs/reference/config/Containers.mdx
        ImageLocation(("containers", ALL_VALUES, "image")),
    ),
)
