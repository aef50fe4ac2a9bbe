"""Tell requests that a forge closed because their branch was deleted from requests that a person closed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

MAX_BEFORE_DELETION = timedelta(seconds=1)
"""A person who closes a request and then deletes its branch takes longer than this."""
MAX_AFTER_DELETION = timedelta(minutes=1)
"""The time within which a forge closes a request after its branch was deleted."""


def is_closed_by_deletion(closed_at: datetime, deletions: Iterable[datetime]) -> bool:
    """Return True if a request was closed just after its branch was deleted, at any of the times in `deletions`."""
    return any(-MAX_BEFORE_DELETION <= closed_at - when <= MAX_AFTER_DELETION for when in deletions)
