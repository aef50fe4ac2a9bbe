"""Durations in the notation of configs and options: `12h`, `30d`."""

from __future__ import annotations

import re
from datetime import timedelta

MAX_AGE = timedelta(days=365)
"""Upper limit: an image that has to be older has been replaced long before."""
AGE = re.compile(r"([0-9]{1,5})(h|d)", re.ASCII)


def read_age(text: str) -> timedelta:
    """Parse a duration. Raises ValueError with the expected notation."""
    found = AGE.fullmatch(text)
    if found is None:
        raise ValueError("must be a whole number of hours or days, such as `12h` or `3d`")
    count = int(found[1])
    age = timedelta(hours=count) if found[2] == "h" else timedelta(days=count)
    if age > MAX_AGE:
        raise ValueError(f"must not be longer than {MAX_AGE.days}d")
    return age
