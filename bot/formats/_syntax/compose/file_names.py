"""Recognise compose files by their names, for the formats `compose` and `env`."""

from __future__ import annotations

import re

from bot.model.path_index import PathIndex
from bot.model.source import FilePath

_COMPOSE_FILE = re.compile(r"(?:.*/)?(?:docker-compose|compose|docker-stack)[^/]*\.ya?ml", re.IGNORECASE | re.DOTALL)


def is_compose_name(path: FilePath) -> bool:
    """Return True if a file has the usual name of a compose file."""
    return _COMPOSE_FILE.fullmatch(path) is not None


def list_compose_files(paths: PathIndex) -> list[FilePath]:
    """Return the files with names such as `compose.yaml`, `docker-compose.prod.yml` and `docker-stack.yml`."""
    return [path for path in paths.list_containing("compose", "docker-stack") if is_compose_name(path)]
