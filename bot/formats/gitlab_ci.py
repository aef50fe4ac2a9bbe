"""GitLab CI: the images and services of jobs, of hidden jobs, and of the defaults for all jobs.

An image that contains a variable is `templated`, even if the file gives the variable a value. The value is unknown,
because variables of the project, of the group and of the user who starts the pipeline take precedence over the
variables of the file (https://docs.gitlab.com/ci/variables/#cicd-variable-precedence). The exceptions are the two
predefined variables that name GitLab's dependency proxy.
"""

from __future__ import annotations

import re

from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, ALL_VALUES, KeyPath
from bot.formats._syntax.yaml.path_formats import ImageLocation, ImageMatrix, YamlPathFormat, find_self_or_key
from bot.ports import FileFormat

_FILES = re.compile(r"(?:.*/)?(?:[^/]*\.gitlab-ci\.ya?ml|\.gitlab(?:-ci(?:\.d)?)?/(?!agents/).+\.ya?ml)", re.DOTALL)
"""The usual names and folders of files that pipelines include, although any file may be included. The config of an
agent is not a pipeline."""
_KEYWORDS = frozenset(
    {
        *("default", "include", "spec", "stages", "variables", "workflow"),
        *("after_script", "before_script", "cache", "image", "services", "types"),  # set defaults for all jobs
    }
)
"""Top-level keys that are not jobs (https://docs.gitlab.com/ci/yaml/#keywords). Every other top-level key is a job,
which is hidden if its name starts with a dot."""

_PROXY_PREFIXES = tuple(
    spelling
    for group in ("", "DIRECT_")
    for name in (f"CI_DEPENDENCY_PROXY_{group}GROUP_IMAGE_PREFIX",)
    for spelling in (f"${{{name}}}/", f"${name}/")
)
"""Prefixes of images that the dependency proxy of a group pulls from Docker Hub, by tag or by digest
(https://docs.gitlab.com/user/packages/dependency_proxy/)."""


def _list_job_images(path: KeyPath) -> tuple[ImageLocation, ...]:
    """Return the locations of the images of the job at `path`.

    See https://docs.gitlab.com/ci/yaml/#image and https://docs.gitlab.com/ci/yaml/#services.
    """
    platform = ("docker", "platform")
    return tuple(
        ImageLocation(each, find_self_or_key("name"), hub_prefixes=_PROXY_PREFIXES, platform=platform)
        for each in ((*path, "image"), (*path, "services", ALL_ITEMS))
    )


_MATRIX = ImageMatrix(
    # https://docs.gitlab.com/ci/yaml/#parallelmatrix
    scope=(),
    value_paths=((ALL_VALUES, "parallel", "matrix", ALL_ITEMS),),
    use=re.compile(r"\$(?:(\w+)|\{(\w+)\})", re.ASCII),
    # a variable, or the name of a job with its values, such as `build: [node:22]`
    mention=re.compile(r"[$%]\{?(?:env:)?(\w++)|\A[^:\n]*+: \[", re.ASCII | re.IGNORECASE),
    are_keys_mentions=True,
)

FORMAT: FileFormat = YamlPathFormat(
    name="gitlab-ci",
    path_pattern=_FILES,
    path_words=(".gitlab-ci.", ".gitlab/", ".gitlab-ci/", ".gitlab-ci.d/"),
    locations=(*_list_job_images(()), *_list_job_images(("default",)), *_list_job_images((ALL_VALUES,))),
    reserved_keys=_KEYWORDS,
    anchor_paths=((ALL_VALUES,), (ALL_VALUES, ALL_ITEMS), (ALL_VALUES, ALL_VALUES)),
    matrix=_MATRIX,
)
