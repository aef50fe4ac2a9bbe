"""What broke on the way to a host, in words that hold no secret."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from bot.net.text import plain


def cause_of(error: BaseException) -> tuple[str, bool]:
    """Name what broke, and say whether it is lasting.

    The library's own words are left out: they hold the query, and of a header that cannot be sent its value.
    """
    for link in _chain(error):
        if isinstance(link, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({plain(link.verify_message)}); set `ca` for it", True
        if isinstance(link, ssl.SSLError):
            return f"TLS failed ({plain(link.reason or 'no reason given')})", False
        if isinstance(link, TimeoutError):
            return "it took too long", False
        if isinstance(link, OSError) and link.strerror:
            return plain(str(link.strerror)), False
    if isinstance(error, OSError) and "TLS CA certificate bundle" in str(error):
        return "the file of CA certificates configured for it is not there", True
    return plain(type(error).__name__), False


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the innermost cause first: what the operating system said."""
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or link.__context__
    yield from reversed(links)
