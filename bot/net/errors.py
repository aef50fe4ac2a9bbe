"""What can go wrong between a request and its answer; adapters turn it into their own error.

HttpError
├── BlockedError       the guard did not let the request out, or its answer sent it astray
├── UnreachableError   no connection, no TLS, no whole answer in time
├── OversizedError     more bytes than the caller reads
└── RateLimitedError   the host wants to be left alone for longer than anybody waits, so it was not asked

No message holds a query, a header or a body: those are where secrets travel.
"""

from __future__ import annotations

from bot.model.errors import BasebumpError


class HttpError(BasebumpError):
    """A request that has no answer."""


class BlockedError(HttpError):
    """A URL, an address or a redirect that the guard refuses."""


class UnreachableError(HttpError):
    """A host that did not answer."""

    def __init__(self, what: str, *, lasting: bool = False) -> None:
        self.lasting = lasting
        """Whether trying again cannot help: a certificate that is not trusted stays so."""
        super().__init__(what)


class OversizedError(HttpError):
    """An answer that is larger than the caller reads."""


class RateLimitedError(HttpError):
    """A host that told another question not to come back soon."""
