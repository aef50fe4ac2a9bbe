"""The HTTP server of the service: waitress, with limits that keep one client from blocking the others.

Everyone who can connect can send requests, and the proof of a delivery can be checked only after it was received.
Therefore the number of connections and of large bodies is limited, and a request must be complete soon after its first
byte.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer, create_server
from waitress.utilities import Error, RequestEntityTooLarge

SERVER_THREADS = 12
MAX_CONNECTIONS = 150
"""The maximum number of connections. A further connection closes the one whose incomplete request began first. Real
senders send a request at once; only clients that block connections leave it incomplete for long.
"""
LONGEST_RECEPTION = 30.0
"""The number of seconds within which a request must be received."""
MAX_HEADERS = 64 * 1024
MAX_BODY = 1024 * 1024
"""The maximum number of bytes of a body. Registries send a few kilobytes."""
MAX_LARGE_BODY = 25 * 1024 * 1024
"""The maximum number of bytes of a delivery by a forge. GitHub's deliveries have at most 25 MB."""
MAX_LARGE_BODIES = 3
"""How many bodies of more than MAX_BODY bytes are received at the same time. Only deliveries about pushes of many
commits are this large.
"""
BODY_IN_MEMORY = 64 * 1024
"""The number of bytes of a body that are kept in memory while it is received. The rest is in a temporary file."""
_CONNECTIONS_IN_REPLY = 50
"""How many connections beyond MAX_CONNECTIONS are accepted while all others wait for their responses."""


class LargeBodiesError(Error):
    """The response to a request with a large body while too many other large bodies are being received."""

    code, reason = 503, "Service Unavailable"


class LimitedParser(HTTPRequestParser):
    """Parses a request, and refuses a large body before it is received."""

    is_large = False
    path: str

    def __init__(self, adjustments: Any, channel: LimitedChannel) -> None:
        super().__init__(adjustments)
        self._channel = channel

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        size = max(self.content_length, self.body_bytes_received)
        if self.headers_finished and not self.completed and not self.is_large and size > MAX_BODY:
            self.error = self._channel.find_refusal(self.path)
            self.is_large = self.error is None
            self.completed = self.error is not None
            self.expect_continue = self.expect_continue and self.error is None
        return consumed


class LimitedChannel(HTTPChannel):
    """A connection that is closed if a request is not received in time.

    If there are too many connections, a new connection closes the one whose incomplete request began first.
    """

    def __init__(self, *arguments: Any, large_paths: Collection[str], **more: Any) -> None:
        self._large_paths = large_paths
        self._began = time.monotonic()
        channel: Any = self  # waitress uses the attributes set below, but its type stubs do not allow these types
        channel.parser_class = self._build_parser
        super().__init__(*arguments, **more)
        self._sockets: Mapping[int, object] = channel._map  # noqa: SLF001 - the map of all sockets of the server
        others = [each for each in self._list_channels() if each is not self]
        waiting = [each for each in others if not each.requests]
        if len(others) >= MAX_CONNECTIONS and waiting:
            min(waiting, key=lambda each: each._began).handle_close()  # noqa: SLF001 - `each` has this class

    def _build_parser(self, adjustments: Any) -> LimitedParser:
        return LimitedParser(adjustments, self)

    def received(self, data: bytes) -> bool:
        if self.request is None:
            self._began = time.monotonic()
        return bool(super().received(data))

    def readable(self) -> bool:
        if self.request is not None and time.monotonic() - self._began > LONGEST_RECEPTION:
            self.handle_close()
            return False
        return bool(super().readable())

    def find_refusal(self, path: str) -> Error | None:
        """Return the response to a request with a large body; None if the body is accepted."""
        if path not in self._large_paths:
            return RequestEntityTooLarge(f"more than {MAX_BODY} bytes")
        if sum(each.has_large_body for each in self._list_channels()) >= MAX_LARGE_BODIES:
            return LargeBodiesError("other large bodies are being received")
        return None

    @property
    def has_large_body(self) -> bool:
        """True if a large body is being received, or if its request is being answered."""
        return any(isinstance(each, LimitedParser) and each.is_large for each in (self.request, *tuple(self.requests)))

    def _list_channels(self) -> Iterator[LimitedChannel]:
        return (each for each in tuple(self._sockets.values()) if isinstance(each, LimitedChannel))


def build_server(application: Any, host: str, port: int, large_paths: Collection[str]) -> Any:
    """Return a listening server whose `run` answers requests. Raises OSError if the address cannot be used.

    Bodies of more than MAX_BODY bytes are accepted only for `large_paths`.
    """
    logging.getLogger("waitress").setLevel(logging.ERROR)  # waitress's warnings concern load, and are not JSON
    sockets: dict[int, Any] = {}
    server = create_server(
        application,
        sockets,
        host=host,
        port=port,
        threads=SERVER_THREADS,
        ident=None,
        max_request_header_size=MAX_HEADERS,
        max_request_body_size=(MAX_LARGE_BODY if large_paths else MAX_BODY) + 1,  # waitress refuses this size
        inbuf_overflow=BODY_IN_MEMORY,
        connection_limit=MAX_CONNECTIONS + _CONNECTIONS_IN_REPLY,
        asyncore_use_poll=True,  # `select` fails if the process has more than a thousand open files
        clear_untrusted_proxy_headers=True,
    )
    listening: list[Any] = [each for each in sockets.values() if isinstance(each, BaseWSGIServer)]
    for each in listening:  # one server for each IP address of the host name
        each.channel_class = partial(LimitedChannel, large_paths=frozenset(large_paths))
    return server
