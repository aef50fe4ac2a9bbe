"""The HTTP server of the service: waitress, with limits that keep one client from blocking the others.

Everyone who can connect can send requests, and the proof of a delivery that signs its body can be checked only after it
was received. Therefore the number of connections and of large bodies is limited, and a request must be complete soon
after its first byte. Large bodies with a proof in their headers have slots of their own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer, create_server
from waitress.utilities import RequestEntityTooLarge

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
"""How many bodies of more than MAX_BODY bytes are received at the same time from senders that are not proved yet. Only
deliveries about pushes of many commits are this large. Further large bodies wait, the newest one first.
"""
MAX_PROVED_BODIES = 8
"""How many bodies of more than MAX_BODY bytes are received at the same time from senders that their headers prove."""
SLOT_SECONDS = 1.0
"""The seconds for which a large body may be received slowly although others wait."""
SLOWEST_BODY_RATE = 512 * 1024
"""The bytes per second below which the reception of a large body is aborted if others wait. Real senders send faster,
because they give up after ten seconds."""
BODY_IN_MEMORY = 64 * 1024
"""The number of bytes of a body that are kept in memory while it is received. The rest is in a temporary file."""
_CONNECTIONS_IN_REPLY = 50
"""How many connections beyond MAX_CONNECTIONS are accepted while all others wait for their responses."""


HeaderProof = Callable[[str, Mapping[str, str], Mapping[str, str]], bool]
"""Returns True if the method, the query and the headers of a request prove its sender without the body."""


class LimitedParser(HTTPRequestParser):
    """Parses a request, and refuses a large body before it is received."""

    is_large = is_proved = False
    received_since: float | None = None
    """The time from which a large body is received; None while it waits."""
    path: str
    query: str

    def __init__(self, adjustments: Any, channel: LimitedChannel) -> None:
        super().__init__(adjustments)
        self._channel = channel

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        size = max(self.content_length, self.body_bytes_received)
        if self.headers_finished and not self.completed and not self.is_large and size > MAX_BODY:
            is_proved = self._channel.large_paths.get(self.path)
            if is_proved is not None:
                self.is_large = True
                self.is_proved = is_proved(str(self.command), self._get_query(), self._get_headers())
            else:
                self.error = RequestEntityTooLarge(f"more than {MAX_BODY} bytes")
                self.completed, self.expect_continue = True, False
        return consumed

    @property
    def is_slow(self) -> bool:
        """True if a large body has been received too slowly for SLOT_SECONDS."""
        seconds = time.monotonic() - self.received_since if self.received_since is not None else 0.0
        return seconds > SLOT_SECONDS and self.body_bytes_received < seconds * SLOWEST_BODY_RATE

    def _get_query(self) -> dict[str, str]:
        return dict(reversed(parse_qsl(self.query, errors="replace")))

    def _get_headers(self) -> dict[str, str]:
        return {name.replace("_", "-").lower(): value for name, value in self.headers.items()}


class LimitedChannel(HTTPChannel):
    """A connection that is closed if a request is not received in time.

    If there are too many connections, a new connection closes the one whose incomplete request began first.
    """

    def __init__(self, *arguments: Any, large_paths: Mapping[str, HeaderProof], **more: Any) -> None:
        self.large_paths = large_paths
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
        parser = self.request
        if isinstance(parser, LimitedParser) and parser.is_large and parser.received_since is None:
            if not self._find_slot(parser):
                return False
            parser.received_since = time.monotonic()
        return bool(super().readable())

    def _find_slot(self, parser: LimitedParser) -> bool:
        """Return True if a large body that waits can be received now. A body that is received too slowly ends then.

        The newest body comes first. A client that opens many connections can therefore not keep out later deliveries.
        """
        others = [each for each in self._list_channels() if each is not self]
        received = [each for each in others if each.has_large_body(is_proved=parser.is_proved)]
        newer = [each for each in others if each._began > self._began and each.waits(is_proved=parser.is_proved)]  # noqa: SLF001 - `each` has this class
        free_slots = (MAX_PROVED_BODIES if parser.is_proved else MAX_LARGE_BODIES) - len(received)
        if free_slots > len(newer):
            return True
        for each in received:
            if isinstance(each.request, LimitedParser) and each.request.is_slow:
                each.handle_close()
                return not newer
        return False

    def has_large_body(self, *, is_proved: bool) -> bool:
        """Return True if a large body is being received, or if its request is being answered."""
        return any(
            isinstance(each, LimitedParser)
            and each.is_large
            and each.is_proved == is_proved
            and each.received_since is not None
            for each in (self.request, *tuple(self.requests))
        )

    def waits(self, *, is_proved: bool) -> bool:
        """Return True if a large body waits until other large bodies were received."""
        parser = self.request
        return (
            isinstance(parser, LimitedParser)
            and parser.is_large
            and parser.is_proved == is_proved
            and parser.received_since is None
        )

    def _list_channels(self) -> Iterator[LimitedChannel]:
        return (each for each in tuple(self._sockets.values()) if isinstance(each, LimitedChannel))


def build_server(application: Any, host: str, port: int, large_paths: Mapping[str, HeaderProof]) -> Any:
    """Return a listening server whose `run` answers requests. Raises OSError if the address cannot be used.

    Bodies of more than MAX_BODY bytes are accepted only for `large_paths`. Its values are called before such a body is
    received.
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
        each.channel_class = partial(LimitedChannel, large_paths=large_paths)
    return server
