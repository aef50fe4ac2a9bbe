"""Ports on loopback: free ones for servers that cannot choose one themselves, and one at which nothing listens."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PORTS = range(20_000, 32_000)
"""Linux and macOS assign none of these ports by themselves. So no connection and no other test server gets the port
before the server listens, or while it restarts."""


def find_free_port() -> int:
    """Return a port that is free, and stays free unless another process looks for one and gets the same by chance."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def reserve_silent_port() -> Iterator[int]:
    """Yield a port that refuses connections and stays reserved until the end of the `with` block."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # without `listen`, so that connections are refused
        yield reserved.getsockname()[1]
