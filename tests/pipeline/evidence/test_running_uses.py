"""Runs propose the updates of images that run first, and show where they run where readers may know."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import pytest
from support.clusters.kubernetes_stand import TOKEN, KubernetesStand
from support.clusters.objects import make_owner, make_pod
from support.forges.github.stand import GitHubStand
from support.forges.stands import LocalStand
from support.runs.worlds import NOW, build, build_context, list_outcomes
from support.values import digest, scan

from bot.clusters.connect import connect_with_token
from bot.clusters.reader import KubernetesCluster
from bot.model.decision import Transition
from bot.model.errors import StateError
from bot.model.evidence import Evidence
from bot.model.image import ChildManifest, Manifest, ManifestKind, ResolvedTag
from bot.model.image_name import TagRef
from bot.model.limits import ProposalLimits
from bot.model.own_build import BaseEvidence, BuiltOn, OwnBuild
from bot.model.workload import RunningImage, RunningPlace, RunningUse, StoredCluster, StoredRunningImage, Workload
from bot.pipeline.evidence.fleet_evidence import add_running_uses
from bot.pipeline.run_context import ClusterServices
from bot.state.after_merge.own_builds import DatabaseOwnBuilds
from bot.state.database import Database
from bot.wiring.state import create_no_state

pytestmark = pytest.mark.real("git")

OLD = build("old").digest
FILES = {"Dockerfile": f"FROM python:3.12-slim@{OLD}\n"}
ROW = "| Runs in | `prod/payments` (2 pods) |"


@contextmanager
def run_clusters(loopback, *images):
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


def test_pull_request_names_running_workloads_and_stays_unchanged_if_pods_change(updated_registry, tmp_path):
    stand = LocalStand(tmp_path, FILES)
    with run_clusters(updated_registry, *["python:3.12-slim"] * 2) as cluster:
        assert list_outcomes(updated_registry.run([stand.fleet()])) == ["opened"]
        assert ROW in get_body(stand)
        writes = list(stand.writes)
        cluster.pods.pop()
        assert list_outcomes(updated_registry.run([stand.fleet()])) == ["unchanged"]
        cluster.pods.clear()
        assert list_outcomes(updated_registry.run([stand.fleet()])) == ["unchanged"]
    report = updated_registry.run([stand.fleet()])  # the cluster is gone
    assert [each.subject for each in report.failed] == ["prod"]
    assert list_outcomes(report) == ["unchanged"]
    assert (stand.writes, ROW in get_body(stand)) == (writes, True)


def test_pull_request_in_public_repository_does_not_name_running_workloads(updated_registry, start_stand):
    stand = start_stand(GitHubStand, FILES)
    with run_clusters(updated_registry, *["python:3.12-slim"] * 2):
        assert list_outcomes(updated_registry.run([stand.fleet()])) == ["opened"]
        assert "payments" not in get_body(stand)
        stand.repository.private = True
        updated_registry.move("python", "3.12-slim", "newer")
        assert list_outcomes(updated_registry.run([stand.fleet()])) == ["refreshed"]
        assert ROW in get_body(stand)


def test_update_of_running_image_is_proposed_first(updated_registry, tmp_path):
    files = {f"{name}/Dockerfile": f"FROM {name}:3@{OLD}\n" for name in ("alpine", "nginx")}
    for name in ("alpine", "nginx"):
        for content in ("old", "new"):
            updated_registry.move(name, "3", content)
    limits = ProposalLimits(new_per_window=1)
    without = LocalStand(tmp_path / "without", files)
    report = updated_registry.run([without.fleet()], limits=limits)
    assert [each.branch.split("-")[0] for each in without.requests()] == ["basebump/alpine"], list_outcomes(report)
    stand = LocalStand(tmp_path / "with", files)
    with run_clusters(updated_registry, "nginx:3"):
        updated_registry.run([stand.fleet()], limits=limits)
    assert [each.branch.split("-")[0] for each in stand.requests()] == ["basebump/nginx"]


PYTHON = Transition(TagRef("docker.io/library/python", "3.12-slim"), OLD, build("new").digest, ("linux/amd64",))


def add_uses(store, cluster, images=()):
    """Return the uses and the failures for one update of an image, of whose old index the images are known."""
    known = ClusterServices(known=(StoredCluster("prod", NOW, None, cluster),))
    context = build_context(clusters=known, state=replace(create_no_state(), own_builds=store))
    manifest = Manifest(OLD, ManifestKind.INDEX, "", tuple(ChildManifest(each, "") for each in images))
    resolved = ResolvedTag(PYTHON.tag_ref, PYTHON.new, pinned_manifests={OLD: manifest})
    evidence = add_running_uses({PYTHON: Evidence(None, scan(), None)}, {PYTHON.tag_ref: resolved}, context)
    return evidence[PYTHON].running, context.failures.list_all()


def test_own_image_built_on_a_platform_image_of_the_old_index_counts_as_use(tmp_path):
    store = DatabaseOwnBuilds(Database.sqlite(tmp_path / "state.db"))
    base = BuiltOn("docker.io/library/python", digest("amd64"), BaseEvidence.LAYERS)
    store.record_builds([OwnBuild("r.example.com/web", digest("web"), None, None, None, bases=(base,))], NOW)
    workload = Workload("prod", "shop", "Deployment", "web")
    web = StoredRunningImage(RunningImage(workload, "web", "r.example.com/web", "7", digest("web"), 3, None), NOW)
    uses, _ = add_uses(store, [web], [digest("amd64")])
    place = RunningPlace("prod", "shop", 3)
    assert uses == (RunningUse("r.example.com/web", (place,)),)


def test_error_while_reading_builds_is_reported_as_one_failure():
    class BrokenStore:
        def load_builds(self):
            raise StateError("the disk is full")

    uses, failures = add_uses(BrokenStore(), [])
    assert [each.error for each in failures] == ["the disk is full"]
    assert uses == ()
