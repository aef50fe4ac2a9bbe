"""Bitbucket Pipelines: the images of the file, its steps and its services, and pipes that are images."""

from __future__ import annotations

import re

from bot.formats._syntax.yaml.paths import Images, YamlPaths, or_under
from bot.formats._syntax.yaml.ways import EACH, EVERY, Path
from bot.ports import FileFormat

_FILES = re.compile(r"(?:.*/)?bitbucket-pipelines\.ya?ml", re.DOTALL)

_PIPELINES: tuple[Path, ...] = (
    ("pipelines", EVERY, EACH),  # default
    ("pipelines", EVERY, EVERY, EACH),  # branches, tags, bookmarks, pull-requests, custom
    ("definitions", "pipelines", EVERY, EACH),
)
"""https://support.atlassian.com/bitbucket-cloud/docs/pipeline-start-conditions/; `definitions` has the pipelines that
other repositories import."""
_IN_ORDER_OR_AT_ONCE: tuple[Path, ...] = (("step",), ("parallel", EACH, "step"), ("parallel", "steps", EACH, "step"))
_STEPS: tuple[Path, ...] = tuple(
    (*stage, *step) for stage in ((), ("stage", "steps", EACH)) for step in _IN_ORDER_OR_AT_ONCE
)
"""https://support.atlassian.com/bitbucket-cloud/docs/parallel-step-options/ and stage-options/."""


def _images_of_step(path: Path) -> tuple[Images, ...]:
    """Return the locations of a step's images.

    A pipe without `docker://` is a version of a repository that holds a pipe, not an image.
    https://support.atlassian.com/bitbucket-cloud/docs/step-options/
    """
    pipes = (Images((*path, script, EACH, "pipe"), scheme="docker://") for script in ("script", "after-script"))
    return Images((*path, "image"), or_under("name")), *pipes


FORMAT: FileFormat = YamlPaths(
    name="bitbucket-pipelines",
    files=_FILES,
    images=(
        # https://support.atlassian.com/bitbucket-cloud/docs/docker-image-options/
        Images(("image",), or_under("name")),
        Images(("definitions", "services", EVERY, "image"), or_under("name")),
        *(images for pipeline in _PIPELINES for step in _STEPS for images in _images_of_step((*pipeline, *step))),
    ),
    kept=(("definitions", EVERY), ("definitions", EVERY, EACH), ("definitions", EVERY, EVERY)),
)
