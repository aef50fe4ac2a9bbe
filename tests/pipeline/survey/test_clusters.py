"""Runs read the clusters of the config, and remember what runs in them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.clusters.kubernetes_stand import TOKEN, KubernetesStand
from support.clusters.objects import make_pod
from support.runs.worlds import NOW, build_context

from bot.clusters.connect import connect_with_token
from bot.clusters.reader import KubernetesCluster
from bot.model.errors import StateError
from bot.model.policy import PolicyConfig
from bot.model.workload import ClusterProblem
from bot.pipeline.run_context import ClusterServices, RunOptions
from bot.pipeline.survey.clusters import find_running_images, read_clusters
from bot.pipeline.sweep import sweep_fleets
from bot.state.after_merge.running_images import DatabaseRunningImages
from bot.state.database import Database
from bot.wiring.state import create_no_state

HOUR = timedelta(hours=1)


def build_reader(stand, name="prod"):
    return KubernetesCluster(
        name, lambda: connect_with_token(stand.url, None, lambda: TOKEN, {}), lambda repository: repository
    )


@pytest.fixture
def state(tmp_path):
    running_images = DatabaseRunningImages(Database.sqlite(tmp_path / "state.db"))
    return replace(create_no_state(), running_images=running_images)


@pytest.fixture
def stand():
    with KubernetesStand(pods=[make_pod("web")]) as running:
        yield running


@pytest.fixture
def ended_cluster():
    with KubernetesStand() as ended:
        pass
    return ended


def list_names(clusters):
    return [
        f"{each.image.workload.title} {each.first_seen_at - NOW}"
        for cluster in clusters.known
        for each in cluster.images
    ]


def test_running_images_are_unknown_if_config_has_no_clusters():
    context = build_context()
    assert find_running_images(context).known is None
    assert context.failures.list_all() == ()


def test_unreachable_cluster_is_reported_once_and_other_clusters_are_read(stand, ended_cluster):
    services = ClusterServices((build_reader(ended_cluster, "gone"), build_reader(stand)))
    context = build_context(clusters=services)
    assert list_names(find_running_images(context)) == ["prod/payments/Pod/web 0:00:00"]
    (failure,) = context.failures.list_all()
    assert failure.subject == "gone"
    assert "Connection refused" in failure.error


def test_stored_images_of_a_cluster_are_used_if_the_cluster_becomes_unreachable(stand, ended_cluster, state):
    context = build_context(state=state, clusters=ClusterServices((build_reader(stand),)))
    assert list_names(read_clusters(context)) == ["prod/payments/Pod/web 0:00:00"]
    later = replace(context, now=NOW + HOUR, clusters=ClusterServices((build_reader(ended_cluster),)))
    result = read_clusters(later)
    assert list_names(result) == ["prod/payments/Pod/web 0:00:00"]
    assert [each.read_at for each in result.known] == [NOW]
    assert [each.failure.problem for each in result.known] == [ClusterProblem.UNREACHABLE]
    assert [each.subject for each in later.failures.list_all()] == ["prod"]


def test_stored_images_of_a_cluster_removed_from_the_config_are_ignored(stand, state):
    read_clusters(build_context(state=state, clusters=ClusterServices((build_reader(stand, "old"),))))
    result = read_clusters(build_context(state=state, clusters=ClusterServices((build_reader(stand),))))
    assert [each.cluster for each in result.known] == ["prod"]


def test_service_visits_use_running_images_that_the_last_sweep_stored(stand, state):
    services = ClusterServices((build_reader(stand),), is_read_by_sweeps=True)
    context = build_context(state=state, clusters=services)
    assert find_running_images(context).known == ()
    assert stand.asked == []
    sweep_fleets([], context, RunOptions(PolicyConfig(), "basebump/", None))
    assert len(stand.asked) == 1
    assert list_names(find_running_images(context)) == ["prod/payments/Pod/web 0:00:00"]
    assert len(stand.asked) == 1


def test_clusters_are_read_and_one_failure_reported_if_state_is_unusable(stand):
    class BrokenStore:
        def record_clusters(self, outcomes, at):
            raise StateError("the disk is full")

        def load_clusters(self):
            raise StateError("the disk is full")

    state = replace(create_no_state(), running_images=BrokenStore())
    context = build_context(state=state, clusters=ClusterServices((build_reader(stand),)))
    assert list_names(read_clusters(context)) == ["prod/payments/Pod/web 0:00:00"]
    assert [each.error for each in context.failures.list_all()] == ["the disk is full"]


def test_report_of_a_run_lists_an_unreachable_cluster_as_failure(ended_cluster, loopback):
    loopback.clusters = ClusterServices((build_reader(ended_cluster),))
    report = loopback.run([])
    assert [(each.subject, each.stage) for each in report.failed] == [("prod", "clusters")]
