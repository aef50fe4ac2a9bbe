"""The times at which a CI service runs basebump fall into the schedules of the config."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.model.limits import ProposalSchedule
from bot.starter.workflow_cron import MAX_SCHEDULES, choose_run_times

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Asia/Kathmandu", "Asia/Tokyo", "Pacific/Apia")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAYS_OF_EXAMPLE = 6


def read_field(field, lowest, highest):
    """Return the numbers that a field of a crontab expression stands for."""
    numbers = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, dash, last = (f"{lowest}-{highest}" if span == "*" else span).partition("-")
        numbers.update(range(int(first), int(last if dash else first) + 1, int(step or 1)))
    return numbers


class CronOracle:
    """Evaluates a crontab expression for single minutes."""

    def __init__(self, cron):
        self.fields = cron.split()
        limits = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
        self.minutes, self.hours, self.days, self.months, self.weekdays = (
            read_field(field, *limit) for field, limit in zip(self.fields, limits, strict=True)
        )

    def matches(self, local):
        is_day, is_weekday = local.day in self.days, local.isoweekday() % 7 in self.weekdays
        is_either = self.fields[2] != "*" and self.fields[4] != "*"
        is_date = (is_day or is_weekday) if is_either else (is_day and is_weekday)
        is_time = local.minute in self.minutes and local.hour in self.hours
        return is_time and is_date and local.month in self.months


def list_minutes(first_day, count):
    return (BEGIN + timedelta(days=first_day, minutes=each) for each in range(count * 24 * 60))


def list_missed_windows(schedule, cron, first_day, count):
    """Return the beginnings of the windows in some days in which no run begins. The first and last may be cut off."""
    window, runs = CronOracle(schedule.cron), CronOracle(cron)
    timezone = ZoneInfo(schedule.timezone)
    found, begin, is_hit = [], None, False
    is_first = True
    for minute in list_minutes(first_day, count):
        if window.matches(minute.astimezone(timezone)):
            begin, is_hit = begin or minute, is_hit or runs.matches(minute)
        elif begin is not None:
            if not is_hit and not (is_first and begin == BEGIN + timedelta(days=first_day)):
                found.append(begin)
            begin, is_hit, is_first = None, False, False
    return found


hours = st.one_of(
    st.just("*"),
    st.integers(0, 23).map(str),
    st.tuples(st.integers(0, 23), st.integers(0, 23)).map(lambda each: "{}-{}".format(*sorted(each))),
    st.lists(st.integers(0, 23), min_size=2, max_size=3, unique=True).map(lambda each: ",".join(map(str, each))),
)
days = st.sampled_from(("*", "1", "15", "1-7", "29"))
months = st.sampled_from(("*", "1,4,7,10", "3", "*/6"))
weekdays = st.sampled_from(("*", "1", "1-5", "0,6", "0", "6"))
schedules = st.builds(
    lambda *parts: ProposalSchedule(" ".join(("*", *parts[:-1])), parts[-1]),
    *(hours, days, months, weekdays, st.sampled_from(ZONES)),
)


@given(st.lists(schedules, min_size=1, max_size=2), st.integers(0, 366 - DAYS_OF_EXAMPLE))
@example([ProposalSchedule("* 0-3 * * 1", "UTC")], 0)
@example([ProposalSchedule("* 0-3 * * 1", "Asia/Tokyo")], 0)
@example([ProposalSchedule("* 0 * * *", "Europe/Berlin")], 85)
@example([ProposalSchedule("* 2 * * *", "America/New_York")], 300)
def test_chosen_cron_falls_into_every_window_of_every_schedule(some_schedules, first_day):
    run_times = choose_run_times(some_schedules)
    for schedule in some_schedules:
        assert not list_missed_windows(schedule, run_times.cron, first_day, DAYS_OF_EXAMPLE)


@pytest.mark.parametrize(
    ("windows", "cron"),
    [
        ([], "17 5 * * 1-5"),
        ([("* * * * 2", "Europe/Berlin")], "17 5 * * 1-5"),
        ([("* 0-3 * * 1", "UTC")], "17 2 * * 1-5"),
        ([("* 0-3 * * 1", "Europe/Berlin")], "17 0 * * 1-5"),
        ([("* 0-3 * * 1", "Asia/Tokyo")], "17 15 * * *"),
        ([("* 3 * * 1", "Europe/Berlin")], "17 1,2 * * 1-5"),
        ([("* 0-3 * * 1", "UTC"), ("* 20-22 * * 6", "UTC")], "17 2,20 * * *"),
    ],
)
def test_cron_has_few_hours_and_working_days_if_possible(windows, cron):
    run_times = choose_run_times([ProposalSchedule(*each) for each in windows])
    assert run_times.cron == cron
    assert run_times.is_on_every_day == cron.endswith("*")


def test_basebump_runs_every_hour_if_there_are_too_many_schedules():
    many = [ProposalSchedule(f"* {hour} {day} * *") for hour in range(24) for day in (1, 2, 3)]
    assert len(many) > MAX_SCHEDULES
    assert choose_run_times(many).cron == "17 * * * *"
