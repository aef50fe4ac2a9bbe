"""Reads a file or a URL that the configuration names. The content is returned completely or not at all."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping
from http import HTTPStatus
from io import BytesIO
from pathlib import Path

from bot.net import HostTrust, HttpClient, HttpError, Url

_GZIP_MAGIC = b"\x1f\x8b"
"""The first bytes of every gzip file (RFC 1952)."""
_CHUNK_SIZE = 1024 * 1024
"""The number of bytes in each read."""


class UnreadableSourceError(Exception):
    """The source could not be read. The message names the source and gives the reason."""


class MalformedError(ValueError):
    """The content of a source is not in the expected format.

    The message is the second half of a sentence, such as "is not JSON", and the caller prepends the name of the source.
    """


class DocumentSource:
    """A file or a URL that contains a document. `str()` returns the path or the URL for messages."""

    def __init__(self, location: Path | str, environment: Mapping[str, str]) -> None:
        """Create a source. `location` is a path or an absolute URL.

        `environment` contains the proxy settings and the CA file for a URL.
        """
        self._location = location
        self._environment = environment

    def __str__(self) -> str:
        return Url.parse(self._location).display_text if isinstance(self._location, str) else str(self._location)

    def read_content(self, limit: int) -> bytes:
        """Return the content of the file or URL. If the content is compressed with gzip, return the unpacked content.

        Raises UnreadableSourceError if the source cannot be read, or if its packed or unpacked size is more than
        `limit` bytes.
        """
        location = self._location
        content = self._fetch_url(location, limit) if isinstance(location, str) else self._read_file(location, limit)
        return self._unpack_gzip(content, limit) if content.startswith(_GZIP_MAGIC) else content

    def _read_file(self, path: Path, limit: int) -> bytes:
        try:
            with path.open("rb") as file:
                return self._read_all(file.read, limit)
        except OSError as error:
            raise UnreadableSourceError(f"{self} could not be read: {error.strerror}") from None

    def _fetch_url(self, address: str, limit: int) -> bytes:
        try:
            url = Url.parse(address)
            http = HttpClient(
                {url.authority: HostTrust(is_insecure=url.scheme == "http")}, environment=self._environment
            )
            response = http.request("GET", address, limit=limit)
        except HttpError as error:
            raise UnreadableSourceError(str(error)) from None
        if response.status != HTTPStatus.OK:
            raise UnreadableSourceError(f"{self} answered {response.status}")
        return response.body

    def _unpack_gzip(self, content: bytes, limit: int) -> bytes:
        try:
            with gzip.open(BytesIO(content)) as file:
                return self._read_all(file.read, limit)
        except (OSError, EOFError, zlib.error):
            raise UnreadableSourceError(f"{self} is damaged: the gzip data cannot be unpacked") from None

    def _read_all(self, read: Callable[[int], bytes], limit: int) -> bytes:
        """Read a file to its end with `read`, and return its content. `limit` is the maximum size of the file in bytes.

        The content is read in chunks. Python would allocate `limit` bytes even for a small file if `read` were called
        with `limit`.

        Raises UnreadableSourceError if the file is larger than `limit`.
        """
        content = bytearray()
        while chunk := read(_CHUNK_SIZE):
            content += chunk
            if len(content) > limit:
                raise UnreadableSourceError(f"{self} was not read, because it has more than {limit} bytes")
        return bytes(content)
