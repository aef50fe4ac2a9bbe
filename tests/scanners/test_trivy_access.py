"""Access of the real Trivy: one credential, one CA, and no file of basebump or of the scanned repository."""

from __future__ import annotations

import fcntl
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.parts import find_trivy
from support.registries.docker_registry import DockerRegistry, SelfSignedCertificate
from support.scanners.trivy import (
    ALPINE_RELEASE,
    DEBIAN_RELEASE,
    NEW,
    OLD,
    TrivyStand,
    database,
    debian,
    expected,
    findings,
    why,
)

from bot.demo.trivy_database import TAG
from bot.model.evidence import ScanSubject, UnscannedReason
from bot.model.image_name import TagRef
from bot.scanners._bolt_buckets import read_bucket_names

pytestmark = [pytest.mark.real("trivy"), pytest.mark.real("docker-registry")]

PASSWORDS = ("simple", "with,comma and space", "Zü$'\"\\%")


@pytest.fixture(scope="module", params=PASSWORDS)
def closed(request):
    """A registry with a login, its password, and an image in it."""
    with DockerRegistry(htpasswd={"robot": request.param}) as registry:
        digest = registry.push(debian(OLD), "library/test", "tag")
        line = TagRef(f"{registry.host}/library/test", "tag")
        yield ScanSubject(line, digest, "linux/amd64"), request.param


class TestCredentials:
    def test_trivy_scans_private_image_with_password_of_pull_address(self, stand, closed):
        subject, password = closed
        scanner = stand.scanner(resolve_pull_address=self._pull(stand, password))
        assert findings(scanner.scan(subject)) == expected(OLD, DEBIAN_RELEASE)

    def test_wrong_registry_password_fails_the_trivy_scan_and_is_hidden(self, stand, closed):
        subject, password = closed
        wrong = f"wrong-{password}"
        outcome = stand.scanner(resolve_pull_address=self._pull(stand, wrong)).scan(subject)
        assert why(outcome) is UnscannedReason.FAILED
        assert "UNAUTHORIZED" in outcome.detail
        assert wrong not in outcome.detail

    def test_trivy_database_is_downloaded_with_login_of_database_address(self, stand, closed, tmp_path):
        _, password = closed
        with DockerRegistry(htpasswd={"robot": password}) as registry:
            registry.push(database().build_database_artifact(), "trivy-db", TAG)
            place = stand.address(f"{registry.host}/trivy-db:{TAG}", username="robot", password=password)
            outcome = stand.scanner(database_address=place, cache=tmp_path).scan(stand.subject(debian(OLD)))
        assert findings(outcome) == expected(OLD, DEBIAN_RELEASE)

    @staticmethod
    def _pull(stand, password):
        return lambda line, digest: stand.address(f"{line.repository}@{digest}", username="robot", password=password)


@pytest.fixture(scope="module")
def secured_registry(tmp_path_factory):
    certificate = SelfSignedCertificate.make(tmp_path_factory.mktemp("certificate"))
    with DockerRegistry(tls=certificate) as registry:
        digest = registry.push(debian(OLD), "library/test", "tag")
        yield ScanSubject(TagRef(f"{registry.host}/library/test", "tag"), digest, "linux/amd64"), certificate


class TestTls:
    def test_trivy_trusts_the_ca_of_the_pull_address(self, stand, secured_registry):
        subject, certificate = secured_registry
        outcome = stand.scanner(resolve_pull_address=self._pull(stand, str(certificate.path))).scan(subject)
        assert findings(outcome) == expected(OLD, DEBIAN_RELEASE)

    def test_trivy_scan_fails_if_registry_certificate_is_not_trusted(self, stand, secured_registry):
        subject, _ = secured_registry
        outcome = stand.scanner(resolve_pull_address=self._pull(stand, None)).scan(subject)
        assert why(outcome) is UnscannedReason.FAILED
        assert "certificate" in outcome.detail

    @staticmethod
    def _pull(stand, ca):
        return lambda line, digest: stand.address(f"{line.repository}@{digest}", is_insecure=False, ca=ca)


class TestIsolation:
    def test_trivy_ignore_files_and_variables_of_user_have_no_effect(self, stand, tmp_path, monkeypatch, isolated_home):
        ignored = "\n".join(finding.id for finding in expected(OLD, DEBIAN_RELEASE))
        config = f"severity: [CRITICAL]\nignorefile: {tmp_path}/.trivyignore\n"
        for folder in (tmp_path, isolated_home):
            (folder / ".trivyignore").write_text(ignored)
            (folder / "trivy.yaml").write_text(config)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("TRIVY_IGNOREFILE", str(tmp_path / ".trivyignore"))
        monkeypatch.setenv("TRIVY_SEVERITY", "CRITICAL")
        assert findings(stand.scanner().scan(stand.subject(debian(OLD)))) == expected(OLD, DEBIAN_RELEASE)

    def test_secrets_of_basebump_are_not_passed_to_trivy(self, stand, program, tmp_path, monkeypatch, isolated_home):
        seen = tmp_path / "seen"
        monkeypatch.setenv("BASEBUMP_TEST_TOKEN", "our-own-secret")
        monkeypatch.setenv("GITHUB_TOKEN", "our-own-secret")
        watched = program("exit 1", always=f'{{ env; ls -A; echo "$@"; cat "$DOCKER_CONFIG/config.json"; }} >> {seen}')

        def pull(line, digest):
            return stand.address(f"{line.repository}@{digest}", username="robot", password="s3cret")

        stand.scanner(binary=watched, resolve_pull_address=pull).scan(stand.subject(debian(OLD)))
        text = seen.read_text()
        assert "TRIVY_DISABLE_TELEMETRY=true" in text
        assert "our-own-secret" not in text
        assert str(isolated_home) not in text, "there are logins and settings in it"
        assert "s3cret" not in text
        assert re.findall(r'"auth":', text) == ['"auth":'], "the credential is for the scan alone"

    def test_proxy_variables_are_passed_to_trivy(self, stand, program, tmp_path):
        seen = tmp_path / "seen"
        watched = program("exit 1", always=f"env >> {seen}")
        proxies = {"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "127.0.0.1"}
        stand.scanner(binary=watched, proxies=proxies).scan(stand.subject(debian(OLD)))
        assert seen.read_text().count("HTTPS_PROXY=http://127.0.0.1:1\n") == len(["download", "version", "scan"])

    @pytest.mark.parametrize("insecure", [True, False])
    def test_trivy_uses_plain_http_only_for_insecure_registry(self, stand, program, tmp_path, insecure):
        seen = tmp_path / "seen"
        watched = program(f'echo "$@" >> {seen}; exit 1')
        stand.scanner(
            binary=watched,
            resolve_pull_address=lambda line, digest: stand.address(
                f"{line.repository}@{digest}", is_insecure=insecure
            ),
        ).scan(stand.subject(debian(OLD)))
        assert ("--insecure" in seen.read_text().split()) == insecure

    def test_relative_paths_of_trivy_cache_and_binary_are_resolved(self, stand, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        binary = os.path.relpath(find_trivy())
        outcome = stand.scanner(binary=binary, cache=Path("cache")).scan(stand.subject(debian(OLD)))
        assert findings(outcome) == expected(OLD, DEBIAN_RELEASE)
        assert (tmp_path / "cache" / "db" / "trivy.db").exists()

    def test_temporary_folder_is_empty_after_trivy_scan(self, stand, tmp_path, monkeypatch):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        stand.scanner().scan(stand.subject(debian(OLD)))
        assert list(tmp_path.iterdir()) == []


class TestConcurrency:
    def test_trivy_scan_does_not_wait_for_locked_layer_cache(self, stand, tmp_path):
        layers = tmp_path / "fanal" / "fanal.db"
        layers.parent.mkdir()
        with layers.open("wb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            outcome = stand.scanner(cache=tmp_path).scan(stand.subject(debian(OLD)))
        assert findings(outcome) == expected(OLD, DEBIAN_RELEASE)

    def test_concurrent_trivy_scans_need_one_download_and_one_scan_per_image(self, tmp_path):
        with DockerRegistry() as registry, ThreadPoolExecutor(4) as threads:
            stand = TrivyStand(registry, tmp_path)
            roots = [OLD, NEW, OLD[:3], NEW[:3]]
            subjects = [stand.subject(debian(packages)) for packages in roots]
            registry.forget()
            scanner = stand.scanner()
            outcomes = list(threads.map(scanner.scan, subjects * 3))
            requests = registry.requests()
        assert [findings(outcome) for outcome in outcomes] == [expected(root, DEBIAN_RELEASE) for root in roots] * 3
        assert len({outcome.scanner for outcome in outcomes}) == 1
        blobs = [request.path for request in requests if request.path.startswith("/v2/trivy-db/blobs/")]
        assert len(blobs) == len(set(blobs)) > 0
        for subject in subjects:
            asked = [request for request in requests if request.path.endswith(f"/manifests/{subject.digest}")]
            assert [request.method for request in asked] == ["GET"]


def test_buckets_of_releases_are_listed_from_downloaded_trivy_database(stand):
    stand.scanner().scan(stand.subject(debian(OLD)))
    names = read_bucket_names(stand.cache / "db" / "trivy.db")
    assert {DEBIAN_RELEASE, ALPINE_RELEASE, "vulnerability", "data-source"} <= names
