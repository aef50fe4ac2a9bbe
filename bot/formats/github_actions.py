"""GitHub Actions: the container, service and `docker://` step images of workflows, and the images of actions.

Some actions start a container from an image in their inputs.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, ALL_VALUES, KeyPath
from bot.formats._syntax.yaml.path_formats import (
    BuildTable,
    ImageLocation,
    ImageMatrix,
    YamlPathFormat,
    find_self_or_key,
)
from bot.ports import FileFormat

if TYPE_CHECKING:  # needed by annotations only; not imported at start-up
    from collections.abc import Iterator

    from bot.formats._syntax.yaml.nodes import YamlDocument, YamlNode
    from bot.model.cross_file import DockerfileBuild
    from bot.model.source import FilePath

_FILES = re.compile(
    r"""
    (?:.*/)?\.(?:github|gitea|forgejo)/workflows/[^/]+\.ya?ml
    | (?:.*/)?workflow-templates/[^/]+\.ya?ml
    | (?:.*/)?action\.ya?ml
    """,
    re.VERBOSE | re.DOTALL,
)
"""Workflows and the metadata files of actions. The runners of Gitea and Forgejo read the same files. The metadata file
of an action is named `action.yml` and may be in any folder."""
_DOCKER = "docker://"
_STEP_PATHS: tuple[KeyPath, ...] = (("jobs", ALL_VALUES, "steps", ALL_ITEMS), ("runs", "steps", ALL_ITEMS))
_ACTIONS_WITH_IMAGES = (
    ("image", frozenset({"addnab/docker-run-action", "docker/setup-qemu-action", "engineerd/setup-kind"}), ""),
    ("node_image", frozenset({"helm/kind-action"}), ""),
    ("driver-opts", frozenset({"docker/setup-buildx-action"}), "image="),
)
"""Inputs with an image, the actions that start a container from it, and the text before the image. An image in an input
of another action may be the result of a build."""


def _find_input(name: str, actions: frozenset[str], document: YamlDocument, step: YamlNode) -> YamlNode:
    """Return the input `name` of a step that uses one of `actions`, or None if the input has several lines."""
    from bot.formats._syntax.yaml.nodes import YamlScalar

    action = (document.get_string(step, "uses") or "").partition("@")[0].lower()
    inputs = [each for values in document.get_values(step, "with") for each in document.get_values(values, name)]
    if action not in actions or not inputs:
        return None
    node = inputs[-1]
    return node if isinstance(node, YamlScalar) and "\n" not in node.value.strip() else None


_BUILD_INPUTS = ("build-args", "file", "containerfiles", "dockerfiles")
"""Inputs of the actions that build Dockerfiles. A step with none of them builds the file `Dockerfile` of its context,
which is read without the step.
"""


def _list_builds(document: YamlDocument, path: FilePath) -> Iterator[DockerfileBuild]:
    from bot.formats._readers.workflow_builds import list_builds

    return list_builds(document, path)


_MATRIX = ImageMatrix(
    # https://docs.github.com/en/actions/how-tos/write-workflows/choose-what-workflows-do/run-job-variations
    scope=("jobs", ALL_VALUES),
    value_paths=(("strategy", "matrix"), ("strategy", "matrix", "include", ALL_ITEMS)),
    use=re.compile(r"\$\{\{\s*+matrix\.([a-z_][\w-]*+(?:\.[a-z_][\w-]*+)*+)\s*+\}\}", re.IGNORECASE),
    mention=re.compile(r"\bmatrix\s*+(?:\.\s*+([a-z_][\w-]*+)|\.\s*+\*|[\[)}])", re.IGNORECASE),
    compared_paths=(("strategy", "matrix", "exclude", ALL_ITEMS),),
    title_key="name",
    title_note="without a `name`, the title of the job contains this value, and required checks refer to the title",
)

FORMAT: FileFormat = YamlPathFormat(
    name="github-actions",
    path_pattern=_FILES,
    path_words=("workflows/", "workflow-templates/", "action."),
    locations=(
        # https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
        ImageLocation(
            ("jobs", ALL_VALUES, "container"), find_self_or_key("image"), scheme=_DOCKER, is_scheme_required=False
        ),
        ImageLocation(
            ("jobs", ALL_VALUES, "services", ALL_VALUES),
            find_self_or_key("image"),
            scheme=_DOCKER,
            is_scheme_required=False,
        ),
        ImageLocation(("jobs", ALL_VALUES, "steps", ALL_ITEMS, "uses"), scheme=_DOCKER),
        # https://docs.github.com/en/actions/reference/workflows-and-actions/metadata-syntax
        ImageLocation(("runs", "image"), scheme=_DOCKER),
        ImageLocation(("runs", "steps", ALL_ITEMS, "uses"), scheme=_DOCKER),
        *(
            ImageLocation(path, partial(_find_input, name, actions), scheme=scheme, inner_keys=("with", name))
            for path in _STEP_PATHS
            for name, actions, scheme in _ACTIONS_WITH_IMAGES
        ),
    ),
    matrix=_MATRIX,
    builds=BuildTable(tuple(frozenset({"uses", "with", name}) for name in _BUILD_INPUTS), _list_builds),
)
