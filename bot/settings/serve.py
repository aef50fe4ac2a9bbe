"""The section `serve` of the config file."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from bot.model.config_types import addresses, names, times
from bot.model.delivery import SenderKind
from bot.settings.section import ConfigSection
from bot.settings.serve_settings import DEFAULT_LISTEN, DEFAULT_POLL, DEFAULT_SWEEP, parse_listen_address

SHORTEST_POLL = timedelta(minutes=1)
"""The shortest time between two polls of a tag. Shorter times would exceed the limits of public registries."""


def _validate_listen(value: str) -> str:
    parse_listen_address(value)
    return value


def _validate_poll(value: timedelta) -> timedelta:
    if value < SHORTEST_POLL:
        raise ValueError("must be at least `1m`, because registries limit the number of requests")
    return value


ListenAddress = Annotated[str, AfterValidator(_validate_listen)]


class SenderEntry(ConfigSection):
    """The config entry for a registry or forge that reports events to `basebump serve`."""

    kind: SenderKind
    """The form of the events: `acr`, `event-grid`, `distribution`, `harbor`, `ghcr` and `signed` for registries,
    `github`, `gitlab`, `azure` and `gitea` for forges.
    """
    secret_env: names.VariableName
    """The name of the environment variable that holds the secret by which the sender proves its events. It must have at
    least 16 characters.
    """
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")] | None = None
    """The last part of the URL to which the events are sent: `/events/NAME`. Default: the kind."""
    registry: addresses.Host | None = None
    """The registry as `host[:port]`, as in image references. It replaces the host that the events name, which can be an
    internal name of the registry. Default: the host that the events name.
    """


class ServeSection(ConfigSection):
    """Settings of `basebump serve` and `basebump work`."""

    listen: ListenAddress = DEFAULT_LISTEN
    """The address on which the service listens: `host:port`. Other addresses than loopback make the pages readable for
    everyone who can connect, so that a reverse proxy must decide who can.
    """
    events: tuple[SenderEntry, ...] = ()
    """The registries and forges that report events. Default: none; changes are then found by polling and by sweeps."""
    poll: Annotated[times.Duration, AfterValidator(_validate_poll)] = DEFAULT_POLL
    """The longest time between two lookups of a tag that a base branch uses. Lookups are spread over this time."""
    sweep: times.Duration = DEFAULT_SWEEP
    """How often all repositories are listed, to find changes that no event reported."""
    user_header: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")] | None = None
    """The HTTP header in which a reverse proxy names the user, such as `X-Forwarded-Email`. Pages then require this
    header, and also show evidence that is private. Set it only if users cannot reach the service without this proxy.
    Default: pages require no header, and leave out private evidence.
    """
