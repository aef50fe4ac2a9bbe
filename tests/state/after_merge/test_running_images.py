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
def store(state_location):
    return DatabaseRunningImages(state_location.database())


def list_images(store):
    (cluster,) = store.load_clusters()
    return [(each.image.digest, each.first_seen_at, each.ended_at) for each in cluster.images]


def test_running_images_are_loaded_as_stored(store, state_location):
    full = replace(OLD, since=state_location.now - HOUR)
    bare = replace(OLD, container="init", tag=None, digest=None, pods=1)
    store.record_clusters([build_reading(full, bare), build_reading(cluster="dev")], state_location.now)
    assert store.load_clusters() == (
        StoredCluster("dev", state_location.now, None),
        StoredCluster(
            "prod",
            state_location.now,
            None,
            (StoredRunningImage(bare, state_location.now), StoredRunningImage(full, state_location.now)),
        ),
    )


def test_image_counts_as_running_until_the_cluster_is_read_without_the_image(store, state_location):
    store.record_clusters([build_reading(OLD)], state_location.now)
    store.record_clusters([build_reading(OLD, NEW)], state_location.now + HOUR)
    store.record_clusters([build_reading(NEW)], state_location.now + 2 * HOUR)
    store.record_clusters([build_reading(NEW)], state_location.now + 3 * HOUR)
    assert sorted(list_images(store), key=lambda each: each[1]) == [
        (OLD.digest, state_location.now, state_location.now + 2 * HOUR),
        (NEW.digest, state_location.now + HOUR, None),
    ]


def test_image_that_runs_again_keeps_the_time_of_the_first_sighting(store, state_location):
    store.record_clusters([build_reading(OLD)], state_location.now)
    store.record_clusters([build_reading()], state_location.now + HOUR)
    store.record_clusters([build_reading(replace(OLD, pods=7))], state_location.now + 2 * HOUR)
    (cluster,) = store.load_clusters()
    assert cluster.images == (StoredRunningImage(replace(OLD, pods=7), state_location.now),)


def test_stored_images_of_an_unreadable_cluster_are_kept_until_read_again(store, state_location):
    failure = UnreadCluster("prod", ClusterProblem.FORBIDDEN, "the account is not allowed to list pods\0")
    store.record_clusters([failure], state_location.now)
    shown = replace(failure, detail="the account is not allowed to list pods?")
    assert store.load_clusters() == (StoredCluster("prod", None, shown),)
    store.record_clusters([build_reading(OLD)], state_location.now + HOUR)
    store.record_clusters([failure], state_location.now + 2 * HOUR)
    known = StoredRunningImage(OLD, state_location.now + HOUR)
    assert store.load_clusters() == (StoredCluster("prod", state_location.now + HOUR, shown, (known,)),)
    store.record_clusters([build_reading(OLD)], state_location.now + 3 * HOUR)
    assert store.load_clusters() == (StoredCluster("prod", state_location.now + 3 * HOUR, None, (known,)),)


def test_images_that_a_run_started_earlier_read_from_a_cluster_are_ignored(store, state_location):
    store.record_clusters([build_reading(NEW)], state_location.now)
    store.record_clusters([build_reading(OLD)], state_location.now - HOUR)
    assert list_images(store) == [(NEW.digest, state_location.now, None)]
    store.record_clusters([build_reading(OLD)], state_location.now - timedelta(days=2))  # the later clock must be wrong
    assert (OLD.digest, state_location.now - timedelta(days=2), None) in list_images(store)


def test_old_running_images_and_removed_clusters_are_deleted(store, state_location):
    store.record_clusters([build_reading(OLD), build_reading(cluster="removed")], state_location.now)
    store.record_clusters([build_reading(NEW)], state_location.now + HOUR)
    later = state_location.now + TAGS_KEPT + 2 * HOUR
    store.record_clusters([build_reading(NEW)], later)
    assert list_images(store) == [(NEW.digest, state_location.now + HOUR, None)]


def test_unknown_cluster_problem_of_a_later_release_is_loaded_as_invalid_answer(store, state_location):
    store.record_clusters([UnreadCluster("prod", ClusterProblem.FORBIDDEN, "no")], state_location.now)
    with state_location.database().open_for_writing() as connection:
        connection.execute(text("UPDATE clusters SET problem = 'on-strike'"))
    (cluster,) = store.load_clusters()
    assert cluster.failure == UnreadCluster("prod", ClusterProblem.INVALID_ANSWER, "no")
