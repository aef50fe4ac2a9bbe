"""`basebump run` with an OSV API and SBOMs."""

from __future__ import annotations

import json

import pytest
from support.git import DiskRepository
from support.scanners.osv import OsvStand, by_buildkit, debian, spdx, statement

from bot.demo.images import build_image, build_layer

pytestmark = pytest.mark.real("git")

NOBODY_THERE = "http://127.0.0.1:1"
OPENSSL = "pkg:deb/debian/libssl3@{}?distro=debian-12&upstream=openssl"


@pytest.fixture
def api():
    stand = OsvStand(debian("CVE-2026-0001", "openssl", "3.0.2-1"), debian("CVE-2026-0002", "openssl"))
    with stand.listener:
        yield stand


@pytest.fixture
def run(tmp_path, basebump, config, loopback, api):
    """Run on an outdated repository whose old and new images have SBOMs."""
    digests = []
    for version in ("3.0.1-1", "3.0.2-1"):
        made = build_image([build_layer({"version": version.encode()})])
        pushed = by_buildkit(made, statement(spdx(OPENSSL.format(version)), made.digest))
        digests.append(loopback.store.set_tag("library/python", "3.12-slim", pushed))
    DiskRepository.create(
        tmp_path / "repositories" / "web.git", {"Dockerfile": f"FROM python:3.12-slim@{digests[0]}\n"}
    )

    def go(*arguments: str, scanner: str = ""):
        scanner = scanner or f"{{kind: osv, url: '{api.listener.url}'}}"
        path = config(f"forges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\nscanners: [{scanner}]\n")
        return basebump("run", "--config", path, *arguments)

    return go


def test_proposal_shows_vulnerabilities_from_the_osv_api(run, tmp_path):
    code, out, _ = run("--level", "propose")
    assert code == 0
    assert "fixes 1 (1 of unknown severity), adds none, 1 remains" in out
    git = DiskRepository(tmp_path / "repositories" / "web.git")
    (ref,) = (ref for ref in git.refs() if ref.startswith("refs/basebump/proposals/"))
    assert "<sub>osv 127.0.0.1" in json.loads(git.run("cat-file", "blob", ref))["body"]


def test_osv_api_that_answers_403_is_a_failure(run, api):
    api.status = 403
    code, out, _ = run()
    assert code == 1
    assert "not scanned: the scanner failed" in out
    assert "answered 403" in out


# ---- whatever is there --------------------------------------------------------------------------------------------


@pytest.fixture
def no_installed_grype(monkeypatch):
    monkeypatch.setattr("bot.scanners.trivy.find_trivy", lambda *_: None)
    monkeypatch.setattr("bot.scanners.grype.find_grype", lambda *_: None)


def test_scanner_setting_auto_uses_the_osv_api_if_no_scanner_is_installed(run, api, no_installed_grype):
    code, out, _ = run(scanner=f"{{kind: auto, osv: '{api.listener.url}'}}")
    assert code == 0
    assert "fixes 1 (1 of unknown severity), adds none, 1 remains" in out


def test_scanner_setting_auto_sends_no_requests_if_the_config_disables_osv(run, api, no_installed_grype):
    code, out, _ = run(scanner="{kind: auto, osv: none}")
    assert code == 0
    assert "Nothing was scanned: " in out
    assert api.listener.received == []


def test_scanner_setting_auto_prefers_installed_scanner_and_sends_no_requests(run, api, monkeypatch, tmp_path):
    trivy = tmp_path / "trivy"
    trivy.write_text("#!/bin/sh\necho 'FATAL no database' >&2\nexit 1\n")
    trivy.chmod(0o755)
    monkeypatch.setattr("bot.scanners.trivy.find_trivy", lambda *_: str(trivy))
    code, out, _ = run(scanner=f"{{kind: auto, osv: '{api.listener.url}'}}")
    assert code == 1
    assert "not scanned: the scanner failed" in out
    assert api.listener.received == []


def test_scanner_setting_auto_ignores_unreachable_osv_api(run, no_installed_grype, monkeypatch):
    monkeypatch.setattr("bot.net.client.RETRY_PAUSES", (0.0, 0.0))
    code, out, _ = run(scanner=f"{{kind: auto, osv: '{NOBODY_THERE}'}}")
    assert code == 0
    assert "Nothing was scanned: " in out
    code, _, _ = run(scanner=f"{{kind: osv, url: '{NOBODY_THERE}'}}")
    assert code == 1, "one that is named must be there"


def test_scanner_setting_auto_reports_osv_api_that_answers_403_as_failure(run, api, no_installed_grype):
    api.status = 403
    code, out, _ = run(scanner=f"{{kind: auto, osv: '{api.listener.url}'}}")
    assert code == 1
    assert "answered 403" in out
