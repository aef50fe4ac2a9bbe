"""Google Cloud Build: the builder images of steps. `images` and `artifacts` are build outputs and are ignored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bot.formats._syntax.yaml.key_paths import ALL_ITEMS
from bot.formats._syntax.yaml.path_formats import BuildTable, ImageLocation, YamlPathFormat
from bot.ports import FileFormat

if TYPE_CHECKING:  # needed by annotations only; not imported at start-up
    from collections.abc import Iterator

    from bot.formats._syntax.yaml.nodes import YamlDocument
    from bot.model.cross_file import DockerfileBuild
    from bot.model.source import FilePath


def _list_builds(document: YamlDocument, path: FilePath) -> Iterator[DockerfileBuild]:
    from bot.formats._readers.cloud_build import list_builds

    return list_builds(document, path)


FORMAT: FileFormat = YamlPathFormat(
    name="cloud-build",
    path_pattern=re.compile(r"(?:.*/)?(?:[^/]*[-_.])?cloudbuild[^/]*\.(?:ya?ml|json)", re.DOTALL),
    path_words=("cloudbuild",),
    # https://docs.cloud.google.com/build/docs/build-config-file-schema
    locations=(ImageLocation(("steps", ALL_ITEMS, "name")),),
    builds=BuildTable((frozenset({"steps", "args"}),), _list_builds),
)
