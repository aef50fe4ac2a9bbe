"""Build times that images claim."""

from __future__ import annotations

from datetime import UTC, datetime

FIRST_YEAR = 2013
"""The first year with container images. Reproducible builds write 1970 and buildpacks 1980: neither is a real time."""
LAST_YEAR = 2999
"""A builder can write any date, and dates end with the year 9999; durations that are added to it must fit."""


def parse_build_time(text: object) -> datetime | None:
    """Parse an RFC 3339 time to UTC; None if it is missing, malformed or outside of the plausible years."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if FIRST_YEAR <= moment.year <= LAST_YEAR else None
