"""The store of the images that run in clusters, on every database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from support.values import digest

from bot.model.workload import (
    ClusterProblem,
    ClusterReading,
    RunningImage,
    StoredCluster,
    StoredRunningImage,
    UnreadCluster,
    Workload,
)
from bot.state.after_merge.running_images import DatabaseRunningImages
from bot.state.tables import TAGS_KEPT

HOUR = timedelta(hours=1)
WEB = Workload("prod", "payments", "Deployment", "web")
OLD = RunningImage(WEB, "web", "docker.io/library/nginx", "1.29", digest("old"), 3, None)
NEW = replace(OLD, digest=digest("new"))


def build_reading(*images, cluster="prod"):
    return ClusterReading(cluster, tuple(images))


@pytest.fixture
def store(place):
    return DatabaseRunningImages(place.database())


def list_images(store):
    (cluster,) = store.load_clusters()
    return [(each.image.digest, each.first_seen_at, each.ended_at) for each in cluster.images]


def test_images_are_loaded_as_stored(store, place):
    full = replace(OLD, since=place.now - HOUR)
    bare = replace(OLD, container="init", tag=None, digest=None, pods=1)
    store.record_clusters([build_reading(full, bare), build_reading(cluster="dev")], place.now)
    assert store.load_clusters() == (
        StoredCluster("dev", place.now, None),
        StoredCluster(
            "prod",
            place.now,
            None,
            (StoredRunningImage(bare, place.now), StoredRunningImage(full, place.now)),
        ),
    )


def test_image_that_a_reading_does_not_find_ends(store, place):
    store.record_clusters([build_reading(OLD)], place.now)
    store.record_clusters([build_reading(OLD, NEW)], place.now + HOUR)
    store.record_clusters([build_reading(NEW)], place.now + 2 * HOUR)
    store.record_clusters([build_reading(NEW)], place.now + 3 * HOUR)
    assert sorted(list_images(store), key=lambda each: each[1]) == [
        (OLD.digest, place.now, place.now + 2 * HOUR),
        (NEW.digest, place.now + HOUR, None),
    ]


def test_image_that_is_found_again_continues(store, place):
    store.record_clusters([build_reading(OLD)], place.now)
    store.record_clusters([build_reading()], place.now + HOUR)
    store.record_clusters([build_reading(replace(OLD, pods=7))], place.now + 2 * HOUR)
    (cluster,) = store.load_clusters()
    assert cluster.images == (StoredRunningImage(replace(OLD, pods=7), place.now),)


def test_unreadable_cluster_keeps_the_stored_images(store, place):
    failure = UnreadCluster("prod", ClusterProblem.FORBIDDEN, "the account may not list pods\0")
    store.record_clusters([failure], place.now)
    shown = replace(failure, detail="the account may not list pods?")
    assert store.load_clusters() == (StoredCluster("prod", None, shown),)
    store.record_clusters([build_reading(OLD)], place.now + HOUR)
    store.record_clusters([failure], place.now + 2 * HOUR)
    known = StoredRunningImage(OLD, place.now + HOUR)
    assert store.load_clusters() == (StoredCluster("prod", place.now + HOUR, shown, (known,)),)
    store.record_clusters([build_reading(OLD)], place.now + 3 * HOUR)
    assert store.load_clusters() == (StoredCluster("prod", place.now + 3 * HOUR, None, (known,)),)


def test_reading_of_a_run_that_started_earlier_is_ignored(store, place):
    store.record_clusters([build_reading(NEW)], place.now)
    store.record_clusters([build_reading(OLD)], place.now - HOUR)
    assert list_images(store) == [(NEW.digest, place.now, None)]
    store.record_clusters([build_reading(OLD)], place.now - timedelta(days=2))  # the later clock must be wrong
    assert (OLD.digest, place.now - timedelta(days=2), None) in list_images(store)


def test_old_rows_are_deleted(store, place):
    store.record_clusters([build_reading(OLD), build_reading(cluster="removed")], place.now)
    store.record_clusters([build_reading(NEW)], place.now + HOUR)
    later = place.now + TAGS_KEPT + 2 * HOUR
    store.record_clusters([build_reading(NEW)], later)
    assert list_images(store) == [(NEW.digest, place.now + HOUR, None)]


def test_word_of_a_later_release_is_a_failure(store, place):
    store.record_clusters([UnreadCluster("prod", ClusterProblem.FORBIDDEN, "no")], place.now)
    with place.database().open_for_writing() as connection:
        connection.execute(text("UPDATE clusters SET problem = 'on-strike'"))
    (cluster,) = store.load_clusters()
    assert cluster.failure == UnreadCluster("prod", ClusterProblem.INVALID_ANSWER, "no")
