"""Registry entries of the configuration, and the endpoints to which requests about registries are sent.

If a registry is a pull-through cache, basebump looks up tags in the upstream registry. The cache itself may be
outdated, because it returns the digest of its last pull.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bot.model.errors import InvalidReferenceError
from bot.model.hosts import PUBLIC_HOSTS, is_acr
from bot.model.image_name import DOCKER_HUB, ImageName
from bot.net import HostTrust
from bot.registries.clouds import CloudProvider

HUB_API = "registry-1.docker.io"
HUB_ALIASES = frozenset({DOCKER_HUB, "index.docker.io", HUB_API, "registry.hub.docker.com", "hub.docker.com"})
"""All host names that users write for Docker Hub."""


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """An entry of `registries:` in the configuration, with its secrets read from the environment."""

    host: str
    """`host[:port]`, as in canonical references."""
    path: str = ""
    """The path below the host to which `upstream` applies. All other settings are in the host's entry without a
    path."""
    mirror: str | None = None
    """The `host[:port][/prefix]` to which requests are sent instead of `host`."""
    upstream: str | None = None
    """The `host[:port][/prefix]` of the registry that this registry caches. Tags are looked up there."""
    is_insecure: bool = False
    """True to use plain http, for the mirror if there is one."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    is_anonymous: bool = False
    """True if no credential is looked up for this registry."""
    uses_entra: bool = False
    """True if this is an Azure Container Registry that is authenticated with Microsoft Entra tokens."""
    cloud: CloudProvider | None = None
    """The cloud provider that issues the login; None to use a stored username and password."""
    ca: str | None = None
    """The path of a file of CA certificates, for the mirror if there is one."""
    trusted_realms: tuple[str, ...] = ()
    """The `host[:port]` of each token server on another host that may receive the credential."""


@dataclass(frozen=True, slots=True)
class RegistryEndpoint:
    """The host, path prefix and TLS settings that are used for requests about one registry."""

    registry: str
    """The host of the registry, as in canonical references."""
    credential_host: str
    """The host whose credential is used: the registry itself, or its mirror."""
    host: str
    """The `host[:port]` to which connections are made."""
    prefix: str = ""
    """The path before every repository, with a trailing slash, such as `dockerhub/`. Empty without a mirror prefix."""
    is_insecure: bool = False
    ca: str | None = None
    trusted_realms: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return f"{'http' if self.is_insecure else 'https'}://{self.host}"


class EndpointDirectory:
    """Maps registries to their endpoints. Only public and configured registries have endpoints."""

    def __init__(self, entries: Iterable[RegistryEntry] = ()) -> None:
        all_entries = tuple(entries)
        self._entries = {normalise_host(entry.host): entry for entry in all_entries if not entry.path}
        for entry in all_entries:
            self._entries.setdefault(normalise_host(entry.host), RegistryEntry(entry.host))
        self._caches = tuple(
            PullThroughCache(normalise_host(entry.host), entry.path, entry.upstream)
            for entry in all_entries
            if entry.upstream
        )

    def get_entry(self, host: str) -> RegistryEntry | None:
        """Return the configuration entry for exactly this host, or None if there is none."""
        return self._entries.get(host)

    def is_azure_registry(self, host: str) -> bool:
        """Return True if `host` looks like an Azure Container Registry, or if its entry has `auth: azure`."""
        entry = self.get_entry(host)
        return is_acr(host) or (entry is not None and entry.uses_entra)

    def find_origin(self, repository: str) -> str:
        """Return the canonical name of the repository in which basebump looks up tags of `repository`.

        For a repository in a pull-through cache, this is the upstream repository. For any other repository, it is
        `repository`.
        """
        return find_origin(repository, self._caches)

    def find_endpoint(self, registry: str) -> RegistryEndpoint | None:
        """Return the endpoint of the host `registry`, or None if this host must not be contacted."""
        entry = self._entries.get(normalise_host(registry))
        if entry is not None:
            return self._build_listed_endpoint(registry, entry)
        return RegistryEndpoint(registry, registry, _get_api_host(registry)) if registry in PUBLIC_HOSTS else None

    def get_named_endpoint(self, host: str) -> RegistryEndpoint:
        """Return the endpoint of a host that the operator named, for example as the source of a scanner's database.

        Such a host may be contacted even if `registries:` has no entry for it.
        """
        trust = self.list_trusted_hosts().get(_get_api_host(normalise_host(host)), HostTrust())
        unlisted_endpoint = RegistryEndpoint(
            host,
            normalise_host(host),
            _get_api_host(normalise_host(host)),
            is_insecure=trust.is_insecure,
            ca=trust.ca,
        )
        return self.find_endpoint(host) or unlisted_endpoint

    def _build_listed_endpoint(self, registry: str, entry: RegistryEntry) -> RegistryEndpoint:
        if entry.mirror is None:
            host, prefix = normalise_host(registry), ""
        else:
            mirror_host, _, path = entry.mirror.partition("/")
            host, prefix = normalise_host(mirror_host), f"{path.strip('/')}/" if path.strip("/") else ""
        host_entry = self._entries.get(host, entry)
        return RegistryEndpoint(
            registry=registry,
            credential_host=host,
            host=_get_api_host(host),
            prefix=prefix,
            is_insecure=entry.is_insecure or host_entry.is_insecure,
            ca=host_entry.ca or entry.ca,
            trusted_realms=tuple(dict.fromkeys((*host_entry.trusted_realms, *entry.trusted_realms))),
        )

    def list_trusted_hosts(self) -> Mapping[str, HostTrust]:
        """Return the hosts that may be contacted because of `registries:`, with their TLS settings.

        These are the registries or their mirrors, and the token servers under `trusted_realms`.
        """
        trust_by_host: dict[str, HostTrust] = {}
        for entry in self._entries.values():
            endpoint = self._build_listed_endpoint(entry.host, entry)
            for host in (endpoint.host, *endpoint.trusted_realms):
                trust = trust_by_host.get(host, HostTrust())
                trust_by_host[host] = HostTrust(trust.is_insecure or endpoint.is_insecure, trust.ca or endpoint.ca)
        return trust_by_host


def normalise_host(host: str) -> str:
    """Return a host in lower case. All aliases of Docker Hub become `docker.io`."""
    lowered = host.lower()
    return DOCKER_HUB if lowered in HUB_ALIASES else lowered


def _get_api_host(host: str) -> str:
    return HUB_API if host == DOCKER_HUB else host


@dataclass(frozen=True, slots=True)
class PullThroughCache:
    """A pull-through cache of another registry: either a whole registry, or the repositories below one path."""

    host: str
    """The host, as in canonical references."""
    path: str
    """The path that is cached, in whole segments. Empty if the whole registry is a cache."""
    upstream: str
    """The `host[:port][/prefix]` to which the rest of the repository's path is appended."""

    def find_origin(self, repository: str) -> str | None:
        """Return the canonical name of the upstream repository; None if `repository` is not in this cache."""
        cached_part = f"{self.host}/{self.path}" if self.path else self.host
        if not f"{repository}/".startswith(f"{cached_part}/"):
            return None
        upstream_name = self.upstream + repository.removeprefix(cached_part)
        if "/" not in upstream_name:
            return None  # this is the path of the cache itself, which is not a repository upstream
        try:
            # Parsing the name as a reference turns `docker.io/nginx` into `docker.io/library/nginx`, as Docker does.
            # `docker.io/library/nginx`.
            return ImageName.parse(upstream_name).repository
        except InvalidReferenceError:
            return None


def find_origin(repository: str, caches: Iterable[PullThroughCache]) -> str:
    """Return the repository in which basebump looks up tags of `repository`.

    This is the upstream repository of the cache that contains `repository`. If caches are nested, the innermost cache
    is used. If no cache contains `repository`, return `repository` itself.
    """
    innermost_first = sorted(caches, key=lambda cache: len(cache.path), reverse=True)
    return next(filter(None, (cache.find_origin(repository) for cache in innermost_first)), repository)
