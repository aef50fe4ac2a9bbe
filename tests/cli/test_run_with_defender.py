"""`basebump run` with Microsoft Defender for Cloud. Entra and the resource graph are emulators."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from support.clouds.azure_scene import MANAGERS, build_secret_environment, manager
from support.clouds.entra import SECRET, FakeEntra
from support.clouds.resource_graph import FakeResourceGraph, cve, grouped, individual
from support.git import DiskRepository
from support.registries.docker_registry import SelfSignedCertificate
from support.tunnel import refuse_dns_queries

from bot.demo.images import build_image, build_index, build_layer

pytestmark = pytest.mark.real("git")
OLD, NEW = (build_image([build_layer({"version": version})]) for version in (b"1", b"2"))


@pytest.fixture
def graph(tmp_path, monkeypatch):
    """Start a resource graph that is reached by its name through the operator's proxy, with an identity for it."""
    refuse_dns_queries(monkeypatch)
    certificate = SelfSignedCertificate.make(tmp_path, *MANAGERS)
    with FakeEntra(certificate) as entra, FakeResourceGraph(certificate, entra) as graph, manager(graph) as tunnel:
        for variable, value in (build_secret_environment(entra) | tunnel.environment).items():
            monkeypatch.setenv(variable, value)
        now = datetime.now(UTC).isoformat()
        graph.rows = [
            grouped(OLD.digest, "CVE-2026-0001", at=now),
            grouped(OLD.digest, "CVE-2026-0002", at=now),
            grouped(OLD.digest, "CVE-2026-0003", at=now),
            grouped(NEW.digest, "CVE-2026-0003", at=now, code="NotApplicable"),
            individual(NEW.digest, "openssl", cve("CVE-2026-0002"), pushed=now),
        ]
        yield graph


@pytest.fixture
def run(tmp_path, basebump, config, loopback, graph):
    """Run on an outdated repository whose old and new images are indexes."""
    digests = [loopback.store.set_tag("library/python", "3.12-slim", build_index([each])) for each in (OLD, NEW)]
    DiskRepository.create(
        tmp_path / "repositories" / "web.git", {"Dockerfile": f"FROM python:3.12-slim@{digests[0]}\n"}
    )

    def go(*arguments: str):
        forge = f"forges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\n"
        return basebump("run", "--config", config(f"{forge}scanners: [{{kind: defender}}]\n"), *arguments)

    return go


def read_body(tmp_path) -> str:
    git = DiskRepository(tmp_path / "repositories" / "web.git")
    (ref,) = (ref for ref in git.refs() if ref.startswith("refs/basebump/proposals/"))
    return json.loads(git.run("cat-file", "blob", ref))["body"]


def test_proposal_shows_findings_of_defender_and_exemptions(run, tmp_path, graph):
    code, out, _ = run("--level", "propose")
    assert code == 0, out
    assert "fixes 1 (1 high), adds none, 1 remains" in out
    text = read_body(tmp_path)
    assert "<sub>Microsoft Defender management.azure.com" in text
    assert "1 suppressed by statements, and counted nowhere" in text
    assert "| `exempt` | `Microsoft Defender exemption` |" in text
    assert len(graph.received) == 2, "both images in one question for each model"


def test_run_fails_and_names_the_missing_role_if_defender_refuses(run, graph):
    graph.readers = frozenset()
    code, out, _ = run()
    assert code == 1
    assert "Security Reader" in out
    assert SECRET not in out


def test_doctor_queries_defender_and_names_a_missing_role(basebump, config, tmp_path, graph):
    DiskRepository.create(tmp_path / "repositories" / "web.git", {"Dockerfile": "FROM python:3.12-slim\n"})
    path = config(f"forges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\nscanners: [{{kind: defender}}]\n")
    code, out, _ = basebump("doctor", "--config", path)
    assert (code, "✓ Microsoft Defender: query an image: management.azure.com answers" in out) == (0, True)
    graph.readers = frozenset()
    code, out, _ = basebump("doctor", "--config", path)
    assert (code, "Security Reader" in out, SECRET in out) == (1, True, False)


def test_run_with_defender_fails_with_a_hint_if_the_azure_login_is_missing(run, graph, monkeypatch):
    monkeypatch.delenv("AZURE_CLIENT_ID")
    code, out, _ = run()
    assert code == 1
    assert "AZURE_CLIENT_ID or AZURE_TENANT_ID" in out
    assert graph.received == []
