"""The values of keys that are about time."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from bot.core.durations import AGE, read_age
from bot.settings.patterns import pattern_schema

MAX_DURATION = timedelta(days=1)
"""Longer waits inside one run are mistakes."""
NO_DAY = "is no date; write it as 2027-01-31"
MAX_CRON = 200
"""Characters; real ones have thirty."""
CRON_FIELDS = 5
_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|h)", re.ASCII)
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _cron(value: str) -> str:
    if len(value) > MAX_CRON or len(value.split()) != CRON_FIELDS:
        raise ValueError("must have five fields: minute, hour, day of the month, month, day of the week")
    if not value.startswith("* "):
        raise ValueError("must begin with `*`: it says in which hours, and no run begins exactly at a minute")
    try:
        next(CronSim(value, datetime(2024, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        raise ValueError(f"allows no time: {error}" if str(error) else "allows no time") from None
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is no time zone; write it as Europe/Berlin") from None
    return value


def _duration(value: object) -> object:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be a whole number and a unit, such as `500ms`, `10s`, `10m` or `1h`")
    duration = timedelta(**{_UNITS[found[2]]: int(found[1])})
    if duration > MAX_DURATION:
        raise ValueError(f"must not be longer than {MAX_DURATION / timedelta(hours=1):g}h")
    return duration


def _age(value: object) -> object:
    return read_age(value if isinstance(value, str) else "")


def _day(value: object) -> object:
    """Take what YAML reads as a date, and the same in quotes."""
    if isinstance(value, datetime) or not isinstance(value, date | str):
        raise ValueError(NO_DAY)  # noqa: TRY004 - pydantic collects ValueErrors
    try:
        return value if isinstance(value, date) else date.fromisoformat(value)
    except ValueError:
        raise ValueError(NO_DAY) from None


def written_duration(duration: timedelta) -> str:
    """Return a duration as the file has it, in the largest unit that is exact."""
    for unit in ("d", "h", "m", "s") if duration > MAX_DURATION else ("h", "m", "s"):
        whole, rest = divmod(duration, timedelta(**{_UNITS[unit]: 1}))
        if not rest:
            return f"{whole}{unit}"
    return f"{duration // timedelta(milliseconds=1)}ms"


def _positive(value: timedelta) -> timedelta:
    if not value:
        raise ValueError("must be longer than nothing")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration), pattern_schema("duration", _DURATION)]
Age = Annotated[timedelta, BeforeValidator(_age), pattern_schema("age", AGE)]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"title": "date", "type": "string", "format": "date"})]
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
Cron = Annotated[str, AfterValidator(_cron)]
Timezone = Annotated[str, AfterValidator(_timezone)]
