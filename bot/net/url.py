"""Strictly parsed URLs. basebump rebuilds every URL from its parsed parts, so that all libraries agree on its host."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from bot.net.exchange_errors import BlockedError
from bot.net.safe_text import sanitize_text

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_URL_LENGTH = 8192
"""The longest URL, in characters. Signed storage URLs have about 2,000 characters."""

_HOST_GRAMMAR = r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\]"
_HOST = re.compile(_HOST_GRAMMAR)
_AUTHORITY = re.compile(rf"({_HOST_GRAMMAR})\.?(?::([0-9]{{1,5}}))?")
_TARGET = re.compile(r"/[!-\[\]-~]*")
"""Matches printable ASCII without the backslash, which some parsers treat as a slash."""


@dataclass(frozen=True, slots=True)
class Url:
    """An absolute http or https URL. It contains neither a user nor a fragment."""

    scheme: str
    host: str
    """The host in lower case; an IPv6 address is in brackets."""
    port: int
    target: str
    """The path and query, in the form in which they are sent."""

    @classmethod
    def parse(cls, text: str, base: Url | None = None) -> Url:
        """Parse a URL. If `base` is given, `text` may be relative to it.

        Raises BlockedError if the result is not a valid http or https URL.
        """
        if len(text) > MAX_URL_LENGTH:
            raise BlockedError(f"cannot use a URL of more than {MAX_URL_LENGTH} characters")
        try:
            parts = urlsplit(urljoin(str(base), text) if base else text)
            port = parts.port
        except ValueError:
            raise BlockedError(f"cannot use the URL {format_untrusted_url(text)}: the syntax is not valid") from None
        if parts.scheme not in DEFAULT_PORTS:
            raise BlockedError(f"cannot use the URL {format_untrusted_url(text)}: the scheme is neither https nor http")
        if "@" in parts.netloc or parts.fragment:
            raise BlockedError(f"cannot use the URL {format_untrusted_url(text)}: a user or a fragment is not allowed")
        host = (parts.hostname or "").rstrip(".")
        host = f"[{host}]" if ":" in host else host
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if not _HOST.fullmatch(host) or not _TARGET.fullmatch(target):
            raise BlockedError(f"cannot use the URL {format_untrusted_url(text)}: the host or path is not plain ASCII")
        return cls(parts.scheme, host, DEFAULT_PORTS[parts.scheme] if port is None else port, target)

    @property
    def origin(self) -> tuple[str, str, int]:
        """The scheme, host and port. An Authorization header is sent only to URLs with the same three values.

        https://fetch.spec.whatwg.org/#concept-http-redirect-fetch
        """
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The host, and the port if it is not the default port of the scheme: `host[:port]`."""
        return self.host if self.port == DEFAULT_PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def display_text(self) -> str:
        """The URL without its query, for messages."""
        return sanitize_text(f"{self.scheme}://{self.authority}{self.target.partition('?')[0]}")

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def split_authority(text: str) -> tuple[str, int | None]:
    """Split `host[:port]` into the host, in lower case, and the port. A missing port is None.

    Raises ValueError if `text` is invalid.
    """
    found = _AUTHORITY.fullmatch(text.lower())
    if found is None:
        raise ValueError(f"{sanitize_text(text)!r} is not a valid host[:port]")
    host, port = found.groups()
    return host, int(port) if port else None


def format_untrusted_url(text: str) -> str:
    """Return an untrusted URL for messages, in quotes and without user, query and fragment."""
    without_query = re.split(r"[?#]", text, maxsplit=1)[0]
    scheme, separator, rest = without_query.partition("://")
    return repr(sanitize_text(f"{scheme}{separator}{rest.rpartition('@')[2]}"))
