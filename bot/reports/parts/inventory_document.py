"""Renders parts of all outputs from the inventory: names of base branches, durations, and the age of the data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from bot.model.inventory import BranchKey
from bot.model.usage import InventoryCoverage
from bot.reports.parts.json_text import JsonValue, format_time

BRANCH_COLUMNS = ("forge", "host", "repository", "base_branch")
"""The columns that name a base branch."""


def build_branch(key: BranchKey) -> dict[str, JsonValue]:
    """Return the keys that name a base branch in JSON. `host` is null for a folder on this machine."""
    return {
        "forge": key.forge,
        "host": key.host or None,
        "repository": key.repository,
        "base_branch": key.base_branch,
    }


def describe_coverage(coverage: InventoryCoverage, now: datetime) -> Iterator[str]:
    """Yield sentences about the number of base branches, the age of the data, and files that could not be read."""
    if coverage.oldest_read_at is None:
        yield "The state contains no base branches yet; hint: run `basebump run` with this config first."
        return
    age = describe_duration((now - coverage.oldest_read_at).total_seconds())
    yield (
        f"The state covers {count_things(coverage.branches, 'base branch', 'base branches')}. The oldest data was read "
        f"{age} ago, on {format_minute(coverage.oldest_read_at)}."
    )
    if coverage.branches_with_unread_files:
        count = coverage.branches_with_unread_files
        verb = "has" if count == 1 else "have"
        yield (
            f"{count_things(count, 'base branch', 'base branches')} {verb} files that could not be read, so images may "
            "be missing."
        )


def build_coverage(coverage: InventoryCoverage) -> JsonValue:
    """Return the age of the data, and the numbers of unread branches and files, as JSON."""
    return {
        "branches": coverage.branches,
        "branches_with_unread_files": coverage.branches_with_unread_files,
        "oldest_read_at": format_time(coverage.oldest_read_at),
        "first_read_at": format_time(coverage.first_read_at),
    }


def describe_duration(seconds: float) -> str:
    """Return a duration in words, such as `5 hours` or `12 days`."""
    hours = max(0, round(seconds / 3600))
    if hours < 1:
        return "less than an hour"
    days = hours // 24
    return count_things(days, "day", "days") if days > 1 else count_things(hours, "hour", "hours")


def count_seconds(duration: timedelta | None) -> int | None:
    return int(duration.total_seconds()) if duration is not None else None


def format_minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def count_things(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"
