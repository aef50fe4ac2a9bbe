"""Runs propose the updates of images that run first, and show where they run where readers may know."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from support.clusters.kubernetes_stand import TOKEN, KubernetesStand
from support.clusters.objects import make_owner, make_pod
from support.forges.github.stand import GitHubStand
from support.forges.stands import LocalStand
from support.runs.worlds import build, outcomes

from bot.clusters.connect import connect_with_token
from bot.clusters.reader import KubernetesCluster
from bot.model.limits import ProposalLimits
from bot.pipeline.cluster_services import ClusterServices

pytestmark = pytest.mark.real("git")

OLD = build("old").digest
FILES = {"Dockerfile": f"FROM python:3.12-slim@{OLD}\n"}
TWO = {"a/Dockerfile": f"FROM alpine:3@{OLD}\n", "deploy/pod.yaml": ""}
ROW = "| Runs in | `prod/payments` (2 pods) |"


@contextmanager
def clusters_of(loopback, *images):
    owner = make_owner("StatefulSet", "web")
    pods = [make_pod(f"web-{i}", image, owner=owner) for i, image in enumerate(images)]
    with KubernetesStand(pods=pods) as stand:
        reader = KubernetesCluster(
            "prod", lambda: connect_with_token(stand.url, None, lambda: TOKEN, {}), lambda name: name
        )
        loopback.clusters = ClusterServices((reader,))
        yield stand


def get_body(stand):
    (request,) = stand.requests()
    return request.body


def test_body_shows_where_the_image_runs_and_is_not_written_again_when_pods_come_and_go(moved, tmp_path):
    stand = LocalStand(tmp_path, FILES)
    with clusters_of(moved, *["python:3.12-slim"] * 2) as cluster:
        assert outcomes(moved.run([stand.fleet()])) == ["opened"]
        assert ROW in get_body(stand)
        writes = list(stand.writes)
        cluster.pods.pop()
        assert outcomes(moved.run([stand.fleet()])) == ["unchanged"]
        cluster.pods.clear()
        assert outcomes(moved.run([stand.fleet()])) == ["unchanged"]
    report = moved.run([stand.fleet()])  # the cluster is gone
    assert [each.subject for each in report.failed] == ["cluster prod"]
    assert outcomes(report) == ["unchanged"]
    assert (stand.writes, ROW in get_body(stand)) == (writes, True)


def test_public_repository_does_not_show_where_the_image_runs(moved, start_stand):
    stand = start_stand(GitHubStand, FILES)
    with clusters_of(moved, *["python:3.12-slim"] * 2):
        assert outcomes(moved.run([stand.fleet()])) == ["opened"]
        assert "payments" not in get_body(stand)
        stand.repository.private = True
        moved.move("python", "3.12-slim", "newer")
        assert outcomes(moved.run([stand.fleet()])) == ["refreshed"]
        assert ROW in get_body(stand)


def test_image_that_runs_is_proposed_first(moved, tmp_path):
    files = {f"{name}/Dockerfile": f"FROM {name}:3@{OLD}\n" for name in ("alpine", "nginx")}
    for name in ("alpine", "nginx"):
        for content in ("old", "new"):
            moved.move(name, "3", content)
    limits = ProposalLimits(new_per_run=1)
    without = LocalStand(tmp_path / "without", files)
    report = moved.run([without.fleet()], limits=limits)
    assert [each.branch.split("-")[0] for each in without.requests()] == ["basebump/alpine"], outcomes(report)
    stand = LocalStand(tmp_path / "with", files)
    with clusters_of(moved, "nginx:3"):
        moved.run([stand.fleet()], limits=limits)
    assert [each.branch.split("-")[0] for each in stand.requests()] == ["basebump/nginx"]
