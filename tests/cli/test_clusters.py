"""`clusters` in a config: `doctor` tries them, and `run` reads and remembers what runs."""

from __future__ import annotations

import json

import pytest
from support.clusters.kubernetes_stand import TOKEN, KubernetesStand
from support.clusters.objects import make_pod
from support.git import DiskRepository
from support.values import digest

from bot.state.after_merge.running_images import DatabaseRunningImages
from bot.state.database import Database

pytestmark = pytest.mark.real("git")

FILES = {"Dockerfile": f"FROM python:3.12-slim@{digest('old')}\n"}


@pytest.fixture
def write_config(tmp_path, config, monkeypatch):
    DiskRepository.create(tmp_path / "repositories" / "web.git", FILES)
    monkeypatch.setenv("PROD_TOKEN", TOKEN)

    def write(clusters: str) -> str:
        return config(
            f"forges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\nclusters: [{clusters}]\n"
            "state: sqlite:///state.db\n"
        )

    return write


def test_each_run_stores_the_images_running_in_clusters(tmp_path, basebump, loopback, write_config):
    loopback.move("python", "3.12-slim", "new")
    mirror = loopback.registry.host  # the config lists it as the mirror of Docker Hub
    with KubernetesStand(pods=[make_pod("web", f"{mirror}/library/nginx:1.29")]) as stand:
        file = write_config(f"{{name: prod, server: '{stand.url}', token_env: PROD_TOKEN}}")
        code, _, err = basebump("run", "--config", file)
    assert (code, "cluster" in err) == (0, False)
    (cluster,) = DatabaseRunningImages(Database.sqlite(tmp_path / "state.db")).load_clusters()
    (stored,) = cluster.images
    assert stored.image.workload.title == "prod/payments/Pod/web"
    assert stored.image.repository == "docker.io/library/nginx"


def test_run_exits_with_1_and_names_the_cluster_that_forbids_listing_pods(basebump, loopback, write_config):
    loopback.move("python", "3.12-slim", "new")
    with KubernetesStand(allowed=set()) as stand:
        file = write_config(f"{{name: prod, server: '{stand.url}', token_env: PROD_TOKEN}}")
        code, out, _ = basebump("run", "--config", file, "--format", "json")
    assert code == 1
    (failure,) = json.loads(out)["failed"]
    assert failure["subject"] == "prod"
    assert failure["error"].startswith(
        'the account is not allowed to list pods: pods is forbidden: User "reader" cannot list'
    )


def test_doctor_reports_if_each_kind_of_object_can_be_listed_in_each_cluster(basebump, write_config):
    with KubernetesStand(allowed={("pods", None)}) as stand:
        prod = f"{{name: prod, server: '{stand.url}', token_env: PROD_TOKEN}}"
        file = write_config(f"{prod}, {{name: hub, auth: in-cluster}}, {{name: edge, kubeconfig: none.yaml}}")
        _, out, _ = basebump("doctor", "--config", file, "--format", "json")
    checks = [each for each in json.loads(out)["checks"] if each["area"] == "clusters"]
    assert [(each["subject"], each["tried"], each["mark"]) for each in checks] == [
        ("cluster prod", "list pods", "ok"),
        ("cluster prod", "list replicasets", "problem"),
        ("cluster prod", "list jobs", "problem"),
        ("cluster hub", "log in", "problem"),
        ("cluster edge", "log in", "problem"),
    ]
    assert "`kubectl auth can-i list replicasets.apps --all-namespaces`" in checks[1]["found"]
    assert "automountServiceAccountToken" in checks[3]["found"]
    assert "none.yaml could not be read" in checks[4]["found"]
