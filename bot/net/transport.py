"""Connects only to addresses that the guard allows."""

from __future__ import annotations

import socket
from functools import partial

from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from bot.net.deadlines import DeadlineAdapter, open_unchecked_socket
from bot.net.guard import RequestGuard


class GuardedAdapter(DeadlineAdapter):
    """A `requests` adapter that checks the addresses of hosts before it connects to them.

    The address of the operator's proxy is not checked, because a proxy is usually in the private network. If a proxy is
    used, it resolves the names of the hosts. The client therefore checks the names themselves (see `bot.net.client`).
    """

    def __init__(self, guard: RequestGuard) -> None:
        super().__init__(open_socket=partial(_connect_guarded, guard))


def _connect_guarded(guard: RequestGuard, connection: HTTPConnection) -> socket.socket:
    """Connect to the proxy of the connection, or else to the first address of the host that accepts the connection.

    TLS and the Host header still use the host name. Raises BlockedError if any address of the host is not allowed, and
    an error of urllib3 if no address accepts the connection.
    """
    if connection.proxy is not None:
        return open_unchecked_socket(connection)
    try:
        addresses = guard.resolve_addresses(connection.host, connection.port)
    except OSError as error:
        raise NameResolutionError(connection.host, connection, socket.gaierror(*error.args)) from error
    failure: OSError = OSError("it has no address")
    for address in addresses:
        try:
            return create_connection(
                (address, connection.port), connection.timeout, socket_options=connection.socket_options
            )
        except OSError as error:
            failure = error
    if isinstance(failure, TimeoutError):
        raise ConnectTimeoutError(connection, "the connection timed out") from failure
    raise NewConnectionError(connection, str(failure)) from failure
