"""GitLab CI: the images and services of jobs, of hidden ones too, and of what all jobs begin with.

A variable in an image is `templated`, also where the file gives it a value: those of the project, of the group and of
whoever starts the pipeline win over the file's (https://docs.gitlab.com/ci/variables/#cicd-variable-precedence).
"""

from __future__ import annotations

import re

from bot.formats._syntax.yaml.paths import Images, YamlPaths, or_under
from bot.formats._syntax.yaml.ways import EACH, EVERY, Path
from bot.ports import FileFormat

_FILES = re.compile(r"(?:.*/)?(?:[^/]*\.gitlab-ci\.ya?ml|\.gitlab(?:-ci(?:\.d)?)?/(?!agents/).+\.ya?ml)", re.DOTALL)
"""Any file may be included; these are where people keep them. An agent's config is no pipeline."""
_KEYWORDS = frozenset(
    {
        *("default", "include", "spec", "stages", "variables", "workflow"),
        *("after_script", "before_script", "cache", "image", "services", "types"),  # as before `default` was there
    }
)
"""https://docs.gitlab.com/ci/yaml/#keywords; every other key of the top is a job's name, or hidden by its dot."""


def _images_below(path: Path) -> tuple[Images, ...]:
    """Return where a job names images: https://docs.gitlab.com/ci/yaml/#image and #services."""
    platform = ("docker", "platform")
    return (
        Images((*path, "image"), or_under("name"), platform=platform),
        Images((*path, "services", EACH), or_under("name"), platform=platform),
    )


FORMAT: FileFormat = YamlPaths(
    name="gitlab-ci",
    files=_FILES,
    images=(*_images_below(()), *_images_below(("default",)), *_images_below((EVERY,))),
    keywords=_KEYWORDS,
    kept=((EVERY,), (EVERY, EACH), (EVERY, EVERY)),
)
