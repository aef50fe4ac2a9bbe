"""Times with which Python cannot compute, such as the year 9999 in any time zone: the nearest usable time is stored."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import DateTime, insert, select, text
from support.visits import NOW

from bot.state.tables import EARLIEST_TIME, LATEST_TIME, METADATA

DAY = timedelta(days=1)
WEST, EAST = (timezone(timedelta(hours=hours)) for hours in (-12, 14))


def list_times(table) -> list[str]:
    return [each.name for each in table.columns if isinstance(getattr(each.type, "impl_instance", None), DateTime)]


def build_row(table, time: datetime) -> dict[str, object]:
    times = list_times(table)
    return {
        each.name: time if each.name in times else 1 if not hasattr(each.type, "impl_instance") else "text"
        for each in table.columns
    }


@pytest.mark.parametrize(
    ("time", "nearest"),
    [
        (datetime.min.replace(tzinfo=EAST), EARLIEST_TIME),
        (datetime.max.replace(tzinfo=WEST), LATEST_TIME),
        (NOW.astimezone(EAST), NOW),
    ],
)
def test_every_time_column_stores_the_nearest_usable_time(state_location, time, nearest):
    with state_location.database().open_for_writing() as connection:
        for table in filter(list_times, METADATA.sorted_tables):
            connection.execute(insert(table), [build_row(table, time)])
            [stored] = connection.execute(select(*(table.c[name] for name in list_times(table))))
            assert set(stored) == {nearest}
    assert nearest - DAY < nearest.astimezone(WEST) < nearest + DAY


@pytest.mark.parametrize(
    ("stored", "nearest"), [("0001-01-01 00:00:00", EARLIEST_TIME), ("9999-12-31 23:59:59", LATEST_TIME)]
)
def test_stored_time_out_of_range_is_read_as_the_nearest(state_location, stored, nearest):
    table = METADATA.tables["clusters"]
    with state_location.database().open_for_writing() as connection:
        connection.execute(insert(table), [build_row(table, NOW)])
        connection.execute(text(f"UPDATE clusters SET read_at = '{stored}'"))
        assert connection.execute(select(table.c.read_at)).scalar_one() == nearest
