"""The readers of clusters that a config leads to: how they log in, and what they import."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.clouds import entra as entra_stand
from support.clouds.azure_scene import build_secret_environment
from support.clouds.entra import FakeEntra
from support.clusters.kubernetes_stand import KubernetesStand
from support.clusters.objects import make_pod
from support.parts import ROOT
from support.registries.docker_registry import SelfSignedCertificate

from bot.model.workload import ClusterProblem, ClusterReading
from bot.settings import load
from bot.wiring.clusters import list_cluster_readers

AKS = "6dae42f8-4368-4678-94ff-3960e28e3630"


@pytest.fixture
def read(tmp_path):
    """Return a function that reads the only cluster of a config."""

    def go(entry: str, more: str = ""):
        path = tmp_path / "basebump.yaml"
        path.write_text(f"schema: 1\nclusters: [{entry}]\n{more}", encoding="utf-8")
        (reader,) = list_cluster_readers(load(path, requires_forges=False))
        return reader.read_images()

    return go


@pytest.fixture
def entra(tmp_path, monkeypatch):
    monkeypatch.setattr(entra_stand, "RESOURCES", entra_stand.RESOURCES | {AKS})
    with FakeEntra(SelfSignedCertificate.make(tmp_path)) as running:
        for name, value in build_secret_environment(running).items():
            monkeypatch.setenv(name, value)
        yield running


def test_entra_token_is_sent_to_cluster_with_azure_auth(tmp_path, read, entra):
    with KubernetesStand(pods=[make_pod("web")], tls=entra.certificate) as stand:
        stand.accepts = lambda token: entra.read(token, AKS)["appid"] == entra_stand.CLIENT
        config = stand.write_kubeconfig(
            tmp_path / "aks.yaml",
            {"exec": {"command": "kubelogin", "args": ["get-token"]}},
            **{"certificate-authority": str(entra.certificate.path)},
        )
        assert isinstance(read(f"{{name: aks, auth: azure, kubeconfig: {config}}}"), ClusterReading)
        by_url = f"{{name: aks, auth: azure, server: '{stand.url}', ca: {entra.certificate.path}}}"
        assert isinstance(read(by_url), ClusterReading)


def test_entra_login_refused_for_cluster_is_reported_as_login_failure(read, entra, monkeypatch):
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "a-wrong-secret")
    outcome = read("{name: aks, auth: azure, server: 'https://127.0.0.1:1'}")
    assert outcome.problem is ClusterProblem.LOGIN_FAILED
    assert "AADSTS7000215" in outcome.detail
    assert "a-wrong-secret" not in outcome.detail


def test_missing_token_variable_of_cluster_is_reported_as_login_failure(read, monkeypatch):
    monkeypatch.delenv("PROD_TOKEN", raising=False)
    outcome = read("{name: prod, server: 'https://127.0.0.1:1', token_env: PROD_TOKEN}")
    assert outcome.problem is ClusterProblem.LOGIN_FAILED
    assert "PROD_TOKEN is not set" in outcome.detail


def test_missing_kubernetes_client_is_reported_with_package_to_install(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "bot.clusters.connect", None)
    outcome = read("{name: prod, kubeconfig: none.yaml}")
    assert outcome.problem is ClusterProblem.LOGIN_FAILED
    assert "install basebump with the extra `kubernetes`" in outcome.detail


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        ("contoso.azurecr.io/hub/library/nginx:1", "docker.io/library/nginx"),
        ("contoso.azurecr.io/hub/nginx:1", "docker.io/library/nginx"),
        ("contoso.azurecr.io/apps/web:1", "contoso.azurecr.io/apps/web"),
        ("mirror.example.com/quay/coreos/etcd:1", "quay.io/coreos/etcd"),
        ("cache.example.com/coreos/etcd:1", "quay.io/coreos/etcd"),
    ],
)
def test_running_image_from_cache_or_mirror_has_upstream_repository(read, monkeypatch, image, repository):
    monkeypatch.setenv("PROD_TOKEN", "token-of-the-reader")
    registries = (
        "registries:\n"
        "- {host: contoso.azurecr.io}\n"
        "- {host: contoso.azurecr.io/hub, upstream: docker.io}\n"
        "- {host: quay.io, mirror: mirror.example.com/quay}\n"
        "- {host: cache.example.com, upstream: quay.io}\n"
    )
    with KubernetesStand(pods=[make_pod("web", image)]) as stand:
        outcome = read(f"{{name: prod, server: '{stand.url}', token_env: PROD_TOKEN}}", registries)
    assert [each.repository for each in outcome.images] == [repository]


def test_kubernetes_client_is_imported_only_when_connecting_to_a_cluster():
    """The official client takes most of a second to import."""
    lines = [
        "import sys",
        "from bot.settings import Settings",
        "from bot.settings.sections.clusters import ClusterEntry",
        "from bot.wiring.clusters import build_cluster_services",
        "build_cluster_services(Settings())",
        "assert 'bot.clusters.reader' not in sys.modules",
        "build_cluster_services(Settings(clusters=(ClusterEntry(name='prod'),)))",
        "assert 'kubernetes' not in sys.modules",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
