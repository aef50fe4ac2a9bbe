"""Parses the URLs of git remotes."""

from __future__ import annotations

import re
from urllib.parse import unquote

from bot.starter.config_text import AZURE_SERVICES, ForgeRepository

_FORGE_HOSTS = {"github.com": "github", "gitlab.com": "gitlab", "codeberg.org": "gitea"}
_REMOTE = re.compile(
    r"""
    (?: (?P<scheme>https|ssh)://(?:[^@/\s]*@)? | [\w.-]+@ )
    (?P<host>[\w.-]+) (?: :(?P<port>\d+)/ | [:/] )
    (?P<name>[\w.-]+(?:/[\w.-]+)+)
    """,
    re.VERBOSE,
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
_AZURE_SERVER_REMOTE = re.compile(
    r"""
    https://(?:[^@/\s]*@)? (?!dev\.azure\.com/|[\w-]+\.visualstudio\.com/)
    (?P<collection>[\w.-]+(?::\d+)?/(?:tfs/)?[^/\s]+)
    (?:/(?P<project>[^/\s_][^/\s]*))? /_git/(?P<repository>[^/\s]+)
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""The URL of a remote on an Azure DevOps Server, such as `https://azure.example.com/DefaultCollection/Shop/_git/web`."""


def find_forge(remote: str) -> ForgeRepository | None:
    """Return the repository to which the URL of a git remote belongs; None if it cannot be derived from the URL.

    The kind of the forge is None if the host is not well known.
    """
    if match := _AZURE_REMOTE.fullmatch(remote):
        organization = match["organization"] or match["subdomain"] or match["ssh_organization"]
        repository = match["repository"] or match["ssh_repository"]
        name = f"{match['project'] or match['ssh_project'] or repository}/{repository}"
        return ForgeRepository("azure", unquote(name), f"{AZURE_SERVICES}{organization}")
    if match := _AZURE_SERVER_REMOTE.fullmatch(remote):
        name = f"{match['project'] or match['repository']}/{match['repository']}"
        return ForgeRepository("azure", unquote(name), f"https://{match['collection']}")
    match = _REMOTE.fullmatch(remote.removesuffix(".git"))
    if match is None or match["host"].lower().endswith(("dev.azure.com", ".visualstudio.com")):
        return None
    return _find_other_forge(match)


def _find_other_forge(match: re.Match[str]) -> ForgeRepository:
    """Return the repository on a forge that is not Azure DevOps."""
    host, name = match["host"].lower(), match["name"]
    kind = _FORGE_HOSTS.get(host)
    if kind in ("github", "gitlab"):
        return ForgeRepository(kind, name)
    has_web_port = match["scheme"] == "https" and match["port"]
    return ForgeRepository(kind, name, f"https://{host}:{match['port']}" if has_web_port else f"https://{host}")
