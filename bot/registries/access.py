"""Registry entries of the configuration, and the endpoint that requests about each registry go to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bot.model.hosts import PUBLIC_HOSTS, is_acr
from bot.model.reference import DOCKER_HUB
from bot.net import HostTrust
from bot.registries.clouds import Cloud
from bot.registries.upstream import Cache, origin

HUB_API = "registry-1.docker.io"
HUB_ALIASES = frozenset({DOCKER_HUB, "index.docker.io", HUB_API, "registry.hub.docker.com", "hub.docker.com"})
"""All host names that people write for Docker Hub."""


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """An entry of `registries:` in the configuration, with its secrets read from the environment."""

    host: str
    """`host[:port]`, as in canonical references."""
    path: str = ""
    """Path below the host that `upstream` applies to; all other settings are in the host's entry without a path."""
    mirror: str | None = None
    """`host[:port][/prefix]` that requests are sent to instead of `host`."""
    upstream: str | None = None
    """`host[:port][/prefix]` that this registry is a pull-through cache of; tags are looked up there."""
    insecure: bool = False
    """True for plain http; applies to the mirror if there is one."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    anonymous: bool = False
    """True if no credential is looked up for this registry."""
    entra: bool = False
    """True if this is an Azure Container Registry that is authenticated with Microsoft Entra tokens."""
    cloud: Cloud | None = None
    """The cloud provider that issues the login, instead of a stored username and password."""
    ca: str | None = None
    """Path of a file of CA certificates; applies to the mirror if there is one."""
    trusted_realms: tuple[str, ...] = ()
    """`host[:port]` of token servers on other hosts that may receive the credential."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The host, path prefix and TLS settings that requests about one registry go to."""

    registry: str
    """Host of the registry, as in canonical references."""
    account: str
    """Host whose credential is used: the registry itself, or its mirror."""
    host: str
    """`host[:port]` that connections are made to."""
    prefix: str = ""
    """Path before every repository, with a trailing slash: `dockerhub/`. Empty without a mirror prefix."""
    insecure: bool = False
    ca: str | None = None
    trusted_realms: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return f"{'http' if self.insecure else 'https'}://{self.host}"


class Access:
    """Maps registries to endpoints. Only public and configured hosts have one."""

    def __init__(self, entries: Iterable[RegistryEntry] = ()) -> None:
        listed = tuple(entries)
        self._entries = {account_of(entry.host): entry for entry in listed if not entry.path}
        for entry in listed:
            self._entries.setdefault(account_of(entry.host), RegistryEntry(entry.host))
        self._caches = tuple(
            Cache(account_of(entry.host), entry.path, entry.upstream) for entry in listed if entry.upstream
        )

    def entry(self, account: str) -> RegistryEntry | None:
        """Return the configuration entry for exactly this host, or None."""
        return self._entries.get(account)

    def is_azure(self, account: str) -> bool:
        """Return True if a host is an Azure Container Registry, by its name or by `auth: azure` in its entry."""
        entry = self.entry(account)
        return is_acr(account) or (entry is not None and entry.entra)

    def origin(self, repository: str) -> str:
        """Return the canonical repository to look up tags in: the upstream's if `repository` is in a cache."""
        return origin(repository, self._caches)

    def endpoint(self, registry: str) -> Endpoint | None:
        """Return the endpoint of `registry`, or None if that host must not be contacted."""
        entry = self._entries.get(account_of(registry))
        if entry is not None:
            return self._listed_endpoint(registry, entry)
        return Endpoint(registry, registry, _api_host(registry)) if registry in PUBLIC_HOSTS else None

    def named_endpoint(self, host: str) -> Endpoint:
        """Return the endpoint of a host that the operator named anywhere in the configuration."""
        trust = self.listed().get(_api_host(account_of(host)), HostTrust())
        direct = Endpoint(host, account_of(host), _api_host(account_of(host)), insecure=trust.insecure, ca=trust.ca)
        return self.endpoint(host) or direct

    def _listed_endpoint(self, registry: str, entry: RegistryEntry) -> Endpoint:
        if entry.mirror is None:
            account, prefix = account_of(registry), ""
        else:
            host, _, path = entry.mirror.partition("/")
            account, prefix = account_of(host), f"{path.strip('/')}/" if path.strip("/") else ""
        own = self._entries.get(account, entry)
        return Endpoint(
            registry=registry,
            account=account,
            host=_api_host(account),
            prefix=prefix,
            insecure=entry.insecure or own.insecure,
            ca=own.ca or entry.ca,
            trusted_realms=tuple(dict.fromkeys((*own.trusted_realms, *entry.trusted_realms))),
        )

    def listed(self) -> Mapping[str, HostTrust]:
        """Return the hosts that the configuration allows: registries, mirrors and their token servers."""
        found: dict[str, HostTrust] = {}
        for entry in self._entries.values():
            endpoint = self._listed_endpoint(entry.host, entry)
            for host in (endpoint.host, *endpoint.trusted_realms):
                known = found.get(host, HostTrust())
                found[host] = HostTrust(known.insecure or endpoint.insecure, known.ca or endpoint.ca)
        return found


def account_of(host: str) -> str:
    """Return the canonical host under which a registry's credential is stored; Docker Hub's aliases become one."""
    lowered = host.lower()
    return DOCKER_HUB if lowered in HUB_ALIASES else lowered


def _api_host(account: str) -> str:
    return HUB_API if account == DOCKER_HUB else account
