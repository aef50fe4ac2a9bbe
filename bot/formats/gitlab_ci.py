"""GitLab CI: the images and services of jobs, of hidden jobs, and of the defaults for all jobs.

An image that contains a variable is `templated`, even if the file gives the variable a value: variables of the project,
of the group and of whoever starts the pipeline take precedence over the file's
(https://docs.gitlab.com/ci/variables/#cicd-variable-precedence).
"""

from __future__ import annotations

import re

from bot.formats._syntax.yaml.paths import Images, YamlPaths, or_under
from bot.formats._syntax.yaml.ways import EACH, EVERY, Path
from bot.ports import FileFormat

_FILES = re.compile(r"(?:.*/)?(?:[^/]*\.gitlab-ci\.ya?ml|\.gitlab(?:-ci(?:\.d)?)?/(?!agents/).+\.ya?ml)", re.DOTALL)
"""Any file may be included; these are the usual names and folders. The config of an agent is not a pipeline."""
_KEYWORDS = frozenset(
    {
        *("default", "include", "spec", "stages", "variables", "workflow"),
        *("after_script", "before_script", "cache", "image", "services", "types"),  # defaults from before `default`
    }
)
"""https://docs.gitlab.com/ci/yaml/#keywords; every other top-level key is a job, hidden if it begins with a dot."""


def _images_below(path: Path) -> tuple[Images, ...]:
    """Return the locations of a job's images: https://docs.gitlab.com/ci/yaml/#image and #services."""
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
