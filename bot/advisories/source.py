"""A file or a URL that the operator names: read whole, or not at all."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping
from http import HTTPStatus
from io import BytesIO
from pathlib import Path

from bot.net import HostTrust, HttpClient, HttpError, Url

_GZIP = b"\x1f\x8b"
"""What every such file begins with (RFC 1952)."""
_PIECE = 1024 * 1024
"""Bytes that are read at once."""


class UnreadableError(Exception):
    """It could not be read, or is not what it should be; the text says which, and why."""


class MalformedError(ValueError):
    """What was read is not what it should be; the text says what, and lacks only its subject."""


class Source:
    """One file, by its path or its URL."""

    def __init__(self, place: Path | str, environment: Mapping[str, str]) -> None:
        """Take a path or an absolute URL; of the environment the way to the outside is read."""
        self._place = place
        self._environment = environment

    def __str__(self) -> str:
        return Url.parse(self._place).shown if isinstance(self._place, str) else str(self._place)

    def read(self, limit: int) -> bytes:
        """Return what it holds, without gzip around it; `limit` is in bytes, packed or not. Raises UnreadableError."""
        place = self._place
        content = self._fetched(place, limit) if isinstance(place, str) else self._opened(place, limit)
        return self._unpacked(content, limit) if content.startswith(_GZIP) else content

    def _opened(self, path: Path, limit: int) -> bytes:
        try:
            with path.open("rb") as file:
                return self._whole(file.read, limit)
        except OSError as error:
            raise UnreadableError(f"{self} could not be read: {error.strerror}") from None

    def _fetched(self, address: str, limit: int) -> bytes:
        try:
            url = Url.parse(address)
            http = HttpClient({url.authority: HostTrust(insecure=url.scheme == "http")}, environment=self._environment)
            response = http.request("GET", address, limit=limit)
        except HttpError as error:
            raise UnreadableError(str(error)) from None
        if response.status != HTTPStatus.OK:
            raise UnreadableError(f"{self} answered {response.status}")
        return response.body

    def _unpacked(self, content: bytes, limit: int) -> bytes:
        try:
            with gzip.open(BytesIO(content)) as file:
                return self._whole(file.read, limit)
        except (OSError, EOFError, zlib.error):
            raise UnreadableError(f"{self} is damaged: it cannot be unpacked") from None

    def _whole(self, read: Callable[[int], bytes], limit: int) -> bytes:
        """Return all bytes of an open file, piece by piece: asked for `limit` at once, Python sets aside as many."""
        content = bytearray()
        while piece := read(_PIECE):
            content += piece
            if len(content) > limit:
                raise UnreadableError(f"{self} has more than {limit} bytes; it is not read")
        return bytes(content)
