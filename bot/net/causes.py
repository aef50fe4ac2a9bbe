"""Describes why a connection failed, without disclosing secrets."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from bot.net.deadlines import ExchangeTimeoutError
from bot.net.safe_text import sanitize_text

PROXY_ADVICE = "set HTTPS_PROXY if this network needs a proxy"
"""What a user can try if a server did not respond. `bot.net` and git read this variable."""
CA_ADVICE = "set `ca` for it"
"""What a user can try if the certificate of a server is not trusted."""


def describe_cause(error: BaseException) -> tuple[str, bool]:
    """Return why a connection failed, and True if a retry cannot help, for example because of an untrusted certificate.

    The reason does not quote the message of `error`, because the message can contain secrets, such as the query of the
    URL or the value of a header.
    """
    for link in _list_causes(error):
        if isinstance(link, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({sanitize_text(link.verify_message)}); hint: {CA_ADVICE}", True
        if isinstance(link, ssl.SSLError):
            return f"TLS failed ({sanitize_text(link.reason or 'no reason given')})", False
        if isinstance(link, ExchangeTimeoutError):
            return "the whole exchange took too long", True
        if isinstance(link, TimeoutError):
            return "it took too long", False
        if isinstance(link, OSError) and link.strerror:
            return sanitize_text(str(link.strerror)), False
    if isinstance(error, OSError) and "TLS CA certificate bundle" in str(error):
        return "the file of CA certificates configured for it does not exist", True
    return sanitize_text(type(error).__name__), False


def _list_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield `error` and the errors that caused it. The innermost error is first, because it is the most specific."""
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or link.__context__
    yield from reversed(links)
