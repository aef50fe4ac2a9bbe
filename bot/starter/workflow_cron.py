"""Chooses the times at which a CI service runs basebump, so that each schedule of the config contains some of them.

CI services evaluate crontab expressions in UTC, and schedules have a time zone, which can have daylight saving time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from bot.model.limits import ProposalSchedule

_MINUTE = 17
"""The minute of all runs. CI services are busy at the beginning of an hour, and start jobs late then."""
_HOUR = 5
"""The preferred hour."""
_WORKING_DAYS, _EVERY_DAY = "1-5", "*"
_WEEKEND = 5
"""The number of the first day of the weekend, in Python's numbering."""
_BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
_END = datetime(2029, 1, 1, tzinfo=UTC)
"""Five years contain both daylight saving times, and a 29 February."""
MAX_SCHEDULES = 50
"""Limit on the schedules that are examined, which takes about 0.2 seconds each. With more, basebump runs every hour."""
_HOURS_OF_DAY = range(24)


@dataclass(frozen=True, slots=True)
class RunTimes:
    """The times at which a CI service runs basebump."""

    cron: str = f"{_MINUTE} {_HOUR} * * {_WORKING_DAYS}"
    """A crontab expression in UTC."""

    @property
    def is_on_every_day(self) -> bool:
        """True if the runs are not only on working days."""
        return self.cron.endswith(_EVERY_DAY)


def choose_run_times(schedules: Sequence[ProposalSchedule]) -> RunTimes:
    """Return run times of which at least one falls into each time window of each schedule.

    A window is a time during which a schedule is open without a break. If possible, basebump runs on working days only,
    and no window is hit only in its last hour, because CI services start jobs late.
    """
    if len(set(schedules)) > MAX_SCHEDULES:
        return RunTimes(f"{_MINUTE} * * * {_EVERY_DAY}")
    windows = [window for each in dict.fromkeys(schedules) for window in _list_windows(each)]
    on_working_days = {frozenset(each.hour for each in times if each.weekday() < _WEEKEND) for times in windows}
    if all(on_working_days):
        return RunTimes(f"{_MINUTE} {_join(_choose_hours(on_working_days))} * * {_WORKING_DAYS}")
    hours = _choose_hours({frozenset(each.hour for each in times) for times in windows})
    return RunTimes(f"{_MINUTE} {_join(hours)} * * {_EVERY_DAY}")


def _list_windows(schedule: ProposalSchedule) -> Iterator[list[datetime]]:
    """Yield the possible times of runs in each window of a schedule. Windows that are cut off are left out."""
    timezone = ZoneInfo(schedule.timezone)
    open_hours: set[tuple[int, int, int, int]] = set()
    for local in CronSim(f"0 {schedule.cron.partition(' ')[2]}", (_BEGIN - timedelta(days=2)).replace(tzinfo=None)):
        if local > _END.replace(tzinfo=None) + timedelta(days=2):
            break
        open_hours.add((local.year, local.month, local.day, local.hour))
    window: list[datetime] = []
    time = first = _BEGIN + timedelta(minutes=_MINUTE)
    while time < _END:
        local = time.astimezone(timezone)
        if (local.year, local.month, local.day, local.hour) in open_hours:
            window.append(time)
        else:
            if window and window[0] != first:
                yield window[:-1] or window
            window = []
        time += timedelta(hours=1)


def _choose_hours(windows: set[frozenset[int]]) -> list[int]:
    """Return few hours, of which at least one is in each of the windows."""
    chosen: list[int] = [] if windows else [_HOUR]
    missing = set(windows)
    while missing:
        counts = {hour: sum(hour in each for each in missing) for hour in _HOURS_OF_DAY}
        best = max(_HOURS_OF_DAY, key=lambda hour: (counts[hour], -abs(hour - _HOUR)))
        chosen.append(best)
        missing = {each for each in missing if best not in each}
    return sorted(chosen)


def _join(hours: Sequence[int]) -> str:
    return ",".join(map(str, hours))
