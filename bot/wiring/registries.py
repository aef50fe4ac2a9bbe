"""Create the registry client, and the clients for build tasks in registries, from the settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, assert_never

from bot.ports import ImageBuilder

if TYPE_CHECKING:
    from bot.registries.clouds import CloudProvider
    from bot.registries.endpoints import RegistryEntry
    from bot.registries.oci import OciRegistry
    from bot.settings import Settings
    from bot.settings.sections.registries import RegistryAuth, RegistryConfigEntry


def build_registry(settings: Settings) -> OciRegistry:
    """Return the client for all registries, configured by the settings. Raises ConfigError if a secret is not set."""
    from bot.registries.oci import OciRegistry

    return OciRegistry([_build_entry(settings, registry) for registry in settings.registries])


def _build_entry(settings: Settings, registry: RegistryConfigEntry) -> RegistryEntry:
    from bot.registries.endpoints import RegistryEntry
    from bot.settings.sections.registries import RegistryAuth

    def read_secret(variable: str | None) -> str | None:
        return settings.get_secret(variable, os.environ) if variable is not None else None

    return RegistryEntry(
        host=registry.server,
        path=registry.path,
        mirror=registry.mirror,
        upstream=registry.upstream,
        is_insecure=registry.insecure,
        username=read_secret(registry.username_env),
        password=read_secret(registry.password_env),
        is_anonymous=registry.auth is RegistryAuth.ANONYMOUS,
        uses_entra=registry.auth is RegistryAuth.AZURE,
        cloud=_choose_cloud(registry.auth),
        ca=str(registry.ca) if registry.ca is not None else None,
        trusted_realms=registry.trusted_realms,
    )


def list_builders(settings: Settings) -> Iterator[ImageBuilder]:
    """Yield a client for the build tasks of each registry for which the config enables them."""
    for registry in settings.registries:
        if registry.tasks is not None:
            from bot.registries.acr_tasks import AcrTasks

            yield AcrTasks(registry.server, registry.tasks, os.environ)


def _choose_cloud(auth: RegistryAuth) -> CloudProvider | None:
    from bot.registries.clouds import CloudProvider
    from bot.settings.sections.registries import RegistryAuth

    match auth:
        case RegistryAuth.ECR:
            return CloudProvider.ECR
        case RegistryAuth.GAR:
            return CloudProvider.GAR
        case RegistryAuth.DOCKER_CONFIG | RegistryAuth.ANONYMOUS | RegistryAuth.AZURE:
            return None
    assert_never(auth)
