"""Parses the runs of tasks of an Azure Container Registry, which state the images that they pushed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bot.model.build_task import BuildTask, TaskRun
from bot.model.errors import InvalidReferenceError
from bot.model.image_name import DOCKER_HUB, Digest, ImageName, parse_sha256

MAX_RUNS = 100
"""The runs that are requested, newest first. Most registries run fewer tasks between two runs of basebump."""
MAX_IMAGES = 50
"""Limit of the images of one run. A task with many steps pushes about ten."""
MAX_TEXT = 200
"""Characters of a commit."""

_HUB_SERVERS = frozenset({"registry.hub.docker.com", "registry-1.docker.io", "index.docker.io"})


def parse_run(entry: Any, tasks: Mapping[str, BuildTask]) -> TaskRun | None:
    """Return a run. Return None if it did not succeed, pushed no image, or if the entry is invalid.

    `tasks` are the tasks of the registry by name.
    """
    properties = entry.get("properties") if isinstance(entry, dict) else None
    if not isinstance(properties, dict) or properties.get("status") != "Succeeded":
        return None
    images = tuple(_parse_images(properties.get("outputImages")))
    if not images:
        return None
    update, source = properties.get("imageUpdateTrigger"), properties.get("sourceTrigger")
    commit = source.get("commitId") if isinstance(source, dict) else None
    is_usable = isinstance(commit, str) and 0 < len(commit) <= MAX_TEXT and commit.isprintable()
    return TaskRun(
        images,
        tuple(_parse_images(update.get("images") if isinstance(update, dict) else None)),
        commit if is_usable else None,
        tasks.get(str(properties.get("task"))),
    )


def _parse_images(listed: Any) -> Iterator[tuple[str, Digest]]:
    for each in listed[:MAX_IMAGES] if isinstance(listed, list) else ():
        if isinstance(each, dict) and (digest := parse_sha256(str(each.get("digest")))) is not None:
            registry = str(each.get("registry"))
            host = DOCKER_HUB if registry in _HUB_SERVERS else registry
            try:
                yield ImageName.parse(f"{host}/{each.get('repository')}").repository, digest
            except InvalidReferenceError:
                continue
