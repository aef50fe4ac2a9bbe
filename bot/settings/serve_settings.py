"""The frozen settings of the service, and their defaults."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from bot.model.delivery import SenderKind

DEFAULT_LISTEN = "127.0.0.1:8080"
DEFAULT_POLL = timedelta(minutes=30)
DEFAULT_SWEEP = timedelta(hours=12)
MAX_PORT = 65535
MIN_EVENT_SECRET = 16
"""The minimum number of characters of the secret of a sender."""
_LISTEN_ADDRESS = re.compile(r"(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """A registry or forge that reports events."""

    kind: SenderKind
    name: str
    """The last part of the URL to which the events are sent."""
    secret_env: str
    registry: str | None = None
    """The registry that replaces the host in the events; None if the events name the right host."""


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """The settings of the service."""

    listen: tuple[str, int] = ("127.0.0.1", 8080)
    """The host without brackets, and the port."""
    senders: tuple[SenderSettings, ...] = ()
    poll: timedelta = DEFAULT_POLL
    """The longest time between two lookups of a tag."""
    sweep: timedelta = DEFAULT_SWEEP
    """How often all repositories are listed."""
    user_header: str | None = None
    """The header in which a reverse proxy names the user; None if there is no such proxy."""
    uses_postgresql_queue: bool = False
    """True if workers are woken through PostgreSQL."""


def parse_listen_address(text: str) -> tuple[str, int]:
    """Return the host and the port of `host:port`. Raises ValueError if the text has another form."""
    match = _LISTEN_ADDRESS.fullmatch(text)
    if match is None or not 0 < int(match["port"]) <= MAX_PORT:
        raise ValueError("must be `host:port`, such as `127.0.0.1:8080` or `[::1]:8080`")
    return match["host"].strip("[]"), int(match["port"])
