"""Azure Pipelines: the images of container resources, and the images that jobs use as containers or services."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bot.formats._syntax.reference_positions import TEMPLATE_MARKS
from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, ALL_VALUES, KeyPath
from bot.formats._syntax.yaml.path_formats import ImageLocation, YamlPathFormat, find_self_or_key
from bot.ports import FileFormat

if TYPE_CHECKING:  # needed by annotations only; not imported at start-up
    from bot.formats._syntax.yaml.nodes import YamlDocument, YamlNode

_FILES = re.compile(
    r"""
    (?:.*/)?[^/]*azure-?pipelines?[^/]*\.ya?ml
    | (?:.*/)?\.?azure-?pipelines?/.+\.ya?ml
    | (?:.*/)?\.(?:azuredevops|ado|azdo|pipelines|vsts)/.+\.ya?ml
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
"""Common file names of pipelines and their templates. A pipeline may also have any other name."""

_JOB_PATHS: tuple[KeyPath, ...] = (
    (),  # a pipeline with a single job has the keys of a job at the top level
    ("jobs", ALL_ITEMS),
    ("stages", ALL_ITEMS, "jobs", ALL_ITEMS),
    ("extends", "parameters", "jobs", ALL_ITEMS),
    ("extends", "parameters", "stages", ALL_ITEMS, "jobs", ALL_ITEMS),
)
"""Paths of jobs (https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/jobs). The last two are paths of jobs
that are passed to a template as parameters."""

_find_image = find_self_or_key("image")


def _find_resource_image(document: YamlDocument, node: YamlNode) -> YamlNode:
    """Return the node with the image of a container resource.

    Return None if the resource has no image, or if its image was built on the agent itself (`localImage: true`). A
    resource of `type: ACR` may have no image, because its tag is chosen when a run starts.
    https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/resources-containers-container
    """
    from bot.formats._syntax.yaml.nodes import YamlMapping, YamlScalar

    for local in document.get_values(node, "localImage"):
        if isinstance(local, YamlScalar) and local.value.lower() == "true":
            return None
    return _find_image(document, node) if isinstance(node, YamlMapping) else None


def _find_job_image(document: YamlDocument, node: YamlNode) -> YamlNode:
    """Return the node with the image of a job's container or service.

    Return None if `node` contains the alias of a container resource instead of an image. Every text without a colon is
    such an alias (Phase.ResolveContainerResource of Microsoft.TeamFoundation.DistributedTask.Pipelines). The resource
    need not be defined in this file, because a file that includes this file may define it.
    """
    from bot.formats._syntax.yaml.nodes import YamlScalar

    if isinstance(node, YamlScalar) and ":" not in node.value and not TEMPLATE_MARKS.search(node.value):
        return None
    return _find_image(document, node)


FORMAT: FileFormat = YamlPathFormat(
    name="azure-pipelines",
    path_pattern=_FILES,
    path_words=("azure", "pipelines/", "pipeline/", ".azuredevops/", ".ado/", ".azdo/", ".vsts/"),
    locations=(
        ImageLocation(("resources", "containers", ALL_ITEMS), _find_resource_image),
        *(ImageLocation((*job, "container"), _find_job_image) for job in _JOB_PATHS),
        *(ImageLocation((*job, "services", ALL_VALUES), _find_job_image) for job in _JOB_PATHS),
    ),
    condition_prefix="${{",  # https://learn.microsoft.com/azure/devops/pipelines/process/template-expressions
)
