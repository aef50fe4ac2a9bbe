"""Whether a request ended with its branch, which a forge closes then, or because a person closed it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

AT_ONCE = timedelta(seconds=1)
"""Who closes a request and deletes its branch then is slower than that."""
SOON = timedelta(minutes=1)
"""In which a forge closes a request after its branch was deleted."""


def ended_with_branch(closed: datetime, deleted: Iterable[datetime]) -> bool:
    """Say whether a request was closed just after its branch was deleted, at any of those times."""
    return any(-AT_ONCE <= closed - when <= SOON for when in deleted)
