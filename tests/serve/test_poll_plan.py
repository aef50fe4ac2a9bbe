"""The choice of the tags that a poll looks up: none is left out, whenever the polls happen."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.model.image_name import TagRef
from bot.serve.poll_job import JITTER, TAGS_PER_POLL, choose_delay, select_tags

INTERVAL = timedelta(minutes=30)
START = datetime(2026, 11, 25, 12, tzinfo=UTC)
SECONDS = st.floats(0, INTERVAL.total_seconds()).map(lambda seconds: timedelta(seconds=seconds))


def build_tags(count: int) -> list[TagRef]:
    return [TagRef(f"docker.io/library/base{number:04}", "1") for number in range(count)]


def poll_until(end, last_lookups, lateness):
    """Do polls until a time. Yield the time of each poll, its tags, and how late it was.

    `lateness` are times by which the polls happen later than planned.
    """
    due_at, late = START, iter(lateness)
    while due_at < end:
        late_by = next(late, timedelta())
        now = due_at + late_by
        delay = choose_delay(len(last_lookups), INTERVAL)
        tags = select_tags(last_lookups, now, INTERVAL, delay)
        yield now, tags, late_by
        last_lookups.update(dict.fromkeys(tags, now))
        due_at = now + delay


@settings(max_examples=20)
@given(count=st.integers(1, 2000), ages=st.lists(SECONDS, min_size=1, max_size=20))
def test_every_polled_tag_is_looked_up_at_least_once_per_interval(count, ages):
    last_lookups = {each: START - ages[number % len(ages)] for number, each in enumerate(build_tags(count))}
    for now, tags, _ in poll_until(START + 3 * INTERVAL, last_lookups, ()):
        assert all(now - last_lookups[each] <= INTERVAL for each in tags)
        assert all(now - at <= INTERVAL for at in last_lookups.values())


@settings(max_examples=20)
@given(ages=st.lists(SECONDS, min_size=1, max_size=20), lateness=st.lists(SECONDS, min_size=1, max_size=10))
def test_late_poll_delays_tag_lookups_by_no_more_than_the_delay_of_the_poll(ages, lateness):
    last_lookups = {each: START - ages[number % len(ages)] for number, each in enumerate(build_tags(700))}
    for now, tags, late_by in poll_until(START + 3 * INTERVAL, last_lookups, lateness):
        assert all(now - last_lookups[each] <= INTERVAL + late_by for each in tags)
        assert all(each in tags for each, at in last_lookups.items() if now - at >= INTERVAL)


def test_polls_of_many_tags_are_spread_over_the_interval():
    last_lookups = dict.fromkeys(build_tags(2000), START)
    polls = list(poll_until(START + 4 * INTERVAL, last_lookups, ()))
    assert max(len(tags) for _, tags, _ in polls) <= 2 * TAGS_PER_POLL
    lookups = sum(len(tags) for _, tags, _ in polls)
    assert lookups <= 4 * 2000 * 1.25  # not much more than one lookup of each tag per interval
    longest = INTERVAL / math.ceil(2000 / TAGS_PER_POLL)
    times = [now for now, _, _ in polls]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert all(longest * (1 - JITTER) <= gap <= longest for gap in gaps)
    assert len(set(gaps)) > 1


@settings(max_examples=10)
@given(new=st.integers(1, 50))
def test_poll_looks_up_new_tags_first(new):
    tags = build_tags(500)
    last_lookups = {each: None if number < new else START for number, each in enumerate(tags)}
    selected = select_tags(last_lookups, START, INTERVAL, timedelta(seconds=1))
    assert selected[:new] == tags[:new]


def test_tag_with_last_lookup_in_the_future_is_looked_up():
    [tag] = build_tags(1)
    later = START + timedelta(days=365)
    assert select_tags({tag: later}, START, INTERVAL, timedelta(seconds=1)) == [tag]
