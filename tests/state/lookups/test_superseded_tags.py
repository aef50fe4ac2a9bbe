"""The store of superseded tags, with SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update
from support.values import digest

from bot.model.history import SupersededTag
from bot.model.image import TagDescriptor
from bot.model.image_name import TagRef
from bot.model.vocabulary import Reason
from bot.ports import SupersededStore
from bot.state.lookups.superseded_tags import DatabaseSupersededStore
from bot.state.no_state import NoSupersededStore
from bot.state.tables import BATCH_SIZE, SUPERSEDED_TAGS, TAGS_KEPT

LINE, OTHER = TagRef("docker.io/library/nginx", "1.27.1"), TagRef("docker.io/library/nginx", "1.27.2")
STOPPED = SupersededTag(digest("a"), Reason.TAG_STOPPED, "`1.27.3` comes after it", "1.27.3")
OVER = SupersededTag(digest("b"), Reason.END_OF_LIFE, "its publisher ended it on 2026-11-01", None)
DAY = timedelta(days=1)


@pytest.fixture
def ends(place) -> DatabaseSupersededStore:
    return DatabaseSupersededStore(place.database())


def test_both_stores_implement_the_protocol(ends):
    known: list[SupersededStore] = [ends, NoSupersededStore()]
    for each in known:
        assert each.load([LINE]) == {}


def test_superseded_tag_is_stored_until_a_check_finds_otherwise(place, ends):
    ends.record({LINE: STOPPED, OTHER: OVER}, place.now)
    assert DatabaseSupersededStore(place.database()).load([LINE, OTHER, TagRef("ghcr.io/acme/web", "1")]) == {
        LINE: STOPPED,
        OTHER: OVER,
    }
    assert ends.load([OTHER]) == {OTHER: OVER}
    ends.record({LINE: OVER, OTHER: None}, place.now + DAY)
    assert ends.load([LINE, OTHER]) == {LINE: OVER}


def test_result_of_later_check_is_kept_regardless_of_write_order(place, ends):
    ends.record({LINE: STOPPED, OTHER: OVER}, place.now)
    ends.record({LINE: None, OTHER: STOPPED}, place.now - DAY)
    assert ends.load([LINE, OTHER]) == {LINE: STOPPED, OTHER: OVER}


def test_stores_more_superseded_tags_than_fit_in_one_query(place, ends):
    found = {TagRef(f"ghcr.io/acme/{number}", "1.0.0"): STOPPED for number in range(2 * BATCH_SIZE + 1)}
    ends.record(found, place.now)
    assert ends.load(found) == found
    ends.record(dict.fromkeys(found), place.now)
    assert ends.load(found) == {}


def test_entry_with_unknown_reason_is_left_out(place, ends):
    ends.record({LINE: STOPPED}, place.now)
    for word in ("faded", "up-to-date", "not-found-or-denied"):
        with place.database().open_for_writing() as connection:
            connection.execute(update(SUPERSEDED_TAGS).values(reason=word))
        assert ends.load([LINE]) == {}


def test_entry_is_deleted_when_not_checked_for_long(place, ends, memory):
    ends.record({LINE: STOPPED}, place.now)
    for later, kept in ((TAGS_KEPT - DAY, {LINE: STOPPED}), (TAGS_KEPT + DAY, {})):
        memory.record_tags({OTHER: TagDescriptor(digest("x"), "m")}, place.now + later)
        assert ends.load([LINE]) == kept
