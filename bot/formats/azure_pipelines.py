"""Azure Pipelines: the images of container resources, and those that jobs name directly as containers or services."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bot.formats._syntax.places import TEMPLATE_MARKS
from bot.formats._syntax.yaml.paths import Images, YamlPaths, or_under
from bot.formats._syntax.yaml.ways import EACH, EVERY, Path
from bot.ports import FileFormat

if TYPE_CHECKING:  # needed by annotations only; not imported at start-up
    from bot.formats._syntax.yaml.nodes import Document, Node

_FILES = re.compile(
    r"""
    (?:.*/)?[^/]*azure-?pipelines?[^/]*\.ya?ml
    | (?:.*/)?\.?azure-?pipelines?/.+\.ya?ml
    | (?:.*/)?\.(?:azuredevops|ado|azdo|pipelines|vsts)/.+\.ya?ml
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
"""Any file may be a pipeline; these are common names of pipelines and their templates."""

_JOBS: tuple[Path, ...] = (
    (),  # a pipeline of one job
    ("jobs", EACH),
    ("stages", EACH, "jobs", EACH),
    ("extends", "parameters", "jobs", EACH),
    ("extends", "parameters", "stages", EACH, "jobs", EACH),
)
"""Paths of jobs (https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/jobs); the last two are template
parameters."""

_image_of = or_under("image")


def _image_of_resource(document: Document, node: Node) -> Node:
    """Return the image of a container resource; None if the agent built the image itself.

    A resource of `type: ACR` may have no image: the tag is then chosen when the run is started.
    https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/resources-containers-container
    """
    from bot.formats._syntax.yaml.nodes import Mapping, Scalar

    for local in document.values(node, "localImage"):
        if isinstance(local, Scalar) and local.value.lower() == "true":
            return None
    return _image_of(document, node) if isinstance(node, Mapping) else None


def _image_or_alias(document: Document, node: Node) -> Node:
    """Return the image of a job's container or service; None if the text is the alias of a container resource.

    A text without a colon is an alias (Phase.ResolveContainerResource of
    Microsoft.TeamFoundation.DistributedTask.Pipelines). The resource may be in the file that includes this one.
    """
    from bot.formats._syntax.yaml.nodes import Scalar

    if isinstance(node, Scalar) and ":" not in node.value and not TEMPLATE_MARKS.search(node.value):
        return None
    return _image_of(document, node)


FORMAT: FileFormat = YamlPaths(
    name="azure-pipelines",
    files=_FILES,
    images=(
        Images(("resources", "containers", EACH), _image_of_resource),
        *(Images((*job, "container"), _image_or_alias) for job in _JOBS),
        *(Images((*job, "services", EVERY), _image_or_alias) for job in _JOBS),
    ),
    conditions="${{",  # https://learn.microsoft.com/azure/devops/pipelines/process/template-expressions
)
