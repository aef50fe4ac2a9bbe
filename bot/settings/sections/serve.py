"""The section `serve` of the config file, and the checks of its keys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, NamedTuple

from bot.model.config_types import addresses, names, times
from bot.model.config_types.markers import Check, Example, ParseText, TextPattern
from bot.model.delivery import SenderKind
from bot.model.errors import ConfigProblem
from bot.settings.entries import Problems

DEFAULT_POLL = timedelta(minutes=30)
DEFAULT_SWEEP = timedelta(hours=12)
MAX_PORT = 65535
MIN_EVENT_SECRET = 16
"""The minimum number of characters of the secret of a sender."""
_LISTEN_ADDRESS = r"(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})"
SHORTEST_POLL = timedelta(minutes=1)
"""The shortest time between two polls of a tag. Shorter times would exceed the limits of public registries."""


class SocketAddress(NamedTuple):
    """An address on which the service listens."""

    host: str
    """The host without brackets."""
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


DEFAULT_LISTEN = SocketAddress("127.0.0.1", 8080)


def parse_listen_address(text: str) -> SocketAddress:
    """Parse `host:port`. Raises ValueError if the text has another form."""
    match = re.fullmatch(_LISTEN_ADDRESS, text)
    if match is None or not 0 < int(match["port"]) <= MAX_PORT:
        raise ValueError("must be `host:port`, such as `127.0.0.1:8080` or `[::1]:8080`")
    return SocketAddress(match["host"].strip("[]"), int(match["port"]))


def _validate_poll(value: timedelta) -> timedelta:
    if value < SHORTEST_POLL:
        raise ValueError("must be at least `1m`, because registries limit the number of requests")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderEntry:
    """The config entry for a registry or forge that reports events to `basebump serve`."""

    kind: Annotated[SenderKind, Example(SenderKind.ACR.value)]
    """The form of the events: `acr`, `event-grid`, `distribution`, `harbor`, `ghcr` and `signed` for registries,
    `github`, `gitlab`, `azure` and `gitea` for forges.
    """
    secret_env: Annotated[names.VariableName, Example("ACR_EVENT_SECRET")]
    """The name of the environment variable that holds the secret by which the sender proves its events. It must have at
    least 16 characters.
    """
    name: Annotated[Annotated[str, TextPattern(r"^[a-z0-9][a-z0-9-]{0,39}$")] | None, Example("acr")] = None
    """The last part of the URL to which the events are sent: `/events/NAME`. Default: the kind."""
    registry: Annotated[addresses.Host | None, Example("myregistry.azurecr.io")] = None
    """The registry as `host[:port]`, as in image references.

    This host replaces the host in the events, which can be an internal name of the registry. Default: the host that the
    events name.
    """

    @property
    def endpoint(self) -> str:
        """The last part of the URL to which the events are sent."""
        return self.name or self.kind.value


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSection:
    """Settings of `basebump serve` and `basebump work`."""

    listen: Annotated[SocketAddress, ParseText(parse_listen_address)] = DEFAULT_LISTEN
    """The address on which the service listens: `host:port`.

    With an address other than loopback, everyone who can connect can read the pages, so a reverse proxy must restrict
    access.
    """
    events: tuple[SenderEntry, ...] = ()
    """The registries and forges that report events. Default: none; changes are then found by polling and by sweeps."""
    poll: Annotated[times.Duration, Check(_validate_poll)] = DEFAULT_POLL
    """The longest time between two lookups of a tag that a base branch uses. Lookups are spread over this time."""
    sweep: times.Duration = DEFAULT_SWEEP
    """How often all repositories are listed, to find changes that no event reported."""
    user_header: Annotated[
        Annotated[str, TextPattern(r"^[A-Za-z][A-Za-z0-9-]{0,63}$")] | None, Example("X-Forwarded-Email")
    ] = None
    """The HTTP header in which a reverse proxy names the user, such as `X-Forwarded-Email`.

    Pages then require this header, and also show private evidence. Set the key only if users cannot reach the service
    without this proxy. Default: pages require no header, and leave out private evidence.
    """


def check_senders(senders: Iterable[SenderEntry]) -> Problems:
    """Yield a problem for each sender that has the name of an earlier sender, or that lacks its registry."""
    names: set[str] = set()
    for index, sender in enumerate(senders):
        where, name = f"serve.events[{index}]", sender.endpoint
        if name in names:
            yield ConfigProblem(
                f"{where}.name", f"an earlier entry is named `{name}`, too; hint: set another `name`, as in `{name}-2`"
            )
        names.add(name)
        if sender.kind is SenderKind.DISTRIBUTION and sender.registry is None:
            yield ConfigProblem(
                f"{where}.registry",
                "is required, because the events name the registry as the pushing client does; hint: set it to the "
                "registry as image references name it",
            )
