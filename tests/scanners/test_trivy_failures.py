"""Failures of the real Trivy become states. They never become exceptions or images without vulnerabilities."""

from __future__ import annotations

import socket

import pytest
from support.scanners.trivy import DEBIAN, DEBIAN_RELEASE, NEW, OLD, database, debian, expected, findings, why

from bot.demo.images import ImageLayer, build_artifact, build_debian_root, build_image, build_index, build_layer
from bot.demo.trivy_database import TAG
from bot.model.errors import RegistryError
from bot.model.evidence import NotScanned, ScanSubject, UnscannedReason
from bot.model.image_name import TagRef
from bot.model.vocabulary import Reason
from bot.scanners import trivy
from bot.scanners._scanner_program import MAX_DETAIL_LENGTH

pytestmark = [pytest.mark.real("trivy"), pytest.mark.real("docker-registry")]


def limit_time_of_scans(scanner, monkeypatch):
    """Let the scans of a scanner end after one second. The download of its database may take longer."""
    assert scanner.get_identity()
    monkeypatch.setattr(scanner, "_timeout", 1.0)


class TestFailures:
    def test_deleted_image_is_reported_as_gone_by_trivy_scanner(self, stand):
        subject = stand.subject(debian(OLD), repository="library/deleted")
        stand.registry.delete("library/deleted", subject.digest)
        assert why(stand.scanner().scan(subject)) is UnscannedReason.IMAGE_GONE

    def test_platform_outside_index_is_reported_as_missing_by_trivy_scanner(self, stand):
        subject = stand.subject(build_index([debian(OLD)]), "linux/s390x")
        assert why(stand.scanner().scan(subject)) is UnscannedReason.PLATFORM_MISSING

    def test_trivy_scan_of_java_archive_fails_without_java_database(self, stand):
        empty_archive = b"PK\x05\x06" + bytes(18)
        outcome = stand.scanner().scan(
            stand.subject(build_image([build_layer({**build_debian_root(DEBIAN, OLD), "app.jar": empty_archive})]))
        )
        assert why(outcome) is UnscannedReason.FAILED
        assert "--download-java-db-only" in outcome.detail

    def test_trivy_scan_of_image_in_silent_registry_times_out(self, stand, monkeypatch):
        monkeypatch.setattr(trivy, "TIMEOUT_GRACE", 0.5)  # Trivy's own timeout does not hold before it has the manifest
        with socket.create_server(("127.0.0.1", 0)) as silent:
            line = TagRef(f"127.0.0.1:{silent.getsockname()[1]}/library/test", "tag")
            subject = ScanSubject(line, stand.subject(debian(OLD)).digest, "linux/amd64")
            scanner = stand.scanner()
            limit_time_of_scans(scanner, monkeypatch)
            assert why(scanner.scan(subject)) is UnscannedReason.TIMED_OUT

    def test_trivy_scan_reports_unreachable_registry_in_one_short_line(self, stand):
        subject = ScanSubject(
            TagRef("127.0.0.1:1/library/test", "tag"), stand.subject(debian(OLD)).digest, "linux/amd64"
        )
        outcome = stand.scanner().scan(subject)
        assert why(outcome) is UnscannedReason.FAILED
        assert "connection refused" in outcome.detail
        assert "\n" not in outcome.detail
        assert len(outcome.detail) <= MAX_DETAIL_LENGTH

    def test_registry_error_before_trivy_scan_fails_the_scan(self, stand):
        def pull(line, digest):
            raise RegistryError(line.host, Reason.DENIED, "no credential", is_failure=True)

        outcome = stand.scanner(resolve_pull_address=pull).scan(stand.subject(debian(OLD)))
        assert outcome == NotScanned(UnscannedReason.FAILED, "no credential")

    def test_trivy_scan_fails_if_database_cannot_be_downloaded(self, stand, tmp_path):
        missing = stand.address(f"{stand.registry.host}/no-database:{TAG}")
        outcome = stand.scanner(database_address=missing, cache=tmp_path).scan(stand.subject(debian(OLD)))
        assert why(outcome) is UnscannedReason.FAILED
        assert "could not be downloaded" in outcome.detail

    def test_trivy_database_of_earlier_run_is_used_if_download_fails(self, stand):
        subject = stand.subject(debian(OLD))
        stand.scanner().scan(subject)
        missing = stand.address(f"{stand.registry.host}/no-database:{TAG}")
        assert findings(stand.scanner(database_address=missing).scan(subject)) == expected(OLD, DEBIAN_RELEASE)

    def test_trivy_scan_fails_with_truncated_database(self, stand, tmp_path):
        _, archive = database().build_database_artifact().blobs
        media_type = "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"
        cut = ImageLayer(archive[:50], media_type, {"org.opencontainers.image.title": "db.tar.gz"})
        garbage = build_artifact("application/vnd.aquasec.trivy.config.v1+json", [cut])
        stand.registry.push(garbage, "trivy-db-garbage", TAG)
        address = stand.address(f"{stand.registry.host}/trivy-db-garbage:{TAG}")
        outcome = stand.scanner(database_address=address, cache=tmp_path).scan(stand.subject(debian(OLD)))
        assert why(outcome) is UnscannedReason.FAILED

    def test_trivy_scan_fails_with_damaged_database_in_cache(self, stand, tmp_path):
        scanner = stand.scanner(cache=tmp_path)
        subject = stand.subject(debian(OLD))
        scanner.scan(subject)
        (tmp_path / "db" / "trivy.db").write_bytes(b"no database" * 1000)
        outcome = stand.scanner(cache=tmp_path).scan(subject)
        assert why(outcome) is UnscannedReason.FAILED
        assert "cannot be read" in outcome.detail

    def test_image_is_not_scanned_if_trivy_database_is_replaced_during_the_run(self, stand, tmp_path):
        scanner = stand.scanner(cache=tmp_path)
        assert findings(scanner.scan(stand.subject(debian(OLD))))
        (tmp_path / "db" / "trivy.db").write_bytes(database().encode_content())
        assert why(scanner.scan(stand.subject(debian(NEW)))) is UnscannedReason.DIFFERENT_DATABASE


class TestPrograms:
    """Behaviour of a program in place of Trivy."""

    def test_hanging_trivy_scan_times_out(self, stand, program, monkeypatch):
        monkeypatch.setattr(trivy, "TIMEOUT_GRACE", 0.1)
        scanner = stand.scanner(binary=program("exec sleep 60"))
        limit_time_of_scans(scanner, monkeypatch)
        assert why(scanner.scan(stand.subject(debian(OLD)))) is UnscannedReason.TIMED_OUT

    def test_timeout_reported_by_trivy_is_reported_as_timeout(self, stand, program):
        slow = program("echo 'FATAL Fatal error image scan error: context deadline exceeded' >&2; exit 1")
        assert why(stand.scanner(binary=slow).scan(stand.subject(debian(OLD)))) is UnscannedReason.TIMED_OUT

    @pytest.mark.parametrize("report", ["", "no report", "[]", '{"SchemaVersion": 3}'])
    def test_trivy_output_without_report_fails_the_scan(self, stand, program, report):
        outcome = stand.scanner(binary=program(f"echo '{report}'")).scan(stand.subject(debian(OLD)))
        assert why(outcome) is UnscannedReason.FAILED
        assert "report" in outcome.detail

    def test_missing_trivy_binary_is_reported_as_missing_scanner(self, stand, tmp_path):
        outcome = stand.scanner(binary=str(tmp_path / "trivy")).scan(stand.subject(debian(OLD)))
        assert why(outcome) is UnscannedReason.NO_SCANNER

    def test_credential_in_error_output_of_trivy_is_hidden(self, stand, program):
        telling = program('cat "$DOCKER_CONFIG/config.json" >&2; echo "https://robot:tell@host s3cret" >&2; exit 1')

        def pull(line, digest):
            return stand.address(f"{line.repository}@{digest}", username="robot", password="s3cret")

        outcome = stand.scanner(binary=telling, resolve_pull_address=pull).scan(stand.subject(debian(OLD)))
        assert why(outcome) is UnscannedReason.FAILED
        assert outcome.detail.endswith('{"auth": "[hidden]"}}}https://***@host [hidden]')
