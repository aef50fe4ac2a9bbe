"""An adapter for `requests` that connects only to addresses that the guard allows."""

from __future__ import annotations

import socket
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from bot.net.guard import RequestGuard


class GuardedAdapter(HTTPAdapter):
    """A `requests` adapter that checks the addresses of hosts before it connects to them.

    The address of the operator's proxy is not checked, because a proxy is usually in the private network. If a proxy is
    used, it resolves the names of the hosts. The client therefore checks the names themselves (see `bot.net.client`).
    """

    def __init__(self, guard: RequestGuard) -> None:
        self._guard = guard
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:  # noqa: FBT001, FBT002 - the signature of HTTPAdapter
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = _make_guarded_pools(self._guard)


def _make_guarded_pools(guard: RequestGuard) -> dict[str, type[HTTPConnectionPool]]:
    """Return classes of urllib3 connection pools, by URL scheme. Their connections let `guard` check each address.

    The connections override the private method `_new_conn`, as urllib3's own SOCKS support does.
    """

    class GuardedConnection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connect_guarded(self, guard)

    class GuardedSecureConnection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connect_guarded(self, guard)

    class GuardedPool(HTTPConnectionPool):
        ConnectionCls = GuardedConnection

    class GuardedSecurePool(HTTPSConnectionPool):
        ConnectionCls = GuardedSecureConnection

    return {"http": GuardedPool, "https": GuardedSecurePool}


def _connect_guarded(connection: HTTPConnection, guard: RequestGuard) -> socket.socket:
    """Connect to the first address of the host that accepts the connection.

    TLS and the Host header still use the host name. Raises BlockedError if any address of the host is not allowed, and
    an error of urllib3 if no address accepts the connection.
    """
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
