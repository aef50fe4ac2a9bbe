"""Decides which URLs and IP addresses basebump is allowed to contact.

A host name can first resolve to a public address, and a moment later to a private address (DNS rebinding). Therefore
the addresses are checked when the connection is made, and the connection uses exactly the checked address.

`ipaddress.is_global` alone is not sufficient, because it allows Azure's wire server and all forms of IPv4 addresses
embedded in IPv6 addresses.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.net.exchange_errors import BlockedError
from bot.net.url import DEFAULT_PORTS, Url, split_authority

MAX_ADDRESSES = 4
"""The largest number of addresses of one name that are tried: IPv4 and IPv6 of two machines. More addresses would only
add more timeouts."""

_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""The whole IPv6 range that IANA has allocated. Addresses outside this range (NAT64, IPv4-compatible, site-local) are
special."""
_DENIED_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # Azure's wire server, which serves secrets at an address that appears to be public
        "192.0.0.0/24",  # IETF protocol assignments, some of which are classified as global
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # IETF protocol assignments: Teredo and others
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation; older Python versions classify this network as global
    )
)

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_MACHINE_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local; most clouds serve a machine's identity and secrets there
        "fe80::/10",
        "168.63.129.16/32",  # Azure's wire server
        "100.100.100.200/32",  # Alibaba's metadata service
        "192.0.0.192/32",  # Oracle's first metadata service
        "fd00:ec2::/32",  # Amazon's services for the machine itself
        "fd20:ce::254/128",  # Google's metadata service
    )
)
"""The addresses of the machine itself or its neighbours. Registries never have such addresses, and requests to them
could expose secrets."""
_MACHINE_NAMES = frozenset({"metadata.google.internal", "metadata.azure.internal", "instance-data.ec2.internal"})
_INTERNAL_NAMES = (".internal", ".local", ".localhost", ".home.arpa")
"""Suffixes of names that never belong to a public host (RFC 6761, 6762, 8375; ICANN reserved `.internal`)."""

NO_REGISTRY_NOTE = "this is not the address of a registry"
"""Shown for a service of the machine, instead of the hint to list a host under `registries:`."""

ResolveHost = Callable[[str, int], Sequence[str]]
"""Resolves a host name and a port to all addresses of the host. Raises OSError if the host has no address."""


@dataclass(frozen=True, slots=True)
class HostTrust:
    """Settings of a host that the configuration lists. Such a host may have any port and any address."""

    is_insecure: bool = False
    """True if basebump may contact the host with plain http."""
    ca: str | None = None
    """The path of a file of CA certificates, which are used for this host instead of the system's certificates."""


def is_public_address(address: str) -> bool:
    """Return True if `address` is a public unicast IP address. Return False for any other address or text."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            parsed = parsed.ipv4_mapped
        elif parsed not in _GLOBAL_UNICAST:
            return False
    denied = any(parsed.version == network.version and parsed in network for network in _DENIED_NETWORKS)
    return parsed.is_global and not parsed.is_multicast and not denied


def is_machine_service(host: str) -> bool:
    """Return True if `host`, a name or an IP address, is a metadata service or a link-local address.

    A redirect to such a host may be an attack that tries to read secrets of this machine. Therefore messages about such
    a host must not suggest allowing it in the configuration.
    """
    if host in _MACHINE_NAMES:
        return True
    text = host.strip("[]").partition("%")[0]
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        try:  # numeric forms that the system's resolver also accepts: 2852039166, 0xa9fea9fe, 169.254.43518
            address = ipaddress.IPv4Address(socket.inet_aton(text))
        except (OSError, ValueError):
            return False
    within = [address]
    if isinstance(address, ipaddress.IPv6Address):
        last = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else None
        within += filter(None, (address.ipv4_mapped, address.sixtofour, last))
    return any(each.version == network.version and each in network for each in within for network in _MACHINE_NETWORKS)


def resolve_host(host: str, port: int) -> Sequence[str]:
    """Return all addresses of `host`, in the order of the system's resolver.

    Raises OSError if the host has no address.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # a label of the host name is empty or too long
        raise socket.gaierror(socket.EAI_NONAME, "invalid host name") from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class RequestGuard:
    """Allows any request to listed hosts. Other hosts need https, port 443 and a public address."""

    def __init__(self, listed_hosts: Mapping[str, HostTrust], resolve: ResolveHost = resolve_host) -> None:
        """Create a guard.

        The keys of `listed_hosts` are the hosts in the configuration, as `host` or `host[:port]`. A key without a port
        covers the ports 80 and 443. `resolve` returns the addresses of a host.

        Raises ValueError if a key is invalid.
        """
        self._resolve = resolve
        self._listed_hosts: dict[tuple[str, int], HostTrust] = {}
        for authority, trust in listed_hosts.items():
            host, port = split_authority(authority)
            for default in DEFAULT_PORTS.values() if port is None else (port,):
                self._listed_hosts[host, default] = trust

    def get_trust(self, url: Url) -> HostTrust | None:
        """Return the settings for the host and port of `url`; None if the configuration does not list the host."""
        return self._listed_hosts.get((url.host, url.port))

    def check_url(self, url: Url) -> None:
        """Check the scheme and the port of a URL before a request is sent.

        Raises BlockedError if one is not allowed.
        """
        trust = self.get_trust(url)
        if url.scheme != "https" and not (trust and trust.is_insecure):
            hint = self._get_hint(url, f"hint: list {url.authority} under `registries:` with `insecure: true`")
            raise BlockedError(f"{url.display_text} was not contacted, because it uses plain http", hint)
        if trust is None and url.port != DEFAULT_PORTS["https"]:
            hint = self._get_hint(url, f"hint: list {url.authority} under `registries:`")
            raise BlockedError(f"{url.display_text} was not contacted, because it uses another port than 443", hint)

    def resolve_addresses(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses to which a client may connect for `host` and `port`, at most MAX_ADDRESSES.

        Raises BlockedError if the configuration does not list the host and one of its addresses is not public. Raises
        OSError if the host has no address.
        """
        host = host.lower().rstrip(".")
        found = self._resolve(host.strip("[]"), port)
        bracketed = f"[{host}]" if ":" in host and not host.startswith("[") else host
        if (bracketed, port) not in self._listed_hosts:
            for address in found:
                if not is_public_address(address):
                    hint = _choose_hint(found, f"hint: list {host} under `registries:` if it is your registry")
                    raise BlockedError(f"{host} was not contacted, because its address {address} is not public", hint)
        return found[:MAX_ADDRESSES]

    def check_proxied_url(self, url: Url) -> None:
        """Check the host of a URL that is requested through the proxy.

        Raises BlockedError if the host is not allowed. The proxy resolves the host name, so that basebump does not know
        the address that the proxy uses. A host that the configuration does not list must instead meet two conditions:

        - Its name is not an internal name such as `db.internal`.
        - If this machine can resolve the name, all its addresses are public.
        """
        is_internal = ("." not in url.host and ":" not in url.host) or url.host.endswith(_INTERNAL_NAMES)
        if is_internal and self.get_trust(url) is None:
            hint = self._get_hint(url, f"hint: list {url.authority} under `registries:` if it is your registry")
            raise BlockedError(f"{url.host} was not contacted, because it is an internal host name", hint)
        try:
            self.resolve_addresses(url.host, url.port)
        except OSError:
            return  # this machine cannot resolve the name; this is usual if only the proxy can access the internet

    def _get_hint(self, url: Url, hint: str) -> str:
        """Return the hint for an error message about a blocked `url`.

        Usually return `hint`, which suggests listing the host. If the host is a service of the machine, such as a
        metadata service, return NO_REGISTRY_NOTE, because listing this host would be dangerous.
        """
        if is_machine_service(url.host):
            return NO_REGISTRY_NOTE
        try:
            return _choose_hint(self._resolve(url.host.strip("[]"), url.port), hint)
        except OSError:
            return hint


def _choose_hint(addresses: Sequence[str], hint: str) -> str:
    return NO_REGISTRY_NOTE if any(map(is_machine_service, addresses)) else hint
