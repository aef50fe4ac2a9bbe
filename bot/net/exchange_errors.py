"""Errors of requests that got no response. Callers convert them to their own errors.

HttpError
├── BlockedError                the guard did not allow the request
│   └── BlockedRedirectError    a redirect led to a URL that the guard does not allow, or there were too many redirects
├── UnreachableError            no connection, no TLS, or no complete response in time
├── OversizedError              the response is larger than the caller's limit
└── RateLimitedError            the host had asked for a longer pause than basebump waits, so no request was sent

Messages never contain a query, a header or a body, because these may contain secrets.
"""

from __future__ import annotations

from bot.model.errors import BasebumpError


class HttpError(BasebumpError):
    """A request did not get a complete response."""


class BlockedError(HttpError):
    """The guard does not allow a URL or an IP address."""

    def __init__(self, reason: str, hint: str = "") -> None:
        self.reason = reason
        """The reason without the hint. The hint is useful only for hosts that the operator named, and not for targets
        of redirects."""
        super().__init__(f"{reason}; {hint}" if hint else reason)


class BlockedRedirectError(BlockedError):
    """A redirect led to a URL that the guard does not allow, or there were too many redirects."""


class UnreachableError(HttpError):
    """A host did not send a complete response."""

    def __init__(self, message: str, *, is_permanent: bool = False) -> None:
        self.is_permanent = is_permanent
        """True if a retry cannot succeed, for example because the certificate is not trusted."""
        super().__init__(message)


class OversizedError(HttpError):
    """A response is larger than the caller's limit."""


class RateLimitedError(HttpError):
    """A request was not sent, because the host had asked for a long pause in an earlier response."""
