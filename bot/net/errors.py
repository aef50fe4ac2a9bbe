"""What can go wrong between a request and its answer; adapters turn it into their own error.

HttpError
├── BlockedError       the guard did not let the request out
│   └── StrayedError   the same, of a request that an answer had sent elsewhere: it says nothing of who was asked
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
    """A URL or an address that the guard refuses."""

    def __init__(self, what: str, advice: str = "") -> None:
        self.what = what
        """Without the advice, which is for a host that the operator named, and not for one that an answer did."""
        super().__init__(f"{what}; {advice}" if advice else what)


class StrayedError(BlockedError):
    """A redirect that leads where the guard lets nobody go, or nowhere."""


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
