"""When an image says that it was built."""

from __future__ import annotations

from datetime import UTC, datetime

FIRST_YEAR = 2013
"""When container images came up. Reproducible builds write 1970, buildpacks 1980: that is nobody's time."""
LAST_YEAR = 2999
"""Whoever builds can write any date, and dates end with the year 9999: an age that is added to it must have room."""


def build_time(text: object) -> datetime | None:
    """Read an RFC 3339 time, in UTC; None where it is missing, malformed or of no year in which images are built."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if FIRST_YEAR <= moment.year <= LAST_YEAR else None
