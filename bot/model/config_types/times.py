"""Types for durations, ages, dates, schedules and time zones."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from bot.model.config_types.markers import Check, Parse, describe_pattern

MAX_DURATION = timedelta(days=1)
"""The maximum of durations within one run; a longer wait is a mistake."""
MAX_AGE = timedelta(days=365)
"""The maximum of ages. A longer minimum age would make no sense, because newer images have replaced the image by then.
"""
NO_DAY = "is not a date; hint: write it as 2027-01-31"
MAX_CRON = 200
"""The maximum number of characters of a schedule; real expressions have about thirty."""
CRON_FIELDS = 5
_DURATION = r"([0-9]{1,9})(ms|s|m|h)"
_AGE = r"([0-9]{1,5})(h|d)"
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _validate_cron(value: str) -> str:
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 - imported only to read a schedule

    if len(value) > MAX_CRON or len(value.split()) != CRON_FIELDS:
        raise ValueError("must have five fields: minute, hour, day of the month, month, day of the week")
    if not value.startswith("* "):
        raise ValueError(
            "must begin with `*`, because a schedule is a time window and cannot restrict the minutes of an hour"
        )
    try:
        next(CronSim(value, datetime(2024, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        raise ValueError(f"allows no time: {error}" if str(error) else "allows no time") from None
    return value


def validate_timezone(value: str) -> str:
    """Return the name of a time zone unchanged. Raises ValueError if the name is unknown."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - as above

    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone; hint: use a name such as Europe/Berlin") from None
    return value


def _parse_duration(value: object) -> timedelta:
    match = re.fullmatch(_DURATION, value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be a whole number and a unit, such as `500ms`, `10s`, `10m` or `1h`")
    duration = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if duration > MAX_DURATION:
        raise ValueError(f"must not be longer than {MAX_DURATION / timedelta(hours=1):g}h")
    return duration


def parse_age(value: object) -> timedelta:
    """Parse an age such as `12h` or `30d`.

    Raises ValueError if the value has another form or exceeds MAX_AGE. The error message names the expected value.
    """
    match = re.fullmatch(_AGE, value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be a whole number of hours or days, such as `12h` or `3d`")
    age = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if age > MAX_AGE:
        raise ValueError(f"must not be longer than {MAX_AGE.days}d")
    return age


def _parse_day(value: object) -> date:
    """Return a date. YAML has already parsed an unquoted date; a quoted one is parsed here."""
    if isinstance(value, datetime) or not isinstance(value, date | str):
        raise ValueError(NO_DAY)  # noqa: TRY004 - pydantic collects ValueErrors
    try:
        return value if isinstance(value, date) else date.fromisoformat(value)
    except ValueError:
        raise ValueError(NO_DAY) from None


def format_duration(duration: timedelta) -> str:
    """Return a duration as it is written in the config file, in the largest unit without a remainder.

    An hour and a half is therefore `90m`.
    """
    for unit in ("d", "h", "m", "s") if duration > MAX_DURATION else ("h", "m", "s"):
        whole, rest = divmod(duration, timedelta(**{_UNITS[unit]: 1}))
        if not rest:
            return f"{whole}{unit}"
    return f"{duration // timedelta(milliseconds=1)}ms"


def _require_positive(value: timedelta) -> timedelta:
    if not value:
        raise ValueError("must be longer than zero")
    return value


Duration = Annotated[timedelta, Parse(_parse_duration, describe_pattern("duration", _DURATION))]
Age = Annotated[timedelta, Parse(parse_age, describe_pattern("age", _AGE))]
Day = Annotated[date, Parse(_parse_day, {"title": "date", "type": "string", "format": "date"})]
PositiveAge = Annotated[Age, Check(_require_positive)]
PositiveDuration = Annotated[Duration, Check(_require_positive)]
Cron = Annotated[str, Check(_validate_cron)]
Timezone = Annotated[str, Check(validate_timezone)]
