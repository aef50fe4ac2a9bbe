"""Schedules of Renovate and Dependabot, as crontab expressions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from bot.starter.schedules import translate_interval, translate_schedule
from bot.starter.translation import UntranslatableError


@pytest.mark.parametrize(
    ("text", "cron"),
    [
        ("before 5am", "* 0-4 * * *"),
        ("after 10pm", "* 22-23 * * *"),
        ("after 10pm and before 5am every weekday", "* 0-4,22-23 * * 1-5"),
        ("before 4am on Monday", "* 0-3 * * 1"),
        ("every weekend", "* * * * 0,6"),
        ("on friday and saturday", "* * * * 5,6"),
        ("after 12pm before 12am", "* 12-23 * * *"),
        ("before 3am on the first day of the month", "* 0-2 1 * *"),
        ("* 0-3 * * 1", "* 0-3 * * 1"),
    ],
)
def test_renovate_schedule_in_words_is_translated_to_crontab_expression(text, cron):
    assert translate_schedule([text]) == cron
    next(CronSim(cron, datetime(2024, 1, 1, tzinfo=UTC)))


@pytest.mark.parametrize("schedule", [[], ["at any time"], [""]])
def test_schedule_that_allows_any_time_is_translated_to_no_crontab_expression(schedule):
    assert translate_schedule(schedule) is None


@pytest.mark.parametrize(
    "schedule", [["before 5am", "after 10pm"], ["every 2 weeks on monday"], ["* 99 * * *"], ["before 13pm"], ["on x"]]
)
def test_schedule_without_crontab_equivalent_is_not_translated(schedule):
    with pytest.raises(UntranslatableError):
        translate_schedule(schedule)


@given(st.text(max_size=60) | st.from_regex(r"(after \d+(am|pm))?( and before \d+(am|pm))?( (on|every) [a-z ]+)?"))
def test_arbitrary_schedule_becomes_valid_crontab_expression_or_is_refused(text):
    try:
        cron = translate_schedule([text])
    except UntranslatableError:
        return
    if cron is not None:
        next(CronSim(cron, datetime(2024, 1, 1, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("interval", "settings", "cron"),
    [
        ("daily", {}, "* * * * 1-5"),
        ("weekly", {}, "* * * * 1"),
        ("weekly", {"day": "tuesday"}, "* * * * 2"),
        ("monthly", {}, "* * 1 * *"),
        ("cron", {"cronjob": "30 5 * * 3"}, "* * * * 3"),
        ("", {}, None),
    ],
)
def test_dependabot_interval_is_translated_to_whole_days_in_crontab_expression(interval, settings, cron):
    assert translate_interval(interval, settings) == cron


def test_unknown_dependabot_interval_is_not_translated():
    with pytest.raises(UntranslatableError):
        translate_interval("hourly", {})
