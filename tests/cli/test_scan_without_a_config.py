"""`basebump scan .` without a config, as new users start with, against Docker Hub by its own name."""

from __future__ import annotations

import ssl

import pytest
from support.registries.docker_registry import SelfSignedCertificate
from support.runs.worlds import LoopbackHub, write_tree
from support.tunnel import ProxyTunnel

from bot.demo.images import ImageStore
from bot.demo.loopback_registry import LoopbackRegistry

HUB = "registry-1.docker.io"
ADVICE = "Nothing was scanned: neither Trivy nor Grype is installed; hint: "


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Start a registry that is reached as Docker Hub through the operator's proxy."""
    certificate = SelfSignedCertificate.make(tmp_path, HUB)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.path, certificate.key)
    store = ImageStore()
    registry = LoopbackRegistry(store)
    port = int(registry.host.rpartition(":")[2])
    registry._server.socket = context.wrap_socket(registry._server.socket, server_side=True)
    with registry, ProxyTunnel({f"{HUB}:443": port}) as tunnel:
        for variable, value in (tunnel.environment | {"SSL_CERT_FILE": str(certificate.path)}).items():
            monkeypatch.setenv(variable, value)
        yield LoopbackHub(registry, store)


def test_scan_without_a_config_queries_docker_hub_and_suggests_scanners(tmp_path, basebump, hub):
    now = hub.move("python", "3.12", "now")
    folder = write_tree(tmp_path / "tree", {"Dockerfile": "FROM python:3.12\n"})
    code, out, _ = basebump("scan", folder)
    assert code == 0, out
    assert f"    1  ↑ python:3.12  no digest → {now[7:19]}\n" in out
    assert ADVICE in out
    config = tmp_path / "basebump.yaml"
    config.write_text("{schema: 1, scanners: [{kind: none}]}\n", encoding="utf-8")
    code, out, _ = basebump("scan", folder, "--config", config)
    assert (code, ADVICE in out) == (0, False), out
    assert "Nothing was scanned: no scanner is configured or installed." in out


def test_check_exits_with_0_after_scan_with_write(tmp_path, basebump, hub):
    hub.move("python", "3.12", "now")
    folder = write_tree(tmp_path / "tree", {"Dockerfile": "FROM python:3.12\n"})
    assert basebump("check", folder)[0] == 4
    assert basebump("scan", folder, "--write")[0] == 0
    code, out, err = basebump("check", folder)
    assert (code, "1 image reference" in out, err) == (0, True, "")
