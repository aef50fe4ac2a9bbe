"""An adapter for `requests` that connects only to addresses that the guard allows."""

from __future__ import annotations

import socket

from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from bot.net.deadlines import DeadlineAdapter
from bot.net.guard import RequestGuard


class GuardedAdapter(DeadlineAdapter):
    """A `requests` adapter that checks the addresses of hosts before it connects to them.

    The address of the operator's proxy is not checked, because a proxy is usually in the private network. If a proxy is
    used, it resolves the names of the hosts. The client therefore checks the names themselves (see `bot.net.client`).
    """

    def __init__(self, guard: RequestGuard) -> None:
        self._guard = guard
        super().__init__()

    def open_socket(self, connection: HTTPConnection) -> socket.socket:
        """Connect to the first address of the host that accepts the connection.

        TLS and the Host header still use the host name. Raises BlockedError if any address of the host is not allowed,
        and an error of urllib3 if no address accepts the connection.
        """
        if connection.proxy is not None:
            return super().open_socket(connection)
        try:
            addresses = self._guard.resolve_addresses(connection.host, connection.port)
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
