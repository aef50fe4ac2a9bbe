"""Which files are compose files, by their names."""

from __future__ import annotations

import re

from bot.model.source import FilePath

_COMPOSE_FILE = re.compile(r"(?:.*/)?(?:docker-compose|compose|docker-stack)[^/]*\.ya?ml", re.IGNORECASE | re.DOTALL)


def is_compose_file(path: FilePath) -> bool:
    """Say whether a file is named as those are: `compose.yaml`, `docker-compose.prod.yml`, `docker-stack.yml`."""
    return _COMPOSE_FILE.fullmatch(path) is not None
