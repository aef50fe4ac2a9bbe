"""Find the public web page of a repository of images."""

from __future__ import annotations

import re

_PATH_PART = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)
_HUB_PART_COUNT = 2
"""Docker Hub has pages only for repositories with a namespace and a name, such as `library/node`."""
_PAGES = {
    "quay.io": "https://quay.io/repository/{path}",
    "ghcr.io": "https://ghcr.io/{path}",
    "mcr.microsoft.com": "https://mcr.microsoft.com/artifact/mar/{path}",
    "public.ecr.aws": "https://gallery.ecr.aws/{path}",
}
"""The page of a repository, by host. Azure's portal is missing: its pages need the ID of a subscription."""


def find_registry_page(host: str, path: str) -> str | None:
    """Return the URL of a repository's page; None if its registry has no public pages or the path is unusual.

    The URL is safe (`is_safe_url`), whatever `path` is.
    """
    parts = path.split("/")
    if not all(_PATH_PART.fullmatch(part) for part in parts):
        return None
    if host == "docker.io":
        if len(parts) != _HUB_PART_COUNT:
            return None
        return f"https://hub.docker.com/_/{parts[1]}" if parts[0] == "library" else f"https://hub.docker.com/r/{path}"
    return _PAGES[host].format(path=path) if host in _PAGES else None
