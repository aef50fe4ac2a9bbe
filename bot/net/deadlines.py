"""An adapter for `requests` that ends every exchange at a deadline, whatever the server sends until then.

A timeout of `requests` starts again with each byte that arrives. A server can therefore keep a client waiting forever
by sending one byte of a header, of a chunk size or of a trailer every few seconds. Endless `100 Continue` responses and
endless empty compressed blocks have the same effect. All of these arrive through the socket, so the deadline is checked
at each read from the socket.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context, resolve_cert_reqs

EXCHANGE_SECONDS = 60.0
"""From the request to the end of a small response; registries that ask their upstream first take several seconds."""
SLOWEST_RATE = 128 * 1024
"""Bytes per second; a response may take this much longer the larger its size limit is."""


Received = TypeVar("Received", int, bytes)


class ExchangeTimeoutError(TimeoutError):
    """The deadline of an exchange has passed."""


def compute_allowance(limit: int) -> float:
    """Return the seconds that one exchange may take if its response has at most `limit` bytes."""
    return EXCHANGE_SECONDS + limit / SLOWEST_RATE


class DeadlineAdapter(HTTPAdapter):
    """Ends every exchange after `allowance` seconds.

    A read after the deadline raises ExchangeTimeoutError, which urllib3 and `requests` wrap in their own errors. The
    time to connect is not part of the exchange: the caller's connect timeout limits it.
    """

    def __init__(self, limit: int = 0) -> None:
        self.allowance = compute_allowance(limit)
        """Seconds for each exchange that starts from now on."""
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:  # noqa: FBT001, FBT002 - the signature of HTTPAdapter
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = _make_pools(self)

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **proxy_kwargs)
        manager.pool_classes_by_scheme = _make_pools(self)
        return manager

    def open_socket(self, connection: HTTPConnection) -> socket.socket:
        """Return a connected socket for a new connection. Raises an error of urllib3 if there is none."""
        return HTTPConnection._new_conn(connection)  # noqa: SLF001 - the method that urllib3's SOCKS support overrides


def _make_pools(adapter: DeadlineAdapter) -> dict[str, type[HTTPConnectionPool]]:
    """Return urllib3's pools with connections that obey the adapter's deadline."""

    class PlainConnection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _open_socket(adapter, self)

        def request(self, *args: Any, **kwargs: Any) -> None:
            _start_exchange(self.sock, adapter.allowance)
            super().request(*args, **kwargs)

    class SecureConnection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _open_socket(adapter, self)

        def connect(self) -> None:
            # A context of its own for each connection: certificates that one host is trusted by are for no other.
            self.ssl_context = create_urllib3_context(cert_reqs=resolve_cert_reqs(self.cert_reqs))
            self.ssl_context.sslsocket_class = _SecureSocket
            super().connect()

        def request(self, *args: Any, **kwargs: Any) -> None:
            _start_exchange(self.sock, adapter.allowance)
            super().request(*args, **kwargs)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = PlainConnection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": PlainPool, "https": SecurePool}


def _open_socket(adapter: DeadlineAdapter, connection: HTTPConnection) -> socket.socket:
    """Connect; the exchange begins here, because a proxy's response to CONNECT is read before the request is sent."""
    opened = adapter.open_socket(connection)
    timeout = opened.gettimeout()
    limited = _PlainSocket(opened.family, opened.type, opened.proto, fileno=opened.detach())
    limited.settimeout(timeout)
    _start_exchange(limited, adapter.allowance)
    return limited


def _start_exchange(opened: object, allowance: float) -> None:
    """Set the deadline of a socket's current exchange; do nothing if the socket is yet to be opened."""
    if isinstance(opened, _PlainSocket | _SecureSocket):
        opened.deadline = time.monotonic() + allowance


class _PlainSocket(socket.socket):
    """A socket that is not read after its deadline."""

    deadline = float("inf")
    """A value of `time.monotonic`."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        return _read_in_time(self, partial(super().recv_into, *args, **kwargs))

    def recv(self, *args: Any, **kwargs: Any) -> bytes:
        return _read_in_time(self, partial(super().recv, *args, **kwargs))


class _SecureSocket(ssl.SSLSocket):
    """The same over TLS. The handshake is one call, which the socket's timeout limits as a whole."""

    deadline = float("inf")

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        return _read_in_time(self, partial(super().recv_into, *args, **kwargs))

    def recv(self, *args: Any, **kwargs: Any) -> bytes:
        return _read_in_time(self, partial(super().recv, *args, **kwargs))


def _read_in_time(opened: _PlainSocket | _SecureSocket, read: Callable[[], Received]) -> Received:
    """Read from a socket, and wait at most until its deadline. Raises ExchangeTimeoutError after the deadline."""
    remaining = opened.deadline - time.monotonic()
    timeout = opened.gettimeout()
    if remaining > 0:
        if timeout is None or timeout > remaining:
            opened.settimeout(remaining)
        try:
            return read()
        except TimeoutError:
            if time.monotonic() < opened.deadline:
                raise
    raise ExchangeTimeoutError("the deadline of the exchange has passed")
