"""Errors of requests that got no response; callers convert them to their own errors.

HttpError
├── BlockedError                the guard did not allow the request
│   └── BlockedRedirectError    the same for the target of a redirect; says nothing about the host first contacted
├── UnreachableError            no connection, no TLS, or no complete response in time
├── OversizedError              the response is larger than the caller's limit
└── RateLimitedError            the host asked for a longer pause than basebump waits, so no request was sent

No message contains a query, a header or a body, because these may contain secrets.
"""

from __future__ import annotations

from bot.model.errors import BasebumpError


class HttpError(BasebumpError):
    """A request without a response."""


class BlockedError(HttpError):
    """A URL or an address that the guard does not allow."""

    def __init__(self, reason: str, hint: str = "") -> None:
        self.reason = reason
        """The reason without the hint, which is fit only for a host that the operator named, not for a redirect's."""
        super().__init__(f"{reason}; {hint}" if hint else reason)


class BlockedRedirectError(BlockedError):
    """A redirect to a URL that the guard does not allow, or too many redirects."""


class UnreachableError(HttpError):
    """A host that did not answer."""

    def __init__(self, message: str, *, is_permanent: bool = False) -> None:
        self.is_permanent = is_permanent
        """True if a retry cannot succeed, for instance because the certificate is not trusted."""
        super().__init__(message)


class OversizedError(HttpError):
    """A response that is larger than the caller's limit."""


class RateLimitedError(HttpError):
    """A host that asked for a long pause in the response to another request."""
