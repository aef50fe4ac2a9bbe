"""Buildkite: the images of pipelines, steps and agents, and those of the plugins `docker` and `kubernetes`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bot.formats._syntax.reference_positions import TEMPLATE_MARKS
from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, ALL_VALUES, KeyPath
from bot.formats._syntax.yaml.path_formats import ImageLocation, ImageLock, YamlPathFormat
from bot.model.vocabulary import Reason
from bot.ports import FileFormat

if TYPE_CHECKING:  # needed by annotations only; not imported at start-up
    from bot.formats._syntax.yaml.nodes import YamlDocument, YamlNode

_FILES = re.compile(r"(?:.*/)?(?:\.buildkite/.+|buildkite/pipeline|\.?buildkite)\.ya?ml", re.DOTALL)
"""The files that `buildkite-agent pipeline upload` searches, and all files beside them, which steps often upload."""
_KEYWORDS = frozenset({"agents", "env", "image", "notify", "priority", "secrets", "steps"})
"""Top-level keys with a meaning. Others contain anchors. See
https://buildkite.com/docs/pipelines/configure/defining-steps."""

_STEP_LISTS: tuple[KeyPath, ...] = (("steps", ALL_ITEMS), (ALL_ITEMS,))
"""A pipeline may be a list of steps."""
_STEPS: tuple[KeyPath, ...] = tuple((*steps, *nested) for steps in _STEP_LISTS for nested in ((), ("steps", ALL_ITEMS)))
"""The second is the path of the steps in a group (https://buildkite.com/docs/pipelines/configure/step-types/group-step)."""
_PLUGIN_LISTS: tuple[KeyPath, ...] = (("plugins", ALL_ITEMS), ("plugins",))
_DOCKER_PLUGIN = re.compile(r"plugins/(?:\d+/)?(?:buildkite-plugins/)?docker(?:#[^/]*)?/image(?:[#~]\d+)*\Z")
"""The end of the locator of an image in which the plugin `docker` runs a step. See
https://github.com/buildkite-plugins/docker-buildkite-plugin."""
_POD_IMAGES: tuple[KeyPath, ...] = (
    *(
        ("kubernetes", spec, containers, ALL_ITEMS, "image")
        for spec in ("podSpec", "podSpecPatch")
        for containers in ("containers", "initContainers")
    ),
    ("kubernetes", "sidecars", ALL_ITEMS, "image"),
)
"""See https://buildkite.com/docs/agent/self-hosted/agent-stack-k8s/kubernetes-podspec."""


def _find_agent_image(_document: YamlDocument, node: YamlNode) -> YamlNode:
    """Return the image that selects agents, or None if it has no tag.

    `agents` contains any tags of agents. Some organisations start an agent from a container image, others from an image
    of a virtual machine, whose name has no colon.
    """
    from bot.formats._syntax.yaml.nodes import YamlScalar

    if isinstance(node, YamlScalar) and ":" not in node.value and not TEMPLATE_MARKS.search(node.value):
        return None
    return node


def _find_plugin_lock(_document: YamlDocument, _node: YamlNode, locator: str) -> ImageLock | None:
    """Return a lock for the image of any plugin but `docker`, which may build, sign or publish the image."""
    return None if _DOCKER_PLUGIN.search(locator) else ImageLock(Reason.UNKNOWN_FIELD)


def _list_step_images(step: KeyPath) -> tuple[ImageLocation, ...]:
    """Return the locations of the images of the step at `step`."""
    plugins = tuple((*step, *plugin) for plugin in _PLUGIN_LISTS)
    return (
        ImageLocation((*step, "image")),
        ImageLocation((*step, "agents", "image"), _find_agent_image),
        *(ImageLocation((*plugin, ALL_VALUES, "image"), find_lock=_find_plugin_lock) for plugin in plugins),
        *(ImageLocation((*plugin, *path)) for plugin in plugins for path in _POD_IMAGES),
    )


FORMAT: FileFormat = YamlPathFormat(
    name="buildkite",
    path_pattern=_FILES,
    path_words=("buildkite/", "buildkite.y"),
    locations=(
        ImageLocation(("image",)),
        ImageLocation(("agents", "image"), _find_agent_image),
        *(images for step in _STEPS for images in _list_step_images(step)),
    ),
    reserved_keys=_KEYWORDS,
    anchor_paths=((ALL_VALUES,), (ALL_VALUES, ALL_ITEMS), (ALL_VALUES, ALL_VALUES)),
)
