"""Creates the objects that access the selected repositories on each configured forge.

A fleet (`bot.ports.Fleet`) is a set of selected repositories on one forge, and access to these repositories.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, assert_never

from bot.ports import Fleet

_WEB_TOKEN_START, _WEB_TOKEN_DOTS = "eyJ", 2
"""The beginning of a JSON Web Token, and the number of dots in it: RFC 7519."""

if TYPE_CHECKING:
    from bot.forges.azure.server import AzureCredential
    from bot.forges.github.server import AppKey
    from bot.forges.hosted.fleet import HostedServer
    from bot.forges.selection import RepositorySelection
    from bot.registries.azure_identity import EntraIdentity
    from bot.settings import Settings
    from bot.settings.sections.forges import (
        AnyForgeEntry,
        AzureForgeEntry,
        GiteaForgeEntry,
        GithubForgeEntry,
        GitlabForgeEntry,
        ServerForgeEntry,
    )


def build_fleets(settings: Settings, forge: AnyForgeEntry) -> Iterator[Fleet]:
    """Yield the fleets (sets of selected repositories) of one forge.

    A server has up to two fleets: one for the repositories that the config names, and one for the repositories that the
    config selects by owner. They are separate because their times to wait between writes differ.

    The local forge has a single fleet. Raises ConfigError if the environment variable with the forge's token or key is
    not set.
    """
    from bot.settings.sections.forges import (
        AzureForgeEntry,
        GiteaForgeEntry,
        GithubForgeEntry,
        GitlabForgeEntry,
        LocalForgeEntry,
    )

    match forge:
        case LocalForgeEntry():
            from bot.forges.local.fleet import LocalFleet

            # A single folder can be moved without losing what the state knows about its repositories.
            site = str(forge.url) if sum(isinstance(each, LocalForgeEntry) for each in settings.forges) > 1 else None
            yield LocalFleet(forge.url, forge.repositories, base_branches=forge.base_branches, site=site)
        case GithubForgeEntry():
            yield from _build_hosted_fleets(settings, forge, _prepare_github(settings, forge))
        case GitlabForgeEntry():
            yield from _build_hosted_fleets(settings, forge, _prepare_gitlab(settings, forge))
        case GiteaForgeEntry():
            yield from _build_hosted_fleets(settings, forge, _prepare_gitea(settings, forge))
        case AzureForgeEntry():
            yield from _build_hosted_fleets(settings, forge, _prepare_azure(settings, forge))
        case _:
            assert_never(forge)


def _build_hosted_fleets(
    settings: Settings, forge: ServerForgeEntry, open_server: Callable[[float], HostedServer]
) -> Iterator[Fleet]:
    """Yield the fleets (sets of selected repositories) of one server.

    `open_server` returns an object that accesses the server. Its argument is the number of seconds to wait between two
    writes.
    """
    from bot.forges.hosted.fleet import HostedFleet

    for selected, delay in group_by_write_delay(settings, forge):
        yield HostedFleet(open_server(delay), selected, forge.base_branches)


def _prepare_github(settings: Settings, forge: GithubForgeEntry) -> Callable[[float], HostedServer]:
    """Load the token or key, and return a function that opens the GitHub server.

    The argument of the returned function is the number of seconds to wait between two writes. Raises ConfigError if the
    environment variable with the token or key is not set.
    """
    from bot.forges.github.server import open_server

    credential = _load_github_credential(settings, forge)
    return lambda delay: open_server(
        forge.url, credential, dispatch=forge.dispatch, ca=forge.ca, seconds_between_writes=delay
    )


def _prepare_gitlab(settings: Settings, forge: GitlabForgeEntry) -> Callable[[float], HostedServer]:
    """Load the token, and return a function that opens the GitLab server.

    The argument of the returned function is the number of seconds to wait between two writes. Raises ConfigError if the
    environment variable with the token is not set.
    """
    from bot.forges.gitlab.server import JobToken, open_server
    from bot.settings.sections.forges import JOB_TOKEN, JOB_TOKEN_PREFIX

    secret = settings.get_token(forge.token_env, os.environ) if forge.token_env is not None else None
    is_of_job = secret is not None and (forge.token_env == JOB_TOKEN or secret.startswith(JOB_TOKEN_PREFIX))
    token = JobToken(secret) if secret is not None and is_of_job else secret
    return lambda delay: open_server(forge.url, token, ca=forge.ca, seconds_between_writes=delay)


def _prepare_gitea(settings: Settings, forge: GiteaForgeEntry) -> Callable[[float], HostedServer]:
    """Load the token, and return a function that opens the Gitea or Forgejo server.

    The argument of the returned function is the number of seconds to wait between two writes. Raises ConfigError if the
    environment variable with the token is not set.
    """
    from bot.forges.gitea.server import open_server

    token = settings.get_token(forge.token_env, os.environ) if forge.token_env is not None else None
    return lambda delay: open_server(forge.url, token, ca=forge.ca, seconds_between_writes=delay)


def _prepare_azure(settings: Settings, forge: AzureForgeEntry) -> Callable[[float], HostedServer]:
    """Load the token, and return a function that opens the organization of Azure DevOps.

    The argument of the returned function is the number of seconds to wait between two writes. Raises ConfigError if the
    environment variable with the token is not set.
    """
    from bot.forges.azure.server import open_server

    credential = _load_azure_credential(settings, forge)
    return lambda delay: open_server(
        forge.url, credential, work_items=forge.work_items, ca=forge.ca, seconds_between_writes=delay
    )


def group_by_write_delay(
    settings: Settings, forge: ServerForgeEntry
) -> Iterator[tuple[Sequence[str | RepositorySelection], float]]:
    """Yield up to two groups of selected repositories, each with the number of seconds to wait between two writes.

    The first group contains the repositories that the config names. If there are none, it is left out.

    The second group contains the conditions that select repositories by owner. The conditions exclude the repositories
    of the first group. If there are no conditions, the second group is left out if the first group exists, and empty if
    it does not.
    """
    from bot.forges.selection import RepositorySelection
    from bot.settings.sections.forges import list_named_repositories, list_owners

    names, owners = list_named_repositories(forge), list_owners(forge)
    if names:
        yield names, settings.get_write_delay(is_selected_by_owner=False).total_seconds()
    if owners or not names:
        selections = [
            RepositorySelection(
                each.owner, each.include, (*each.exclude, *_list_names_of_owner(names, each.owner)), each.topics
            )
            for each in owners
        ]
        yield selections, settings.get_write_delay(is_selected_by_owner=True).total_seconds()


def _load_github_credential(settings: Settings, forge: GithubForgeEntry) -> str | AppKey | None:
    """Return the App's key or the token that the config names; None if the config names neither.

    Raises ConfigError if the environment variable is not set or does not contain a valid key.
    """
    if forge.app is not None:
        from bot.forges.github.server import AppKey, InvalidKeyError

        try:
            return AppKey(forge.app.id, settings.get_secret(forge.app.key_env, os.environ))
        except InvalidKeyError:
            message = f"environment variable {forge.app.key_env} does not hold a private RSA key in PEM form"
            raise settings.build_variable_error(forge.app.key_env, message) from None
    return settings.get_token(forge.token_env, os.environ) if forge.token_env is not None else None


def _load_azure_credential(settings: Settings, forge: AzureForgeEntry) -> AzureCredential | None:
    """Return the token that the config names, or the login with Microsoft Entra; None if the config names neither.

    Tokens of pipeline jobs and of Microsoft Entra are JSON Web Tokens, and personal access tokens are not. Raises
    ConfigError if the environment variable with the token is not set.
    """
    from bot.forges.azure.server import ENTRA_SCOPE, AzureCredential, CredentialKind
    from bot.settings.sections.forges import AZURE_JOB_TOKEN

    if forge.auth is not None:
        return AzureCredential(CredentialKind.ENTRA, EntraLogin(os.environ, ENTRA_SCOPE).get_token)
    if forge.token_env is None:
        return None
    secret = settings.get_token(forge.token_env, os.environ)
    is_web_token = secret.startswith(_WEB_TOKEN_START) and secret.count(".") == _WEB_TOKEN_DOTS
    kind = CredentialKind.ENTRA if is_web_token else CredentialKind.PERSONAL
    return AzureCredential(CredentialKind.JOB if forge.token_env == AZURE_JOB_TOKEN else kind, lambda: secret)


class EntraLogin:
    """The login with Microsoft Entra for one service, which chooses its identity when it is first needed."""

    def __init__(self, environment: Mapping[str, str], scope: str) -> None:
        self._environment = environment
        self._scope = scope
        self._lock = threading.Lock()
        self._identity: EntraIdentity | None = None

    def get_token(self) -> str:
        """Return a valid token. Raises BasebumpError if Entra issues none, or if no identity is configured."""
        from bot.registries.azure_identity import EntraIdentity, get_azure_cloud

        with self._lock:
            if self._identity is None:
                self._identity = EntraIdentity(get_azure_cloud("", self._environment), self._environment)
        return self._identity.get_token(self._scope)


def _list_names_of_owner(names: Iterable[str], owner: str) -> Iterator[str]:
    """Yield the repositories of an owner that the config names one by one; their names are without the owner."""
    prefix = f"{owner}/"
    for name in names:
        if name.lower().startswith(prefix.lower()):
            yield name[len(prefix) :]
