"""Bitbucket Pipelines: the default image, the images of steps and services, and pipes that are given as images."""

from __future__ import annotations

import re

from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, ALL_VALUES, KeyPath
from bot.formats._syntax.yaml.path_formats import ImageLocation, YamlPathFormat, find_self_or_key
from bot.ports import FileFormat

_FILES = re.compile(r"(?:.*/)?bitbucket-pipelines\.ya?ml", re.DOTALL)

_PIPELINE_PATHS: tuple[KeyPath, ...] = (
    ("pipelines", ALL_VALUES, ALL_ITEMS),  # default
    ("pipelines", ALL_VALUES, ALL_VALUES, ALL_ITEMS),  # branches, tags, bookmarks, pull-requests, custom
    ("definitions", "pipelines", ALL_VALUES, ALL_ITEMS),
)
"""Paths of pipelines (https://support.atlassian.com/bitbucket-cloud/docs/pipeline-start-conditions/). `definitions`
contains the pipelines that other repositories import."""
_STEP_PATHS: tuple[KeyPath, ...] = (
    ("step",),
    ("parallel", ALL_ITEMS, "step"),
    ("parallel", "steps", ALL_ITEMS, "step"),
)
_STEP_AND_STAGE_PATHS: tuple[KeyPath, ...] = tuple(
    (*stage, *step) for stage in ((), ("stage", "steps", ALL_ITEMS)) for step in _STEP_PATHS
)
"""See https://support.atlassian.com/bitbucket-cloud/docs/parallel-step-options/ and stage-options/."""


def _list_step_images(path: KeyPath) -> tuple[ImageLocation, ...]:
    """Return the locations of the images of the step at `path`.

    A pipe without `docker://` is not an image: it names a repository that contains the pipe, and a version. See
    https://support.atlassian.com/bitbucket-cloud/docs/step-options/.
    """
    pipes = (
        ImageLocation((*path, script, ALL_ITEMS, "pipe"), scheme="docker://") for script in ("script", "after-script")
    )
    return ImageLocation((*path, "image"), find_self_or_key("name")), *pipes


FORMAT: FileFormat = YamlPathFormat(
    name="bitbucket-pipelines",
    path_pattern=_FILES,
    path_words=("bitbucket-pipelines",),
    locations=(
        # https://support.atlassian.com/bitbucket-cloud/docs/docker-image-options/
        ImageLocation(("image",), find_self_or_key("name")),
        ImageLocation(("definitions", "services", ALL_VALUES, "image"), find_self_or_key("name")),
        *(
            images
            for pipeline in _PIPELINE_PATHS
            for step in _STEP_AND_STAGE_PATHS
            for images in _list_step_images((*pipeline, *step))
        ),
    ),
    anchor_paths=(
        ("definitions", ALL_VALUES),
        ("definitions", ALL_VALUES, ALL_ITEMS),
        ("definitions", ALL_VALUES, ALL_VALUES),
    ),
)
