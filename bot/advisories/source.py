"""A file or a URL that the configuration names, and that is read completely or not at all."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping
from http import HTTPStatus
from io import BytesIO
from pathlib import Path

from bot.net import HostTrust, HttpClient, HttpError, Url

_GZIP = b"\x1f\x8b"
"""First bytes of every gzip file (RFC 1952)."""
_PIECE = 1024 * 1024
"""Bytes per read."""


class UnreadableError(Exception):
    """The source could not be read; the text says which one, and why."""


class MalformedError(ValueError):
    """The content is not in the expected format; the text says why, and needs the source's name as its subject."""


class Source:
    """A file, by its path or its URL."""

    def __init__(self, place: Path | str, environment: Mapping[str, str]) -> None:
        """Take a path or an absolute URL, and the environment with the proxy and CA settings."""
        self._place = place
        self._environment = environment

    def __str__(self) -> str:
        return Url.parse(self._place).shown if isinstance(self._place, str) else str(self._place)

    def read(self, limit: int) -> bytes:
        """Return the content, unpacked if it is gzip; `limit` in bytes is for both forms.

        Raises UnreadableSourceError.
        """
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
        """Return all bytes of an open file, read in chunks: Python would allocate `limit` bytes for a single read."""
        content = bytearray()
        while piece := read(_PIECE):
            content += piece
            if len(content) > limit:
                raise UnreadableError(f"{self} has more than {limit} bytes; not read")
        return bytes(content)
