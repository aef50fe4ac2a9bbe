"""What servers with GraphQL have in common: that they may be too old for a question, or too slow."""

from __future__ import annotations

import re

from bot.forges._refusal import RefusedError

TOO_MUCH = frozenset({502, 503, 504})
"""How a server says that it did not get done with a query in its time."""
UNKNOWN = re.compile(r"doesn't exist on type|isn't a defined input type|doesn't accept argument")
"""What the library says that both GitHub and GitLab use, of what a schema does not have."""


class TooOldError(Exception):
    """The server has no GraphQL, or not what we ask for."""


def is_too_much(refusal: RefusedError) -> bool:
    """Say whether less might be answered."""
    return refusal.status in TOO_MUCH
