"""What the operator said of registries, and where the questions about each of them go."""

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
"""Everything that people write when they mean Docker Hub."""


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """One entry of `registries:`, with its secrets read."""

    host: str
    """`host[:port]`, as in canonical references."""
    path: str = ""
    """The part of the registry that `upstream` is about; all else is said of the host in an entry without it."""
    mirror: str | None = None
    """`host[:port][/prefix]`, asked instead of `host`."""
    upstream: str | None = None
    """`host[:port][/prefix]` that this is a pull-through cache of: asked what tags point to."""
    insecure: bool = False
    """Plain http, for the mirror if there is one."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    anonymous: bool = False
    """Whether no credential is looked for."""
    entra: bool = False
    """Whether this is an Azure Container Registry that Microsoft Entra's tokens open."""
    cloud: Cloud | None = None
    """Whose word opens it, instead of a login that somebody keeps."""
    ca: str | None = None
    """A file of CA certificates, for the mirror if there is one."""
    trusted_realms: tuple[str, ...] = ()
    """`host[:port]` of token servers elsewhere that may see the credential."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the questions about one registry go."""

    registry: str
    """As in canonical references."""
    account: str
    """Whose credential is used: the registry itself, or its mirror."""
    host: str
    """`host[:port]` that is connected to."""
    prefix: str = ""
    """A path before every repository, with its slash: `dockerhub/`."""
    insecure: bool = False
    ca: str | None = None
    trusted_realms: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return f"{'http' if self.insecure else 'https'}://{self.host}"


class Access:
    """Finds the endpoint of a registry; knows no host that is neither public nor listed."""

    def __init__(self, entries: Iterable[RegistryEntry] = ()) -> None:
        listed = tuple(entries)
        self._entries = {account_of(entry.host): entry for entry in listed if not entry.path}
        for entry in listed:
            self._entries.setdefault(account_of(entry.host), RegistryEntry(entry.host))
        self._caches = tuple(
            Cache(account_of(entry.host), entry.path, entry.upstream) for entry in listed if entry.upstream
        )

    def entry(self, account: str) -> RegistryEntry | None:
        """Return what the operator listed for exactly this host."""
        return self._entries.get(account)

    def is_azure(self, account: str) -> bool:
        """Say whether a host is an Azure Container Registry: by its name, or because Entra opens it."""
        entry = self.entry(account)
        return is_acr(account) or (entry is not None and entry.entra)

    def origin(self, repository: str) -> str:
        """Return the canonical repository that knows what tags point to: where this one caches it, its upstream's."""
        return origin(repository, self._caches)

    def endpoint(self, registry: str) -> Endpoint | None:
        """Return where to ask about `registry`, None where it is not to be contacted."""
        entry = self._entries.get(account_of(registry))
        if entry is not None:
            return self._listed_endpoint(registry, entry)
        return Endpoint(registry, registry, _api_host(registry)) if registry in PUBLIC_HOSTS else None

    def named_endpoint(self, host: str) -> Endpoint:
        """Return where to ask about a host that the operator named somewhere, whether it is listed or not."""
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
        """Return what the operator allows by naming hosts: registries, mirrors and their token servers."""
        found: dict[str, HostTrust] = {}
        for entry in self._entries.values():
            endpoint = self._listed_endpoint(entry.host, entry)
            for host in (endpoint.host, *endpoint.trusted_realms):
                known = found.get(host, HostTrust())
                found[host] = HostTrust(known.insecure or endpoint.insecure, known.ca or endpoint.ca)
        return found


def account_of(host: str) -> str:
    """Return the one name under which a registry's credential is kept."""
    lowered = host.lower()
    return DOCKER_HUB if lowered in HUB_ALIASES else lowered


def _api_host(account: str) -> str:
    return HUB_API if account == DOCKER_HUB else account
