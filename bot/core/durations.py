"""Durations in the notation of configs and options: `12h`, `30d`."""

from __future__ import annotations

import re
from datetime import timedelta

MAX_DURATION = timedelta(days=365)
"""Upper limit for durations. A longer minimum age would make no sense, because newer images have replaced the image by
then."""
DURATION_PATTERN = re.compile(r"([0-9]{1,5})(h|d)", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """Parse a duration such as `12h` or `30d`.

    Raises ValueError if the text has another form or the duration exceeds MAX_DURATION. The error message names the
    expected value.
    """
    match = DURATION_PATTERN.fullmatch(text)
    if match is None:
        raise ValueError("must be a whole number of hours or days, such as `12h` or `3d`")
    count = int(match[1])
    duration = timedelta(hours=count) if match[2] == "h" else timedelta(days=count)
    if duration > MAX_DURATION:
        raise ValueError(f"must not be longer than {MAX_DURATION.days}d")
    return duration
