"""The store of the builds of own images, on every database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update
from support.values import digest

from bot.model.own_build import BaseEvidence, BuiltOn, OwnBuild, StoredBuild
from bot.state.after_merge.own_builds import BUILDS_KEPT, MAX_KEPT, DatabaseOwnBuilds
from bot.state.tables.after_merge import OWN_BUILDS

HOUR = timedelta(hours=1)
WEB, API = "r.example.com/acme/web", "r.example.com/acme/api"


def build(word: str, image: str = WEB, **more) -> OwnBuild:
    return OwnBuild(image, digest(word), **({"built_at": None, "source": None, "revision": None} | more))


@pytest.fixture
def store(state_location):
    return DatabaseOwnBuilds(state_location.database())


def test_own_builds_are_loaded_as_stored(store, state_location):
    full = build(
        "1",
        built_at=state_location.now,
        source="https://github.com/acme/web",
        revision="c0ffee",
        dockerfile="api/Dockerfile",
        branch="main",
        is_attested=True,
        bases=(BuiltOn("docker.io/library/python", digest("base"), BaseEvidence.LAYERS),),
        children=frozenset({digest("amd64"), digest("arm64")}),
        layers=(digest("layer"),),
        platform="linux/amd64",
    )
    store.record_builds([build("2", API), full], state_location.now)
    assert store.load_builds() == [
        StoredBuild(build("2", API), state_location.now),
        StoredBuild(full, state_location.now),
    ]
    assert store.load_builds([WEB]) == [StoredBuild(full, state_location.now)]
    assert store.load_builds([]) == []


def test_own_build_keeps_the_earliest_time_when_a_run_read_the_build(store, state_location):
    store.record_builds([build("1")], state_location.now)
    learned = build("1", bases=(BuiltOn(None, digest("base"), BaseEvidence.LABEL),))
    store.record_builds([learned], state_location.now + HOUR)
    assert store.load_builds() == [StoredBuild(learned, state_location.now)]
    store.record_builds([learned], state_location.now - HOUR)  # a run that started earlier, and ends later
    assert store.load_builds() == [StoredBuild(learned, state_location.now - HOUR)]


def test_own_builds_read_long_ago_are_deleted(store, state_location):
    store.record_builds([build("1")], state_location.now)
    later = state_location.now + BUILDS_KEPT + HOUR
    store.record_builds([build("2")], later)
    assert store.load_builds() == [StoredBuild(build("2"), later)]


def test_only_the_latest_builds_of_each_own_image_are_kept(store, state_location):
    for number in range(MAX_KEPT + 2):
        store.record_builds([build(str(number))], state_location.now + number * HOUR)
    store.record_builds([build("other", API)], state_location.now)
    words = sorted(digest(str(number)) for number in range(2, MAX_KEPT + 2))
    assert [each.build.digest for each in store.load_builds([WEB])] == words
    assert len(store.load_builds([API])) == 1


def test_stored_build_without_required_fields_is_omitted_until_recorded_again(store, state_location):
    store.record_builds([build("1"), build("2")], state_location.now)
    with state_location.database().open_for_writing() as connection:
        connection.execute(update(OWN_BUILDS).where(OWN_BUILDS.c.digest == digest("1")).values(document="{}"))
    assert [each.build for each in store.load_builds()] == [build("2")]
    store.record_builds([build("1")], state_location.now + HOUR)
    assert {each.build.digest for each in store.load_builds()} == {digest("1"), digest("2")}


def test_build_with_invalid_unicode_is_skipped_without_affecting_other_builds(store, state_location):
    store.record_builds([replace(build("1"), source="\ud800"), build("2")], state_location.now)
    assert store.load_builds() == [StoredBuild(build("2"), state_location.now)]
