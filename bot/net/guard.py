"""What may be asked: which URLs, and which addresses behind their names.

An address is judged when it is connected to, and the connection goes to the address that was judged, so a name that
answers differently the next moment gains nothing. `ipaddress.is_global` is not enough: it lets through Azure's wire
server and every way of writing an IPv4 address inside an IPv6 one.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.net.errors import BlockedError
from bot.net.url import DEFAULT_PORTS, Url, split_authority

MAX_ADDRESSES = 4
"""Addresses of one name that are tried: both families of two machines; more would only add up their timeouts."""

_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""All that IANA has handed out of IPv6; whatever lies outside (NAT64, IPv4-compatible, site-local) is special."""
_DENIED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # Azure's wire server, which hands out secrets and looks public
        "192.0.0.0/24",  # IETF protocol assignments, some of which count as global
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # IETF protocol assignments: Teredo and others
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation, which older Pythons take for global
    )
)

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_MACHINES = tuple(
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local, where most clouds tell a machine who it is, and its secrets
        "fe80::/10",
        "168.63.129.16/32",  # Azure's wire server
        "100.100.100.200/32",  # Alibaba's metadata service
        "192.0.0.192/32",  # Oracle's first one
        "fd00:ec2::/32",  # Amazon's services for the machine itself
        "fd20:ce::254/128",  # Google's
    )
)
"""Addresses that mean the machine itself or its neighbours: no registry is there, and naming one gives secrets away."""
_MACHINE_NAMES = frozenset({"metadata.google.internal", "metadata.azure.internal", "instance-data.ec2.internal"})
_INTERNAL_NAMES = (".internal", ".local", ".localhost", ".home.arpa")
"""Names that never mean a public host (RFC 6761, 6762, 8375; ICANN reserved `.internal`)."""

NO_REGISTRY = "no registry is there"
"""In place of the advice to list a host."""

Resolve = Callable[[str, int], Sequence[str]]
"""From a host name and a port to all its addresses; raises OSError."""


@dataclass(frozen=True, slots=True)
class HostTrust:
    """What the operator allows a host by naming it: any port, any address."""

    insecure: bool = False
    """Plain http too."""
    ca: str | None = None
    """A file of CA certificates, which replaces those of the machine for this host."""


def is_public(address: str) -> bool:
    """Say whether `address` is one that anybody on the internet could reach, and a single machine."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            parsed = parsed.ipv4_mapped
        elif parsed not in _GLOBAL_UNICAST:
            return False
    denied = any(parsed.version == network.version and parsed in network for network in _DENIED)
    return parsed.is_global and not parsed.is_multicast and not denied


def is_of_machine(host: str) -> bool:
    """Say whether a host or an address, in any way to write it, is a metadata service or link-local.

    Nobody is ever told to list such a host: whoever names it in an answer wants to be given what it says.
    """
    if host in _MACHINE_NAMES:
        return True
    text = host.strip("[]").partition("%")[0]
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        try:  # as the system's resolver reads numbers: 2852039166, 0xa9fea9fe, 169.254.43518
            address = ipaddress.IPv4Address(socket.inet_aton(text))
        except (OSError, ValueError):
            return False
    within = [address]
    if isinstance(address, ipaddress.IPv6Address):
        last = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else None
        within += filter(None, (address.ipv4_mapped, address.sixtofour, last))
    return any(each.version == network.version and each in network for each in within for network in _MACHINES)


def resolve(host: str, port: int) -> Sequence[str]:
    """Return every address of `host`, in the order of the system's resolver. Raises OSError when there is none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # Python's own word for a label that is empty or too long
        raise socket.gaierror(socket.EAI_NONAME, "it is no name of a host") from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Guard:
    """Lets out what the operator listed, and of the rest only https on its own port to public addresses."""

    def __init__(self, listed: Mapping[str, HostTrust], resolve: Resolve = resolve) -> None:
        """Take the hosts that the operator named, as `host[:port]`. Raises ValueError when one is no such thing."""
        self._resolve = resolve
        self._listed: dict[tuple[str, int], HostTrust] = {}
        for authority, trust in listed.items():
            host, port = split_authority(authority)
            for default in DEFAULT_PORTS.values() if port is None else (port,):
                self._listed[host, default] = trust

    def trust(self, url: Url) -> HostTrust | None:
        """Return what the operator said of the URL's host and port, None where nothing."""
        return self._listed.get((url.host, url.port))

    def admit(self, url: Url) -> None:
        """Judge a URL before anything is sent. Raises BlockedError."""
        trust = self.trust(url)
        if url.scheme != "https" and not (trust and trust.insecure):
            advice = self._advice(url, f"list {url.authority} under `registries:` with `insecure: true` to allow it")
            raise BlockedError(f"{url.shown} is plain http", advice)
        if trust is None and url.port != DEFAULT_PORTS["https"]:
            advice = self._advice(url, f"list {url.authority} under `registries:` to ask it")
            raise BlockedError(f"{url.shown} is on an unusual port", advice)

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """Return where to connect for `host`, at most MAX_ADDRESSES.

        Raises BlockedError when one of all its addresses is not public and the operator did not list the host, and
        OSError when it has none.
        """
        host = host.lower().rstrip(".")
        found = self._resolve(host.strip("[]"), port)
        bracketed = f"[{host}]" if ":" in host and not host.startswith("[") else host
        if (bracketed, port) not in self._listed:
            for address in found:
                if not is_public(address):
                    advice = _unless_machine(found, f"list {host} under `registries:` if it is a registry of yours")
                    raise BlockedError(f"{host} is at {address}, which is not a public address", advice)
        return found[:MAX_ADDRESSES]

    def admit_by_proxy(self, url: Url) -> None:
        """Judge a name that the proxy will resolve: by its form, and by its addresses where this machine knows any.

        Raises BlockedError.
        """
        is_internal = ("." not in url.host and ":" not in url.host) or url.host.endswith(_INTERNAL_NAMES)
        if is_internal and self.trust(url) is None:
            advice = self._advice(url, "list it under `registries:` if it is one of yours")
            raise BlockedError(f"{url.host} is an internal name", advice)
        try:
            self.addresses(url.host, url.port)
        except OSError:
            return  # unknown here, as is usual where only the proxy looks outside

    def _advice(self, url: Url, advice: str) -> str:
        """Return the advice, unless the host is one that nobody should list, by its name or where that leads."""
        if is_of_machine(url.host):
            return NO_REGISTRY
        try:
            return _unless_machine(self._resolve(url.host.strip("[]"), url.port), advice)
        except OSError:
            return advice


def _unless_machine(addresses: Sequence[str], advice: str) -> str:
    return NO_REGISTRY if any(map(is_of_machine, addresses)) else advice
