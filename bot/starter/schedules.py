"""Translates the schedules of other bots to crontab expressions of basebump."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from bot.model.config_types.times import validate_timezone
from bot.starter.translation import UntranslatableError

_FIELDS = 5
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_DAY_RANGES = {"weekday": "1-5", "weekend": "0,6", "day": "*"}
_HOUR = r"(\d{1,2})(?::00)? ?(am|pm)"
_TEXT = re.compile(
    rf"(?:after {_HOUR})?(?: ?(?:and )?before {_HOUR})?(?: ?(?:on|every) (?P<days>[a-z, ]+?))?", re.IGNORECASE
)
"""Matches the most frequent forms of Renovate's schedules in words, such as `after 10pm and before 5am every
weekday`.
"""
_FIRST_DAY = "the first day of the month"
_NOON = 12
_LAST_HOUR = 23


def translate_schedule(schedules: Sequence[str]) -> str | None:
    """Return the crontab expression for a Renovate schedule; None if the schedule allows any time.

    A schedule is a list of texts, each of which allows some times. See
    https://docs.renovatebot.com/configuration-options/#schedule.

    Raises:
        UntranslatableError: If the list has several texts, or a text of an unknown form.
    """
    texts = [each.strip() for each in schedules if each.strip().lower() not in {"", "at any time"}]
    if not texts:
        return None
    if len(texts) > 1:
        raise UntranslatableError("a rule of basebump can have only one schedule, and this rule has several")
    if len(texts[0].split()) == _FIELDS and texts[0].startswith("*"):
        return check_cron(texts[0])
    match = _TEXT.fullmatch(texts[0])
    if match is None:
        raise UntranslatableError(f"the schedule `{texts[0]}` has no known crontab expression")
    days = (match["days"] or "").lower().strip()
    if days == _FIRST_DAY:
        return check_cron(f"* {_translate_hours(match)} 1 * *")
    return check_cron(f"* {_translate_hours(match)} * * {_translate_days(days)}")


def translate_interval(interval: str, settings: Mapping[str, str]) -> str | None:
    """Return the crontab expression for a schedule of Dependabot; None if `interval` is empty.

    The time of the day is left out, because basebump opens proposals only when it runs. See
    https://docs.github.com/en/code-security/reference/supply-chain-security/dependabot-options-reference#schedule-.

    Args:
        interval: The value of `interval`, such as `weekly`.
        settings: The other values of `schedule`, such as `day` and `cronjob`.

    Raises:
        UntranslatableError: If the interval is unknown.
    """
    match interval:
        case "":
            return None
        case "daily":
            return "* * * * 1-5"
        case "weekly":
            return f"* * * * {_translate_days(settings.get('day', 'monday'))}"
        case "monthly":
            return "* * 1 * *"
        case "quarterly":
            return "* * 1 1,4,7,10 *"
        case "semiannually":
            return "* * 1 1,7 *"
        case "yearly":
            return "* * 1 1 *"
        case "cron":
            fields = settings.get("cronjob", "").split()
            if len(fields) == _FIELDS:
                return check_cron(f"* * {' '.join(fields[2:])}")
    raise UntranslatableError(f"the interval `{interval}` has no known crontab expression")


def check_timezone(name: str) -> str:
    """Return the name of a time zone. Raises UntranslatableError if the name is unknown."""
    try:
        return validate_timezone(name)
    except ValueError:
        raise UntranslatableError(f"`{name}` is not a time zone") from None


def check_cron(cron: str) -> str:
    """Return `cron`, a crontab expression. Raises UntranslatableError if it is invalid or never matches."""
    try:
        next(CronSim(cron, datetime(2024, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration):
        raise UntranslatableError(f"`{cron}` is not a crontab expression") from None
    return cron


def _translate_hours(match: re.Match[str]) -> str:
    after = _convert_hour(match[1], match[2]) if match[1] else 0
    before = _convert_hour(match[3], match[4]) if match[3] else _LAST_HOUR + 1
    if after == 0 and before > _LAST_HOUR:
        return "*"
    if after < before:
        return f"{after}-{before - 1}"
    return f"0-{before - 1},{after}-{_LAST_HOUR}" if before else f"{after}-{_LAST_HOUR}"


def _convert_hour(hour: str, half: str) -> int:
    if not 1 <= int(hour) <= _NOON:
        raise UntranslatableError(f"`{hour}{half}` is not an hour")
    return int(hour) % _NOON + (_NOON if half.lower() == "pm" else 0)


def _translate_days(days: str) -> str:
    if not days:
        return "*"
    if (day_range := _DAY_RANGES.get(days.removesuffix("s"))) is not None:
        return day_range
    names = [each.strip().removesuffix("s") for each in re.split(r",| and ", days.lower()) if each.strip()]
    if not names or not set(names) <= set(_DAYS):
        raise UntranslatableError(f"`{days}` are not days of the week")
    return ",".join(str(_DAYS.index(each)) for each in names)
