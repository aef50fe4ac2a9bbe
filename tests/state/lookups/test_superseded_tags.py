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
from bot.state.no_state import NoState
from bot.state.tables import BATCH_SIZE, SUPERSEDED_TAGS, TAGS_KEPT

LINE, OTHER = TagRef("docker.io/library/nginx", "1.27.1"), TagRef("docker.io/library/nginx", "1.27.2")
STOPPED = SupersededTag(digest("a"), Reason.TAG_STOPPED, "`1.27.3` comes after it", "1.27.3")
OVER = SupersededTag(digest("b"), Reason.END_OF_LIFE, "its publisher ended it on 2026-11-01", None)
DAY = timedelta(days=1)


@pytest.fixture
def superseded_store(state_location) -> DatabaseSupersededStore:
    return DatabaseSupersededStore(state_location.database())


def test_empty_database_and_missing_state_load_no_superseded_tags(superseded_store):
    known: list[SupersededStore] = [superseded_store, NoState()]
    for each in known:
        assert each.load([LINE]) == {}


def test_superseded_tag_is_stored_until_a_check_finds_otherwise(state_location, superseded_store):
    superseded_store.record({LINE: STOPPED, OTHER: OVER}, state_location.now)
    assert DatabaseSupersededStore(state_location.database()).load([LINE, OTHER, TagRef("ghcr.io/acme/web", "1")]) == {
        LINE: STOPPED,
        OTHER: OVER,
    }
    assert superseded_store.load([OTHER]) == {OTHER: OVER}
    superseded_store.record({LINE: OVER, OTHER: None}, state_location.now + DAY)
    assert superseded_store.load([LINE, OTHER]) == {LINE: OVER}


def test_result_of_later_check_is_kept_even_if_an_earlier_check_is_stored_later(state_location, superseded_store):
    superseded_store.record({LINE: STOPPED, OTHER: OVER}, state_location.now)
    superseded_store.record({LINE: None, OTHER: STOPPED}, state_location.now - DAY)
    assert superseded_store.load([LINE, OTHER]) == {LINE: STOPPED, OTHER: OVER}


def test_more_superseded_tags_than_fit_in_one_query_are_stored(state_location, superseded_store):
    found = {TagRef(f"ghcr.io/acme/{number}", "1.0.0"): STOPPED for number in range(2 * BATCH_SIZE + 1)}
    superseded_store.record(found, state_location.now)
    assert superseded_store.load(found) == found
    superseded_store.record(dict.fromkeys(found), state_location.now)
    assert superseded_store.load(found) == {}


def test_superseded_tag_with_unknown_reason_is_omitted(state_location, superseded_store):
    superseded_store.record({LINE: STOPPED}, state_location.now)
    for word in ("faded", "up-to-date", "not-found-or-denied"):
        with state_location.database().open_for_writing() as connection:
            connection.execute(update(SUPERSEDED_TAGS).values(reason=word))
        assert superseded_store.load([LINE]) == {}


def test_superseded_tag_is_deleted_when_not_checked_for_long(state_location, superseded_store, lookup_store):
    superseded_store.record({LINE: STOPPED}, state_location.now)
    for later, kept in ((TAGS_KEPT - DAY, {LINE: STOPPED}), (TAGS_KEPT + DAY, {})):
        lookup_store.record_tags({OTHER: TagDescriptor(digest("x"), "m")}, state_location.now + later)
        assert superseded_store.load([LINE]) == kept
