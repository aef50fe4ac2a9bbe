"""Parses the URLs of git remotes of well-known forges."""

from __future__ import annotations

import re
from urllib.parse import unquote

from bot.starter.config_text import ForgeRepository

_FORGE_HOSTS = {"github.com": "github", "gitlab.com": "gitlab"}
_REMOTE = re.compile(
    r"(?:(?:https|ssh)://(?:[^@/\s]*@)?|[\w.-]+@)(?P<host>[\w.-]+)(?::\d+/|[:/])(?P<name>[\w.-]+(?:/[\w.-]+)+)"
)
"""The URL of a remote, such as `https://github.com/acme/web.git` or `git@github.com:acme/web.git`."""
_AZURE_REMOTE = re.compile(
    r"""
    (?: https://(?:[^@/\s]*@)?
        (?: dev\.azure\.com/(?P<organization>[\w-]+) | (?P<subdomain>[\w-]+)\.visualstudio\.com(?:/DefaultCollection)? )
        (?:/(?P<project>[^/\s_][^/\s]*))? /_git/(?P<repository>[^/\s]+)
    |   (?:ssh://)? [\w.-]+@ (?:ssh\.dev\.azure|vs-ssh\.visualstudio)\.com (?: :v3/ | (?::22)?/v3/ )
        (?P<ssh_organization>[\w-]+)/(?P<ssh_project>[^/\s]+)/(?P<ssh_repository>[^/\s]+)
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""The URL of a remote on Azure Repos, of the current and of the older form. Without a project in an HTTPS URL, the
project has the name of the repository."""


def find_forge(remote: str) -> ForgeRepository | None:
    """Return the repository to which the URL of a git remote belongs; None if its host is not a known forge."""
    if match := _AZURE_REMOTE.fullmatch(remote):
        organization = match["organization"] or match["subdomain"] or match["ssh_organization"]
        repository = match["repository"] or match["ssh_repository"]
        name = f"{match['project'] or match['ssh_project'] or repository}/{repository}"
        return ForgeRepository("azure", unquote(name), f"https://dev.azure.com/{organization}")
    match = _REMOTE.fullmatch(remote.removesuffix(".git"))
    kind = _FORGE_HOSTS.get(match["host"].lower()) if match else None
    return ForgeRepository(kind, match["name"]) if match and kind else None
