"""Fleets of servers as a config selects them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.forges.azure import server as azure_server
from bot.forges.gitea import server as gitea_server
from bot.forges.github import server as github_server
from bot.forges.gitlab import server as gitlab_server
from bot.forges.hosted.fleet import HostedFleet
from bot.forges.selection import RepositorySelection


def open_github_fleet(
    url: str = github_server.API,
    credential: str | github_server.AppKey | None = None,
    *,
    selected: Sequence[str | RepositorySelection] = (),
    base_branches: Sequence[str] = (),
    **options: Any,
) -> HostedFleet:
    """Return the selected repositories of a GitHub; `options` are those of `open_server`."""
    return HostedFleet(github_server.open_server(url, credential, **options), selected, base_branches)


def open_gitlab_fleet(
    url: str = gitlab_server.SITE,
    token: str | gitlab_server.JobToken | None = None,
    *,
    selected: Sequence[str | RepositorySelection] = (),
    base_branches: Sequence[str] = (),
    **options: Any,
) -> HostedFleet:
    """Return the selected projects of a GitLab; `options` are those of `open_server`."""
    return HostedFleet(gitlab_server.open_server(url, token, **options), selected, base_branches)


def open_azure_fleet(
    url: str,
    token: str | None = None,
    *,
    kind: azure_server.CredentialKind = azure_server.CredentialKind.PERSONAL,
    selected: Sequence[str | RepositorySelection] = (),
    base_branches: Sequence[str] = (),
    **options: Any,
) -> HostedFleet:
    """Return the selected repositories of an organization; `options` are those of `open_server`."""
    credential = azure_server.AzureCredential(kind, lambda: token) if token is not None else None
    return HostedFleet(azure_server.open_server(url, credential, **options), selected, base_branches)


def open_gitea_fleet(
    url: str,
    token: str | None = None,
    *,
    selected: Sequence[str | RepositorySelection] = (),
    base_branches: Sequence[str] = (),
    **options: Any,
) -> HostedFleet:
    """Return the selected repositories of a Gitea or Forgejo; `options` are those of `open_server`."""
    return HostedFleet(gitea_server.open_server(url, token, **options), selected, base_branches)
