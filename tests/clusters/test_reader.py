"""What the reader finds in a cluster, over the official client."""

from __future__ import annotations

import pytest
from support.clusters.kubernetes_stand import METADATA_LIST, TOKEN, KubernetesStand
from support.clusters.objects import make_digest, make_job, make_owner, make_pod, make_replica_set
from support.listener import HttpReply

from bot.clusters.connect import connect_with_token
from bot.clusters.reader import KubernetesCluster
from bot.model.workload import ClusterProblem, ClusterReading, UnreadCluster


def make_reader(stand, **options):
    def connect():
        return connect_with_token(stand.url, None, lambda: TOKEN, {})

    return KubernetesCluster("prod", connect, options.pop("find_origin", lambda name: name), **options)


def read_all_images(stand, **options):
    outcome = make_reader(stand, **options).read_images()
    assert isinstance(outcome, ClusterReading), outcome
    return outcome.images


def list_lines(images):
    return [f"{each.workload.title} {each.container} {each.pods}" for each in images]


def test_pods_are_counted_for_the_topmost_owner_of_each_pod():
    web, canary = make_owner("Deployment", "web"), make_owner("Rollout", "api")
    with KubernetesStand(
        pods=[
            *(make_pod(f"web-{i}", owner=make_owner("ReplicaSet", f"web-{i % 2}")) for i in range(5)),
            make_pod("api-1", owner=make_owner("ReplicaSet", "api-1")),
            make_pod("nightly-1-x", owner=make_owner("Job", "nightly-1")),
            make_pod("once-x", owner=make_owner("Job", "once")),
            make_pod("db-0", owner=make_owner("StatefulSet", "db")),
            make_pod("log-1", owner=make_owner("DaemonSet", "log")),
            make_pod("pipe-1", owner=make_owner("SparkApplication", "pipe")),
            make_pod("alone"),
            make_pod("orphan", owner=make_owner("ReplicaSet", "deleted")),
            make_pod("other", namespace="shop", owner=make_owner("ReplicaSet", "web-0")),
        ],
        replicasets=[
            make_replica_set("web-0", web),
            make_replica_set("web-1", web),
            make_replica_set("api-1", canary),
            make_replica_set("web-0", namespace="shop"),
        ],
        jobs=[make_job("nightly-1", make_owner("CronJob", "nightly")), make_job("once")],
    ) as stand:
        images = read_all_images(stand)
    assert list_lines(images) == [
        "prod/payments/CronJob/nightly web 1",
        "prod/payments/DaemonSet/log web 1",
        "prod/payments/Deployment/web web 5",
        "prod/payments/Job/once web 1",
        "prod/payments/Pod/alone web 1",
        "prod/payments/ReplicaSet/deleted web 1",
        "prod/payments/Rollout/api web 1",
        "prod/payments/SparkApplication/pipe web 1",
        "prod/payments/StatefulSet/db web 1",
        "prod/shop/ReplicaSet/web-0 web 1",
    ]
    assert stand.asked == [
        "GET /api/v1/pods?limit=250",
        "GET /apis/apps/v1/replicasets?limit=250",
        "GET /apis/batch/v1/jobs?limit=250",
    ]
    assert [METADATA_LIST in each.headers["accept"] for each in stand.received] == [False, True, True]


def test_owner_of_pod_that_is_a_node_or_not_the_controller_is_ignored():
    other = make_owner("Deployment", "web", is_controller=False)
    pods = [make_pod("web", owner=other), make_pod("etcd-node-1", owner=make_owner("Node", "node-1"))]
    with KubernetesStand(pods=pods) as stand:
        assert list_lines(read_all_images(stand)) == [
            "prod/payments/Pod/etcd-node-1 web 1",
            "prod/payments/Pod/web web 1",
        ]


@pytest.mark.parametrize("name", ["", "a b", "<b>", "\x1b[31m", "x\ny", "a" * 254])
def test_pod_owner_with_invalid_name_or_kind_is_ignored(name):
    pods = [make_pod("web", owner=make_owner("Deployment", name)), make_pod("api", owner=make_owner(name, "api"))]
    with KubernetesStand(pods=pods) as stand:
        assert list_lines(read_all_images(stand)) == ["prod/payments/Pod/api web 1", "prod/payments/Pod/web web 1"]


def test_pod_with_more_than_a_thousand_containers_is_read():
    waiting = [("c", "busybox:1", "", "waiting")] * 1001
    with KubernetesStand(pods=[make_pod("large", inits=waiting), make_pod("web")]) as stand:
        assert list_lines(read_all_images(stand)) == ["prod/payments/Pod/large web 1", "prod/payments/Pod/web web 1"]


def test_only_images_of_running_containers_are_listed():
    new = ("new", "docker.io/library/busybox:1", f"docker.io/library/busybox@{make_digest(2)}")
    with KubernetesStand(
        pods=[
            make_pod("running", inits=[("setup", *new[1:], "ended"), ("next", *new[1:], "waiting")]),
            make_pod("starting", phase="Pending", state="waiting", inits=[("setup", *new[1:], "running")]),
            make_pod("debugged", ephemerals=[("debugger", *new[1:], "running"), ("gone", *new[1:], "ended")]),
            make_pod("crashing", state="waiting"),
            make_pod("crashed", state="crashed"),
            make_pod("done", phase="Succeeded", state="ended"),
            make_pod("failed", phase="Failed", state="crashed"),
            make_pod("deleted", is_deleted=True),
            {key: value for key, value in make_pod("unscheduled").items() if key != "status"},
        ]
    ) as stand:
        assert list_lines(read_all_images(stand)) == [
            "prod/payments/Pod/debugged debugger 1",
            "prod/payments/Pod/debugged web 1",
            "prod/payments/Pod/running setup 1",
            "prod/payments/Pod/running web 1",
            "prod/payments/Pod/starting setup 1",
        ]


def make_finished_pod(job, started_at, number=1, **more):
    pod = make_pod(
        f"{job}-x",
        image_id=f"nginx@{make_digest(number)}",
        owner=make_owner("Job", job),
        phase="Succeeded",
        state="ended",
        **more,
    )
    pod["status"]["containerStatuses"][0]["state"]["terminated"]["startedAt"] = started_at
    return pod


def test_image_of_last_successful_cron_job_run_is_listed_if_no_pod_runs():
    nightly = make_owner("CronJob", "nightly")
    old = make_finished_pod("nightly-1", "2026-11-01T00:00:00Z", 1)
    new = make_finished_pod("nightly-2", "2026-11-02T00:00:00Z", 2)
    failed = make_pod("nightly-3-x", owner=make_owner("Job", "nightly-3"), phase="Failed", state="crashed")
    once = make_finished_pod("once", "2026-11-03T00:00:00Z")
    with KubernetesStand(
        pods=[new, old, failed, once],
        jobs=[*(make_job(f"nightly-{i}", nightly) for i in (1, 2, 3)), make_job("once")],
    ) as stand:
        images = read_all_images(stand)
        assert list_lines(images) == ["prod/payments/CronJob/nightly web 1"]
        assert [each.digest for each in images] == [make_digest(2)]
        running = make_pod("nightly-4-x", image_id=f"nginx@{make_digest(4)}", owner=make_owner("Job", "nightly-4"))
        stand.pods.append(running)
        stand.jobs.append(make_job("nightly-4", nightly))
        assert [each.digest for each in read_all_images(stand)] == [make_digest(4)]


def test_finished_pod_that_belongs_to_no_cron_job_does_not_count():
    pod = make_finished_pod("x", "2026-11-01T00:00:00Z")
    pod["metadata"]["ownerReferences"] = [make_owner("Workflow", "build")]
    with KubernetesStand(pods=[pod]) as stand:
        assert read_all_images(stand) == ()


def test_workload_running_two_digests_is_listed_with_both_images():
    owner = make_owner("StatefulSet", "db")
    pods = [make_pod(f"db-{i}", image_id=f"nginx@{make_digest(i // 2)}", owner=owner) for i in range(3)]
    with KubernetesStand(pods=pods) as stand:
        images = read_all_images(stand)
    assert [(each.digest, each.pods, each.tag) for each in images] == [
        (make_digest(0), 2, "1.29"),
        (make_digest(1), 1, "1.29"),
    ]
    assert {each.since.isoformat() for each in images} == {"2026-11-01T08:00:00+00:00"}


def test_pods_are_read_from_all_pages_over_one_connection():
    pods = [make_pod(f"web-{i}", namespace=f"ns-{i}") for i in range(600)]
    with KubernetesStand(pods=pods, is_validating=False) as stand:
        assert len(read_all_images(stand)) == 600
        assert len(stand.asked) == 3
        assert stand.connections == 1


def test_expired_pod_list_is_read_again_without_duplicates():
    pods = [make_pod(f"web-{i}", owner=make_owner("StatefulSet", "web")) for i in range(300)]
    with KubernetesStand(pods=pods, is_validating=False, expirations=2) as stand:
        assert list_lines(read_all_images(stand)) == ["prod/payments/StatefulSet/web web 300"]
        assert len(stand.asked) == 6


def test_cluster_is_reported_as_unreachable_if_pod_list_expires_every_time():
    pods = [make_pod(f"web-{i}") for i in range(300)]
    with KubernetesStand(pods=pods, is_validating=False, expirations=9) as stand:
        assert make_reader(stand).read_images().problem is ClusterProblem.UNREACHABLE


def test_configured_namespaces_are_read_without_cluster_wide_permission():
    pods = [make_pod("web", namespace=each) for each in ("payments", "shop", "kube-system")]
    allowed = {(kind, each) for kind in ("pods", "replicasets", "jobs") for each in ("payments", "shop")}
    with KubernetesStand(pods=pods, allowed=allowed) as stand:
        images = read_all_images(stand, namespaces=("payments", "shop"))
    assert list_lines(images) == ["prod/payments/Pod/web web 1", "prod/shop/Pod/web web 1"]


def test_pods_in_excluded_namespaces_do_not_count():
    pods = [make_pod("web", namespace=each) for each in ("payments", "kube-system")]
    with KubernetesStand(pods=pods) as stand:
        assert list_lines(read_all_images(stand, excluded_namespaces=("kube-*",))) == ["prod/payments/Pod/web web 1"]


def test_running_image_from_cache_has_name_of_upstream_repository():
    pod = make_pod("web", "contoso.azurecr.io/hub/library/nginx:1.29")
    with KubernetesStand(pods=[pod]) as stand:
        (image,) = read_all_images(stand, find_origin=lambda name: name.replace("contoso.azurecr.io/hub", "docker.io"))
    assert image.repository == "docker.io/library/nginx"


@pytest.mark.parametrize(
    ("allowed", "words"),
    [
        (
            {("replicasets", None), ("jobs", None)},
            ["pods is forbidden", "kubectl auth can-i list pods --all-namespaces"],
        ),
        ({("pods", None), ("jobs", None)}, ["list replicasets.apps --all-namespaces"]),
        ({("pods", None), ("replicasets", None)}, ["list jobs.batch --all-namespaces"]),
    ],
)
def test_missing_cluster_permission_is_reported_with_a_kubectl_command(allowed, words):
    pods = [make_pod(each, owner=make_owner(each, "x")) for each in ("ReplicaSet", "Job")]
    pods = [{**each, "metadata": {**each["metadata"], "name": "x"}} for each in pods]
    with KubernetesStand(pods=pods, allowed=allowed) as stand:
        outcome = make_reader(stand).read_images()
    assert isinstance(outcome, UnreadCluster)
    assert outcome.problem is ClusterProblem.FORBIDDEN
    assert all(each in outcome.detail for each in words), outcome.detail


def test_refused_cluster_token_is_never_shown_in_the_message():
    def repeat(received):
        body = f'{{"message": "token {TOKEN} is not valid, {received.headers["authorization"]}"}}'
        return HttpReply(401, body.encode())

    with KubernetesStand(interfere=repeat) as stand:
        outcome = make_reader(stand).read_images()
    assert outcome.problem is ClusterProblem.LOGIN_FAILED
    assert "is not valid" in outcome.detail
    assert TOKEN not in outcome.detail


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (HttpReply(200, b"<html>"), ClusterProblem.INVALID_ANSWER),
        (HttpReply(200, b'{"metadata": {}, "items": {}}'), ClusterProblem.INVALID_ANSWER),
        (HttpReply(200, b'{"metadata": {}, "items": [1]}'), ClusterProblem.INVALID_ANSWER),
        (
            HttpReply(200, b'{"metadata": {}, "items": [{"metadata": {"name": "x"}, "spec": {}}]}'),
            ClusterProblem.INVALID_ANSWER,
        ),
        (HttpReply(200, b"[" * 100_000), ClusterProblem.INVALID_ANSWER),
        (HttpReply(200, b'{"metadata": {}, "items": ['), ClusterProblem.INVALID_ANSWER),
        (HttpReply(302, b"", {"Location": "http://127.0.0.1:1/"}), ClusterProblem.INVALID_ANSWER),
        (HttpReply(404, b"\xff\xfe"), ClusterProblem.INVALID_ANSWER),
        (HttpReply(429, b"{}"), ClusterProblem.UNREACHABLE),
        (HttpReply(500, b"x" * 100_000), ClusterProblem.TOO_LARGE),
        (HttpReply(503, b"starting"), ClusterProblem.UNREACHABLE),
    ],
)
def test_malformed_response_of_cluster_is_reported_as_problem_of_that_cluster(reply, problem):
    with KubernetesStand(interfere=lambda _: reply) as stand:
        outcome = make_reader(stand).read_images()
        assert len(stand.asked) == 1
    assert isinstance(outcome, UnreadCluster)
    assert (outcome.cluster, outcome.problem) == ("prod", problem)


def test_cluster_that_stops_in_the_middle_of_a_response_is_unreachable(monkeypatch):
    monkeypatch.setattr("bot.clusters.client.READ_TIMEOUT", 0.1)
    with KubernetesStand(interfere=lambda _: HttpReply(200, b"{}", {"Content-Length": "900"})) as stand:
        assert make_reader(stand).read_images().problem is ClusterProblem.UNREACHABLE


def test_repeated_page_of_pod_list_is_reported_as_invalid_answer():
    page = b'{"metadata": {"continue": "x"}, "items": []}'
    with KubernetesStand(interfere=lambda _: HttpReply(200, page)) as stand:
        assert make_reader(stand).read_images().problem is ClusterProblem.INVALID_ANSWER
        assert len(stand.asked) == 2


def test_cluster_with_too_many_images_is_not_read(monkeypatch):
    monkeypatch.setattr("bot.clusters.reader.MAX_IMAGES", 3)
    pods = [make_pod(f"web-{i}", namespace=f"ns-{i // 2}") for i in range(4)]
    with KubernetesStand(pods=pods) as stand:
        assert make_reader(stand).read_images().problem is ClusterProblem.TOO_LARGE
        by_namespace = make_reader(stand, namespaces=("ns-0", "ns-1")).read_images()
        assert by_namespace.problem is ClusterProblem.TOO_LARGE
        assert len(read_all_images(stand, namespaces=("ns-0",))) == 2


def test_cluster_is_not_read_if_second_page_of_pod_list_is_malformed():
    pods = [make_pod(f"web-{i}") for i in range(300)]

    def cut(received):
        return HttpReply(200, b"{") if "continue=" in received.path else None

    with KubernetesStand(pods=pods, is_validating=False, interfere=cut) as stand:
        assert isinstance(make_reader(stand).read_images(), UnreadCluster)


def test_pod_list_with_null_items_is_read_as_empty():
    reply = HttpReply(200, b'{"kind": "PodList", "metadata": {"resourceVersion": "1"}, "items": null}')
    with KubernetesStand(interfere=lambda _: reply) as stand:
        assert read_all_images(stand) == ()


def test_cluster_response_above_size_limit_is_refused(monkeypatch):
    monkeypatch.setattr("bot.clusters.client.MAX_PAGE_BYTES", 1_000_000)
    with KubernetesStand(interfere=lambda _: HttpReply(200, b" " * 50_000_000)) as stand:
        outcome = make_reader(stand).read_images()
    assert outcome.problem is ClusterProblem.TOO_LARGE


def test_fewer_pods_are_requested_per_page_after_a_too_large_response(monkeypatch):
    monkeypatch.setattr("bot.clusters.client.MAX_PAGE_BYTES", 100_000)
    pods = [make_pod(f"web-{i:03}") for i in range(300)]
    for pod in pods[:30]:
        pod["metadata"]["annotations"] = {"example.com/text": "x" * 5_000}
    with KubernetesStand(pods=pods, is_validating=False) as stand:
        assert len(read_all_images(stand)) == 300
        assert [each.partition("limit=")[2].partition("&")[0] for each in stand.asked] == [
            *("250", "50", "10", "20", "10", "20", "40", "80", "160"),
        ]


def test_slow_cluster_response_is_aborted_at_the_deadline():
    def connect():
        return connect_with_token(stand.url, None, lambda: TOKEN, {}, max_duration=0.3)

    with KubernetesStand(interfere=lambda _: HttpReply(200, b" " * 10_000, drip=0.01)) as stand:
        outcome = KubernetesCluster("prod", connect, lambda name: name).read_images()
    assert outcome.problem is ClusterProblem.UNREACHABLE
    assert "too long" in outcome.detail


def test_cluster_that_refuses_connections_is_reported_as_unreachable():
    with KubernetesStand() as stand:
        reader = make_reader(stand)
    outcome = reader.read_images()
    assert outcome.problem is ClusterProblem.UNREACHABLE
    assert "Connection refused" in outcome.detail
