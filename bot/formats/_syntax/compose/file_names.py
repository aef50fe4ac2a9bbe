"""Recognise compose files by their names, for the formats `compose` and `env`."""

from __future__ import annotations

import re

from bot.model.source import FilePath

_COMPOSE_FILE = re.compile(r"(?:.*/)?(?:docker-compose|compose|docker-stack)[^/]*\.ya?ml", re.IGNORECASE | re.DOTALL)

_STARTS = ("docker-compose", "compose", "docker-stack")


def is_compose_file(path: FilePath) -> bool:
    """Return True for names such as `compose.yaml`, `docker-compose.prod.yml` and `docker-stack.yml`."""
    name = path.rpartition("/")[2].lower()
    return name.startswith(_STARTS) and _COMPOSE_FILE.fullmatch(path) is not None
