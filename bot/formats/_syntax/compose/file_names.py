"""Recognise compose files by their names, for the formats `compose` and `env`."""

from __future__ import annotations

import re

from bot.model.path_index import PathIndex
from bot.model.source import FilePath

_COMPOSE_FILE = re.compile(r"(?:.*/)?(?:docker-compose|compose|docker-stack)[^/]*\.ya?ml", re.IGNORECASE | re.DOTALL)


def list_compose_files(paths: PathIndex) -> list[FilePath]:
    """Return the files with names such as `compose.yaml`, `docker-compose.prod.yml` and `docker-stack.yml`."""
    return [path for path in paths.list_containing("compose", "docker-stack") if _COMPOSE_FILE.fullmatch(path)]
