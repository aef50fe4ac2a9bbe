"""Build the fleets of repositories on forges from the settings."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, assert_never

from bot.ports import Fleet

if TYPE_CHECKING:
    from bot.forges.github.fleet import AppKey
    from bot.forges.selection import RepositorySelection
    from bot.settings import ForgeSettings, GithubSettings, GitlabSettings, Settings


def build_fleets(settings: Settings, forge: ForgeSettings) -> Iterator[Fleet]:
    """Yield the fleets of a forge: one of the repositories named in the config, one of those selected by owner.

    The local forge has a single fleet. Raises ConfigError if the token or key of the forge is not set.
    """
    from bot.settings import GithubSettings, GitlabSettings, LocalSettings

    match forge:
        case LocalSettings():
            from bot.forges.local.fleet import LocalFleet

            yield LocalFleet(forge.folder, forge.repositories or (), base_branches=forge.base_branches)
        case GithubSettings():
            yield from _build_github_fleets(settings, forge)
        case GitlabSettings():
            yield from _build_gitlab_fleets(settings, forge)
        case _:
            assert_never(forge)


def _build_github_fleets(settings: Settings, forge: GithubSettings) -> Iterator[Fleet]:
    from bot.forges.github.fleet import open_github_fleet

    credential = _load_github_credential(settings, forge)
    for selected, delay in group_by_write_delay(settings, forge):
        yield open_github_fleet(
            forge.url,
            credential,
            selected=selected,
            base_branches=forge.base_branches,
            dispatch=forge.dispatch,
            ca=forge.ca,
            seconds_between_writes=delay,
        )


def _build_gitlab_fleets(settings: Settings, forge: GitlabSettings) -> Iterator[Fleet]:
    from bot.forges.gitlab.fleet import JobToken, open_gitlab_fleet
    from bot.settings import JOB_TOKEN, JOB_TOKEN_PREFIX

    secret = settings.get_token(forge.token_env, os.environ) if forge.token_env is not None else None
    is_of_job = secret is not None and (forge.token_env == JOB_TOKEN or secret.startswith(JOB_TOKEN_PREFIX))
    token = JobToken(secret) if secret is not None and is_of_job else secret
    for selected, delay in group_by_write_delay(settings, forge):
        yield open_gitlab_fleet(
            forge.url,
            token,
            selected=selected,
            base_branches=forge.base_branches,
            ca=forge.ca,
            seconds_between_writes=delay,
        )


def group_by_write_delay(
    settings: Settings, forge: GithubSettings | GitlabSettings
) -> Iterator[tuple[Sequence[str | RepositorySelection], float]]:
    """Yield the named repositories and the selections by owner, each with the seconds between two writes.

    Repositories that are named are excluded from the selections.
    """
    from bot.forges.selection import RepositorySelection

    if forge.repositories:
        yield forge.repositories, settings.get_write_delay(is_selected_by_owner=False).total_seconds()
    if forge.owners or not forge.repositories:
        selections = [
            RepositorySelection(
                each.owner, each.include, (*each.exclude, *_list_named_repositories(forge, each.owner)), each.topics
            )
            for each in forge.owners
        ]
        yield selections, settings.get_write_delay(is_selected_by_owner=True).total_seconds()


def _load_github_credential(settings: Settings, forge: GithubSettings) -> str | AppKey | None:
    """Return the token, or the key of the App; None if the config has neither. Raises ConfigError."""
    if forge.app is not None:
        from bot.forges.github.fleet import AppKey, InvalidKeyError

        try:
            return AppKey(forge.app.id, settings.get_secret(forge.app.key_env, os.environ))
        except InvalidKeyError:
            message = f"environment variable {forge.app.key_env} does not hold a private RSA key in PEM form"
            raise settings.build_variable_error(forge.app.key_env, message) from None
    return settings.get_token(forge.token_env, os.environ) if forge.token_env is not None else None


def _list_named_repositories(forge: GithubSettings | GitlabSettings, owner: str) -> Iterator[str]:
    """Yield the repositories of an owner that the config names one by one, without the owner."""
    prefix = f"{owner}/"
    for name in forge.repositories:
        if name.lower().startswith(prefix.lower()):
            yield name[len(prefix) :]
