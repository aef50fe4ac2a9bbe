"""The Grype scanner with a program in place of Grype: its arguments, its environment, and its output."""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime, timedelta

import pytest
from support.scanners.grype import BUILT, NOW, GrypeStand, match, report
from support.values import digest

from bot.core.evidence.compare import compare_scans
from bot.model.errors import RegistryError
from bot.model.evidence import NotScanned, Scan, ScannerIdentity, ScanSubject, Severity, UnscannedReason
from bot.model.image_name import TagRef
from bot.model.vocabulary import Reason
from bot.scanners.grype import find_grype

LINE = TagRef("registry.example.com/base", "1")
OLD, NEW = digest("old"), digest("new")


def subject(image=NEW, platform="linux/amd64") -> ScanSubject:
    return ScanSubject(LINE, image, platform)


@pytest.fixture
def stand(tmp_path):
    return GrypeStand(tmp_path)


def get_reason(outcome) -> UnscannedReason:
    assert isinstance(outcome, NotScanned), outcome
    return outcome.reason


def advisory(version: str, date: str, kind: str = "advisory") -> dict[str, str]:
    """Return the date of a fix, in the shape of grype/presenter/models/fix.go."""
    return {"version": version, "date": date, "kind": kind}


class TestFindings:
    def test_grype_scans_with_same_database_are_compared(self, stand):
        stand.scene["reports"] = {
            OLD: report(match("CVE-2026-0001"), match("CVE-2026-0002")),
            NEW: report(match("CVE-2026-0002")),
        }
        scanner = stand.scanner()
        found = compare_scans(scanner.scan(subject(OLD)), scanner.scan(subject()))
        assert [finding.id for finding in found.delta.fixed] == ["CVE-2026-0001"]
        assert scanner.get_identity() == found.new.scanner == ScannerIdentity("grype", "0.121.2", BUILT)
        (finding,) = found.delta.remaining
        assert (finding.severity, finding.fixed_in, finding.package_type) == (Severity.HIGH, "5.3-1", "deb")

    def test_image_metadata_is_read_from_config_in_grype_report(self, stand):
        stand.scene["reports"] = {NEW: report(match("CVE-2026-0001"))}
        scan = stand.scanner().scan(subject())
        assert (scan.os, scan.created, scan.version) == ("debian 12", datetime(2026, 11, 1, 10, tzinfo=UTC), "12.7")

    @pytest.mark.parametrize(
        ("available", "suggested", "published"),
        [
            (None, None, None),
            ([], None, None),
            ([advisory("5.3-1", "2026-11-03")], None, datetime(2026, 11, 3, tzinfo=UTC)),
            ([advisory("5.3-1", "2026-11-03T07:00:00-05:00")], None, datetime(2026, 11, 3, tzinfo=UTC)),
            ([advisory("5.3-1", "soon"), {"version": "5.3-1", "kind": "advisory"}], None, None),
            (
                [advisory("6.0", "2026-11-09"), advisory("5.3-1", "2026-11-03")],
                None,
                datetime(2026, 11, 3, tzinfo=UTC),
            ),
            (
                [advisory("6.0", "2026-11-09"), advisory("5.3-1", "2026-11-03")],
                "6.0",
                datetime(2026, 11, 9, tzinfo=UTC),
            ),
            ([advisory("5.3-1", "2026-11-03", kind="first-observed")], None, None),
            ([advisory("5.3-1", "2026-11-03", kind="commit")], None, None),
            ([{"version": "5.3-1", "date": "2026-11-03"}], None, None),
        ],
    )
    def test_advisory_date_of_fix_is_read_for_the_version_suggested_by_grype(
        self, stand, available, suggested, published
    ):
        found = match("CVE-2026-0001", matchDetails=[{"fix": suggested and {"suggestedVersion": suggested}}])
        found["vulnerability"]["fix"]["available"] = available
        stand.scene["reports"] = {NEW: report(found)}
        (finding,) = stand.scanner().scan(subject()).findings
        assert finding.fix_published_at == published

    def test_image_is_scanned_by_grype_only_once_per_run(self, stand):
        stand.scene["reports"] = {NEW: report(match("CVE-2026-0001"))}
        scanner = stand.scanner()
        assert scanner.scan(subject()) == scanner.scan(subject())
        assert [call["arguments"][0] for call in stand.calls()] == [
            "version",
            "db",
            "db",
            f"registry:{LINE.repository}@{NEW}",
        ]

    def test_image_without_grype_findings_is_clean_if_the_release_is_in_database(self, stand):
        stand.scene |= {"reports": {OLD: report(), NEW: report()}, "releases": ["debian:12"]}
        scanner = stand.scanner()
        assert scanner.scan(subject()).findings == ()
        assert scanner.scan(subject(OLD)).findings == ()
        assert [call["arguments"][:2] for call in stand.calls()].count(["db", "search"]) == 1

    def test_npm_findings_do_not_prove_that_grype_covers_the_release(self, stand):
        npm = match("CVE-2026-0001", artifact={"name": "left-pad", "version": "1", "type": "npm"})
        stand.scene["reports"] = {NEW: report(npm)}
        assert get_reason(stand.scanner().scan(subject())) is UnscannedReason.OS_UNSUPPORTED


class TestIsolation:
    def test_grype_gets_only_the_credential_of_the_scanned_registry(self, stand):
        stand.address |= {"username": "robot", "password": "right", "ca": "/ca.pem"}
        stand.scene["reports"] = {NEW: report(match("CVE-2026-0001"))}
        stand.scanner().scan(subject())
        *before, scan = stand.calls()
        assert [call["config"] for call in before] == [{}, {}, {}]
        (host,) = scan["config"]["auths"]
        assert host == "registry.example.com"
        assert base64.b64decode(scan["config"]["auths"][host]["auth"]) == b"robot:right"
        assert scan["environment"]["SSL_CERT_FILE"] == "/ca.pem"
        assert "GRYPE_REGISTRY_INSECURE_USE_HTTP" not in scan["environment"]

    def test_grype_uses_plain_http_for_insecure_registry(self, stand):
        stand.address["is_insecure"] = True
        stand.scanner().scan(subject())
        assert stand.calls()[-1]["environment"]["GRYPE_REGISTRY_INSECURE_USE_HTTP"] == "true"

    def test_configured_database_url_is_passed_to_every_grype_call(self, stand):
        stand.scanner(database_url="https://mirror.example.com/latest.json").get_identity()
        assert all(
            call["environment"]["GRYPE_DB_UPDATE_URL"] == "https://mirror.example.com/latest.json"
            for call in stand.calls()
        )

    def test_grype_scans_only_the_requested_platform(self, stand):
        stand.scanner().scan(subject(platform="linux/arm64"))
        arguments = stand.calls()[-1]["arguments"]
        assert arguments[1:] == ["--platform", "linux/arm64", "--output", "json"]


class TestNeverZero:
    @pytest.mark.parametrize(
        ("said", "state"),
        [
            (report(distro={"name": "", "version": "", "idLike": None}), UnscannedReason.OS_UNKNOWN),
            (report(), UnscannedReason.OS_UNSUPPORTED),
            (report(match("CVE-2026-0001"), architecture="arm64"), UnscannedReason.PLATFORM_MISSING),
            (report(match("CVE-2026-0001"), built=BUILT - timedelta(hours=6)), UnscannedReason.DIFFERENT_DATABASE),
            (
                report(match("CVE-2026-0001"), alertsByPackage=[{"package": {}, "alerts": [{"type": "distro-eol"}]}]),
                UnscannedReason.END_OF_LIFE,
            ),
            ({"matches": 3, "descriptor": {}}, UnscannedReason.FAILED),
            ({}, UnscannedReason.FAILED),
        ],
    )
    def test_incomplete_grype_report_is_not_accepted_as_scan(self, stand, said, state):
        stand.scene["reports"] = {NEW: said}
        assert get_reason(stand.scanner().scan(subject())) is state

    @pytest.mark.parametrize(
        ("complaint", "state"),
        [
            ("GET https://x: MANIFEST_UNKNOWN: manifest unknown", UnscannedReason.IMAGE_GONE),
            ("no child with platform linux/amd64 in index", UnscannedReason.PLATFORM_MISSING),
            ("context deadline exceeded", UnscannedReason.TIMED_OUT),
            ("unable to load image: UNAUTHORIZED", UnscannedReason.FAILED),
        ],
    )
    def test_error_output_of_grype_determines_reason_of_failed_scan(self, stand, complaint, state):
        stand.scene["complaint"] = complaint
        assert get_reason(stand.scanner().scan(subject())) is state

    def test_credential_in_error_output_of_grype_is_hidden(self, stand):
        stand.address |= {"username": "robot", "password": "s3cret"}
        stand.scene["complaint"] = "401 for robot:s3cret at https://robot:s3cret@registry.example.com"
        outcome = stand.scanner().scan(subject())
        assert get_reason(outcome) is UnscannedReason.FAILED
        assert "s3cret" not in outcome.detail

    def test_hanging_grype_scan_times_out(self, stand):
        stand.scene |= {"reports": {NEW: report(match("CVE-2026-0001"))}, "seconds": 60}
        scanner = stand.scanner(timeout=2.0)
        assert get_reason(scanner.scan(subject())) is UnscannedReason.TIMED_OUT

    @pytest.mark.parametrize("version", ["0.105.0", "0.79.3", "[not provided]", ""])
    def test_unsupported_grype_version_is_not_used(self, stand, version):
        stand.scene["version"] = version
        scanner = stand.scanner()
        assert get_reason(scanner.scan(subject())) is UnscannedReason.FAILED
        assert "0.106 or later" in scanner.scan(subject()).detail
        assert scanner.get_identity() is None

    def test_old_grype_database_is_reported_as_stale(self, stand):
        stand.scene["built"] = f"{NOW - timedelta(days=6):%Y-%m-%dT%H:%M:%SZ}"
        assert get_reason(stand.scanner().scan(subject())) is UnscannedReason.DATABASE_STALE

    def test_failed_download_of_grype_database_is_ignored_if_database_exists(self, stand):
        stand.scene |= {"update": 1, "reports": {NEW: report(match("CVE-2026-0001"))}}
        assert isinstance(stand.scanner().scan(subject()), Scan)

    def test_missing_grype_database_fails_the_scan(self, stand):
        stand.scene |= {"built": "", "error": "database does not exist"}
        outcome = stand.scanner().scan(subject())
        assert get_reason(outcome) is UnscannedReason.FAILED
        assert "database does not exist" in outcome.detail

    def test_missing_grype_binary_is_reported_as_missing_scanner(self, stand, tmp_path):
        assert get_reason(stand.scanner(binary=str(tmp_path / "none")).scan(subject())) is UnscannedReason.NO_SCANNER

    def test_registry_error_before_grype_scan_fails_the_scan(self, stand):
        def pull(line, digest):
            raise RegistryError(line.host, Reason.DENIED, "no credential", is_failure=True)

        assert stand.scanner(resolve_pull_address=pull).scan(subject()) == NotScanned(
            UnscannedReason.FAILED, "no credential"
        )


def test_configured_grype_binary_is_found_by_path_or_default_name(stand, monkeypatch, tmp_path):
    assert find_grype(str(stand.program)) == str(stand.program)
    assert find_grype("no-such-grype") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_grype() == str(stand.program)


def test_grype_runs_in_empty_folder_with_clean_environment(stand, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "s3cret")
    monkeypatch.setenv("GRYPE_EXCLUDE", "**")
    stand.scene["reports"] = {NEW: report(match("CVE-2026-0001"))}
    stand.scanner(proxies={"HTTPS_PROXY": "http://proxy:3128"}).scan(subject())
    calls = list(stand.calls())
    assert [call["arguments"][0] for call in calls if "@sha256:" in call["arguments"][0]] != []
    for call in calls:
        assert call["here"] == []
        environment = call["environment"]
        assert "s3cret" not in environment.values()
        assert "GRYPE_EXCLUDE" not in environment
        assert environment["HOME"] != os.environ["HOME"]
        assert environment["HTTPS_PROXY"] == "http://proxy:3128"
        assert environment["GRYPE_DB_CACHE_DIR"] == str(stand.folder / "cache")
        assert (environment["GRYPE_DB_AUTO_UPDATE"], environment["GRYPE_CHECK_FOR_APP_UPDATE"]) == (
            "false",
            "false",
        )
