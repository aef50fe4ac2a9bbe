"""Build times that images state."""

from __future__ import annotations

from datetime import UTC, datetime

FIRST_YEAR = 2013
"""The first year in which container images existed. Reproducible builds write 1970 and buildpacks 1980; both are not
real build times."""
LAST_YEAR = 2999
"""A builder can write any date. Python's dates end with the year 9999, and adding a duration must not exceed that."""


def parse_build_time(text: object) -> datetime | None:
    """Parse a time in RFC 3339 format and convert it to UTC.

    Return None if `text` is not such a time, or if its year is not between `FIRST_YEAR` and `LAST_YEAR`.
    """
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if FIRST_YEAR <= moment.year <= LAST_YEAR else None
