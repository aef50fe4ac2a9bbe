"""The entries of `registries` in the config file, and the checks of their keys."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.model.config_types import addresses, names
from bot.model.config_types.markers import Flag
from bot.settings.paths import ConfigPath


class RegistryAuth(StrEnum):
    """The source of a registry's credential if the config names no environment variables that contain it."""

    DOCKER_CONFIG = "docker-config"
    """The login files of `docker login`, Podman, GitLab's runners, and of Secrets in Kubernetes."""
    ANONYMOUS = "anonymous"
    AZURE = "azure"
    """Microsoft Entra, for an Azure Container Registry."""
    ECR = "ecr"
    """The AWS identity of whoever runs basebump, for Amazon ECR."""
    GAR = "gar"
    """The Google identity of whoever runs basebump, for Google Artifact Registry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryConfigEntry:
    """The config entry for a registry: how basebump connects to the registry."""

    host: addresses.RegistryAddress
    """The registry as `host[:port]`, as in image references. For Docker Hub, write `docker.io`. With a path
    (`host[:port]/path`), the entry describes a pull-through cache, and only `upstream` can be set.
    """
    mirror: addresses.RegistryAddress | None = None
    """The mirror to contact instead of the registry: `host[:port][/prefix]`. The credential for the
    mirror comes from the mirror's own entry under `registries`.
    """
    upstream: addresses.RegistryAddress | None = None
    """The registry from which this pull-through cache copies: `host[:port][/prefix]`. basebump looks up tags
    in that registry.
    """
    insecure: Flag = False
    """Whether to use plain http. If there is a mirror, this key applies to the mirror."""
    username_env: names.VariableName | None = None
    """The name of the environment variable that holds the user name. Requires `password_env`."""
    password_env: names.VariableName | None = None
    """The name of the environment variable that holds the password or token. Requires `username_env`."""
    auth: RegistryAuth = RegistryAuth.DOCKER_CONFIG
    """Where the credential comes from if no variables are named: the login files of `docker login` (`docker-config`),
    the identity in a cloud (`azure`, `ecr`, `gar`), or nowhere (`anonymous`).
    """
    ca: ConfigPath | None = None
    """A file with CA certificates to trust for the registry, or for the mirror if there is one. The path is relative to
    this config file.
    """
    trusted_realms: tuple[addresses.Host, ...] = ()
    """Token servers on other hosts that may receive the credential: `host[:port]`."""
    tasks: names.RegistryResourceId | None = None
    """The resource ID of this Azure registry, which `az acr show --query id` prints. With this key, `run` lists
    the tasks of the registry.
    """
    purges_untagged: Flag | None = None
    """Whether the registry deletes untagged manifests. Default: `true` for quay.io and registry.gitlab.com, which are
    known to delete such manifests, otherwise `false`.
    """

    @property
    def server(self) -> str:
        """The host without the path of a pull-through cache: `host[:port]`."""
        return self.host.partition("/")[0]

    @property
    def path(self) -> str:
        """The path of the pull-through cache on the host; empty if the entry is for the whole host."""
        return self.host.partition("/")[2]
