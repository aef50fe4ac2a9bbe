"""An adapter for `requests` that ends every exchange at a deadline, even if the server keeps sending data.

A timeout of `requests` starts again with each byte that arrives. A server can therefore keep a client waiting forever
by sending one byte of a header, of a chunk size or of a trailer every few seconds. Endless `100 Continue` responses,
endless empty compressed blocks, and a server that reads a long request slowly have the same effect. In all these cases,
the client reads from the socket or writes to it. Therefore the deadline is checked at each read and write of the
socket.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context, resolve_cert_reqs

EXCHANGE_SECONDS = 60.0
"""The time, in seconds, from a request to the end of a small response. A registry that asks its upstream takes several
seconds."""
SLOWEST_RATE = 128 * 1024
"""The slowest accepted rate of a transfer, in bytes per second. Each transferred byte moves the deadline of an exchange
accordingly, up to the time for the largest allowed response."""

Received = TypeVar("Received", int, bytes)


class ExchangeTimeoutError(TimeoutError):
    """The deadline of an exchange has passed."""


def compute_allowance(limit: int) -> float:
    """Return the seconds that one exchange may take at most if its response has at most `limit` bytes."""
    return EXCHANGE_SECONDS + limit / SLOWEST_RATE


OpenSocket = Callable[[HTTPConnection], socket.socket]


def open_unchecked_socket(connection: HTTPConnection) -> socket.socket:
    """Connect to the host of a connection, or to its proxy. Raises an error of urllib3 if this fails."""
    return HTTPConnection._new_conn(connection)  # noqa: SLF001 - the method that urllib3's SOCKS support overrides


@dataclass(slots=True)
class ExchangeAllowance:
    """The seconds that each exchange may take if it starts from now on."""

    seconds: float


class DeadlineAdapter(HTTPAdapter):
    """A `requests` adapter that ends every exchange after a time that depends on the size of the response.

    A read after the deadline raises ExchangeTimeoutError, which urllib3 and `requests` wrap in their own errors. The
    time to connect is not part of the exchange: the caller's connect timeout limits it.
    """

    def __init__(self, limit: int = 0, open_socket: OpenSocket = open_unchecked_socket) -> None:
        """Create an adapter for responses of at most `limit` bytes.

        `open_socket` connects the socket of a new connection, or raises an error of urllib3.
        """
        self._allowance = ExchangeAllowance(compute_allowance(limit))
        self._open_socket = open_socket
        super().__init__(max_retries=0)

    def set_limit(self, limit: int) -> None:
        """Allow each exchange that starts from now on the time that a response of `limit` bytes needs."""
        self._allowance.seconds = compute_allowance(limit)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:  # noqa: FBT001, FBT002 - the signature of HTTPAdapter
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        limit_exchanges(self.poolmanager, self._allowance, self._open_socket)

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **proxy_kwargs)
        limit_exchanges(manager, self._allowance, self._open_socket)
        return manager


def limit_exchanges(
    manager: PoolManager, allowance: ExchangeAllowance, open_socket: OpenSocket = open_unchecked_socket
) -> None:
    """Let a pool manager of `urllib3` end every exchange at its deadline.

    This function is for client libraries that create a pool manager themselves. `allowance` can be changed before each
    exchange.
    """
    manager.pool_classes_by_scheme = _make_pools(allowance, open_socket)


def _make_pools(allowance: ExchangeAllowance, open_socket: OpenSocket) -> dict[str, type[HTTPConnectionPool]]:
    """Return urllib3's connection pools by URL scheme, with connections that end every exchange at its deadline.

    The pools do not refer to the adapter. Such a reference would keep the connections of an unused adapter open until
    Python's garbage collector runs.
    """

    class DeadlineConnection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            opened = open_socket(self)
            timeout = opened.gettimeout()
            limited = _DeadlineSocket(opened.family, opened.type, opened.proto, fileno=opened.detach())
            limited.settimeout(timeout)
            # The deadline is needed before the request is sent, because a proxy's response to CONNECT comes first.
            limited.set_deadline(allowance.seconds)
            return limited

        def request(self, *args: Any, **kwargs: Any) -> None:
            if isinstance(self.sock, _DeadlineSocket):  # without a socket, urllib3 connects in the call below
                self.sock.set_deadline(allowance.seconds)
            super().request(*args, **kwargs)

    class SecureDeadlineConnection(DeadlineConnection, HTTPSConnection):
        def connect(self) -> None:
            # Each connection gets its own context, because urllib3 adds the CA certificates of the host to the context.
            self.ssl_context = create_urllib3_context(cert_reqs=resolve_cert_reqs(self.cert_reqs))
            self.ssl_context.sslsocket_class = _SecureDeadlineSocket
            super().connect()

    class DeadlinePool(HTTPConnectionPool):
        ConnectionCls = DeadlineConnection

    class SecureDeadlinePool(HTTPSConnectionPool):
        ConnectionCls = SecureDeadlineConnection

    return {"http": DeadlinePool, "https": SecureDeadlinePool}


class _DeadlineSocket(socket.socket):
    """A socket that cannot be used after its deadline. A read or write that waits for the server ends at the deadline.

    After the deadline, reads and writes raise ExchangeTimeoutError.
    """

    _deadline = _latest_deadline = float("inf")
    """The deadlines as times of `time.monotonic`: for the bytes transferred so far, and for any number of bytes."""

    def set_deadline(self, allowance: float) -> None:
        """Start an exchange of at most `allowance` seconds. Without any transferred bytes, it ends much earlier."""
        now = time.monotonic()
        self._latest_deadline = now + allowance
        self._deadline = now + min(EXCHANGE_SECONDS, allowance)

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        return self._add_time(self._finish_in_time(partial(super().recv_into, *args, **kwargs)))

    def recv(self, *args: Any, **kwargs: Any) -> bytes:
        received = self._finish_in_time(partial(super().recv, *args, **kwargs))
        self._add_time(len(received))
        return received

    def send(self, *args: Any, **kwargs: Any) -> int:
        return self._add_time(self._finish_in_time(partial(super().send, *args, **kwargs)))

    def _add_time(self, transferred_bytes: int) -> int:
        """Move the deadline by the time that the bytes may take, and return their number."""
        self._deadline = min(self._deadline + transferred_bytes / SLOWEST_RATE, self._latest_deadline)
        return transferred_bytes

    def _finish_in_time(self, transfer: Callable[[], Received]) -> Received:
        """Return the result of `transfer`, for which the socket's timeout is the remaining time if that is shorter.

        The socket's own timeout applies again to the next transfer, whose deadline may be later.
        """
        remaining = self._deadline - time.monotonic()
        timeout = self.gettimeout()
        if timeout is not None and timeout <= remaining:
            return transfer()
        if remaining > 0:
            self.settimeout(remaining)
            try:
                with suppress(TimeoutError):
                    return transfer()
            finally:
                if self.fileno() >= 0:  # another thread may have closed the socket
                    self.settimeout(timeout)
        raise ExchangeTimeoutError("the deadline of the exchange has passed")


class _SecureDeadlineSocket(_DeadlineSocket, ssl.SSLSocket):
    """A `_DeadlineSocket` with TLS. The socket's timeout limits the whole handshake, because it is a single call."""
