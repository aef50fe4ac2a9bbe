"""Chooses the tags that a poll looks up, so that lookups are spread over time and no tag is left out."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from bot.model.image_name import TagRef

TAGS_PER_POLL = 300
"""The usual number of tags that one poll looks up. The tags of a registry that has more are spread over several polls
within the interval. Docker Hub allows several thousand requests per minute."""
JITTER = 0.5
"""The largest part of the time between two polls that is left out at random, so that many installations do not poll at
the same time."""


def choose_delay(tag_count: int, interval: timedelta) -> timedelta:
    """Return the time until the next poll of a registry with this number of tags."""
    polls_per_interval = max(1, math.ceil(tag_count / TAGS_PER_POLL))
    return interval / polls_per_interval * random.uniform(1 - JITTER, 1)  # noqa: S311 - not a secret


def select_tags(
    last_lookups: Mapping[TagRef, datetime | None], now: datetime, interval: timedelta, delay: timedelta
) -> list[TagRef]:
    """Return the tags that a poll looks up, beginning with those whose last lookup is the longest ago.

    The result contains every tag whose last lookup would be longer ago than `interval` at the next poll, after `delay`.
    It contains more tags if necessary, so that all polls look up about the same number of tags. If a poll is late, it
    therefore looks up more tags, and leaves none out.

    `last_lookups` contains None for a tag that was never looked up. A time after `now` was written by a machine whose
    clock is wrong, and counts as None.
    """
    never = datetime.min.replace(tzinfo=UTC)
    times = {tag_ref: at if at is not None and at <= now else never for tag_ref, at in last_lookups.items()}
    oldest_first = sorted(times, key=lambda each: (times[each], each.repository, each.tag))
    overdue = sum(at <= now + delay - interval for at in times.values())
    share = math.ceil(len(times) * (delay / interval))
    return oldest_first[: max(overdue, share)]
