"""Report files of a pipeline: the image that a report is about, and how far it is trusted."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

import pytest
from support.values import digest

from bot.core.evidence.compare import compare_scans
from bot.model.errors import RegistryError
from bot.model.evidence import NotScanned, Scan, ScanSubject, UnscannedReason
from bot.model.image_name import TagRef
from bot.model.vocabulary import Reason
from bot.scanners import report_files
from bot.scanners.report_files import ReportScanner

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
BUILT = NOW - timedelta(hours=3)
LINE = TagRef("registry.example.com/base", "1")
OLD, NEW, CHILD, CONFIG = digest("old"), digest("new"), digest("child"), digest("config")


def subject(image=NEW, platform="linux/amd64") -> ScanSubject:
    return ScanSubject(LINE, image, platform)


def build_grype_report(image, *cves: str, built=BUILT, **more) -> bytes:
    """Return a Grype report of a Debian image with these vulnerabilities in bash."""
    artifact = {"name": "bash", "version": "5.2-1", "type": "deb", "upstreams": []}
    return json.dumps(
        {
            "matches": [
                {
                    "vulnerability": {"id": cve, "severity": "High", "namespace": "debian:distro:debian:12"},
                    "relatedVulnerabilities": [],
                    "artifact": artifact,
                }
                for cve in cves
            ],
            "source": {"type": "image", "target": {"userInput": f"x@{image}", "os": "linux", "architecture": "amd64"}},
            "distro": {"name": "debian", "version": "12"},
            "descriptor": {"name": "grype", "version": "0.110.0", "db": {"status": {"built": built.isoformat()}}},
        }
        | more
    ).encode()


def build_twistcli_report(image, *cves: str, made=BUILT) -> bytes:
    result = {
        "id": image,
        "distro": "Debian GNU/Linux 12 (bookworm)",
        "distroRelease": "bookworm",
        "packages": [{"type": "os", "name": "bash", "version": "5.2-1"}],
        "vulnerabilities": [
            {"id": cve, "severity": "high", "packageName": "bash", "packageVersion": "5.2-1", "status": "open"}
            for cve in cves
        ],
        "scanTime": made.isoformat(),
    }
    return json.dumps({"results": [result], "consoleURL": "https://console.example.com"}).encode()


@pytest.fixture
def reports(tmp_path):
    """Write report files, and return the scanner that reads them."""
    folder = tmp_path / "reports"
    folder.mkdir()

    def make(files: dict[str, bytes], names=lambda each: frozenset({each.digest}), **options) -> ReportScanner:
        for name, content in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        values = {"now": lambda: NOW, "platform": "linux/amd64", "max_age": timedelta(days=5)} | options
        return ReportScanner(folder, names, **values)

    return make


def get_ids(outcome) -> set[str]:
    assert isinstance(outcome, Scan), outcome
    return {finding.id for finding in outcome.findings}


def get_reason(outcome) -> UnscannedReason:
    assert isinstance(outcome, NotScanned), outcome
    return outcome.reason


def test_scan_report_is_matched_by_image_digest(reports):
    scanner = reports(
        {"a.json": build_grype_report(NEW, "CVE-2026-0001"), "b.json": build_grype_report(OLD, "CVE-2026-0002")}
    )
    assert get_ids(scanner.scan(subject())) == {"CVE-2026-0001"}
    assert get_ids(scanner.scan(subject(OLD))) == {"CVE-2026-0002"}
    assert scanner.get_identity() is None


def test_scan_report_is_matched_by_config_digest_of_image(reports):
    names = {NEW: frozenset({NEW, CHILD, CONFIG})}
    scanner = reports({"a.json": build_twistcli_report(CONFIG, "CVE-2026-0001")}, lambda each: names[each.digest])
    assert get_ids(scanner.scan(subject())) == {"CVE-2026-0001"}


def test_registry_gets_no_request_if_report_names_the_digest_or_there_is_no_report(reports):
    def refuse(each):
        raise AssertionError(each)

    assert get_reason(reports({}, refuse).scan(subject())) is UnscannedReason.NO_REPORT
    assert get_ids(reports({"a.json": build_grype_report(NEW, "CVE-2026-0001")}, refuse).scan(subject()))


def test_image_is_not_scanned_if_digests_for_report_cannot_be_looked_up(reports):
    def deny(each):
        raise RegistryError(each.tag_ref.host, Reason.DENIED, "no credential", is_failure=True)

    outcome = reports({"a.json": build_grype_report(OLD, "CVE-2026-0001")}, deny).scan(subject())
    assert outcome == NotScanned(UnscannedReason.FAILED, "no credential")


def test_scan_report_is_matched_by_digest_in_file_name(reports):
    scanner = reports({f"{NEW.replace(':', '-')}.json": build_grype_report("nothing", "CVE-2026-0001")})
    assert get_ids(scanner.scan(subject())) == {"CVE-2026-0001"}


def test_image_without_scan_report_is_not_clean(reports):
    assert (
        get_reason(reports({"a.json": build_grype_report(OLD, "CVE-2026-0001")}).scan(subject()))
        is UnscannedReason.NO_REPORT
    )


def test_unreadable_report_fails_only_scans_of_images_without_other_report(reports):
    scanner = reports(
        {"a.json": build_grype_report(OLD, "CVE-2026-0001"), "b.json": b"{}", "c.sarif": b"<xml>", "d.txt": b"-"}
    )
    assert get_ids(scanner.scan(subject(OLD)))
    outcome = scanner.scan(subject())
    assert get_reason(outcome) is UnscannedReason.FAILED
    assert "reports/b.json cannot be used: " in outcome.detail
    assert "1 more" in outcome.detail


def test_io_error_of_one_report_leaves_other_reports_usable(reports, tmp_path):
    scanner = reports({"b.json": build_grype_report(NEW, "CVE-2026-0001")})
    (tmp_path / "reports" / "a.json").symlink_to("/proc/self/mem")  # which nobody can read from its beginning
    assert get_ids(scanner.scan(subject())) == {"CVE-2026-0001"}
    assert "reports/a.json " in scanner.scan(subject(OLD)).detail


def test_missing_folder_of_reports_fails_the_scan(tmp_path):
    scanner = ReportScanner(
        tmp_path / "none", lambda _: frozenset(), now=lambda: NOW, platform="linux/amd64", max_age=timedelta(days=5)
    )
    assert get_reason(scanner.scan(subject())) is UnscannedReason.FAILED


def test_report_path_can_be_a_single_file(tmp_path):
    (tmp_path / "report").write_bytes(build_grype_report(NEW, "CVE-2026-0001"))
    scanner = ReportScanner(
        tmp_path / "report", lambda _: frozenset(), now=lambda: NOW, platform="linux/amd64", max_age=timedelta(days=5)
    )
    assert get_ids(scanner.scan(subject())) == {"CVE-2026-0001"}


def test_too_many_or_too_large_report_files_fail_the_scan(reports, monkeypatch):
    monkeypatch.setattr(report_files, "MAX_FILES", 1)
    outcome = reports({"a.json": build_grype_report(OLD, "CVE-2026-0001"), "b.json": build_grype_report(NEW)}).scan(
        subject()
    )
    assert "more than 1 reports" in outcome.detail
    monkeypatch.setattr(report_files, "MAX_REPORT_BYTES", 10)
    assert "more than 10 bytes" in reports({}).scan(subject()).detail


def test_report_changed_or_deleted_during_the_run_fails_the_scan(reports, tmp_path):
    scanner = reports(
        {"a.json": build_grype_report(OLD, "CVE-2026-0001"), "b.json": build_grype_report(NEW, "CVE-2026-0001")}
    )
    assert get_ids(scanner.scan(subject(OLD)))
    (tmp_path / "reports" / "b.json").write_text("{")
    assert get_reason(scanner.scan(subject())) is UnscannedReason.FAILED
    (tmp_path / "reports" / "b.json").unlink()
    assert get_reason(scanner.scan(subject())) is UnscannedReason.FAILED


def test_newest_of_several_reports_for_an_image_is_used(reports):
    older = build_grype_report(NEW, "CVE-2026-0001", built=BUILT - timedelta(days=1))
    scanner = reports({"a.json": older, "b.json": build_grype_report(NEW, "CVE-2026-0002"), "c.json": older})
    assert get_ids(scanner.scan(subject())) == {"CVE-2026-0002"}


def test_report_with_old_database_is_stale(reports):
    scanner = reports({"a.json": build_grype_report(NEW, "CVE-2026-0001", built=NOW - timedelta(days=6))})
    assert get_reason(scanner.scan(subject())) is UnscannedReason.DATABASE_STALE


def test_report_without_time_is_as_old_as_the_file(reports, tmp_path):
    files = {"a.json": build_grype_report(NEW, "CVE-2026-0001", descriptor={"name": "grype", "version": "1"})}
    scanner = reports(files)
    os.utime(tmp_path / "reports" / "a.json", (0, (NOW - timedelta(days=6)).timestamp()))
    assert get_reason(scanner.scan(subject())) is UnscannedReason.DATABASE_STALE
    os.utime(tmp_path / "reports" / "a.json", (0, NOW.timestamp()))
    assert get_ids(reports(files).scan(subject()))


def test_report_for_another_platform_is_not_used(reports):
    scanner = reports({"a.json": build_grype_report(NEW, "CVE-2026-0001")})
    outcome = scanner.scan(subject(platform="linux/arm64"))
    assert get_reason(outcome) is UnscannedReason.PLATFORM_MISSING
    assert "linux/amd64" in outcome.detail


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64"])
def test_report_without_platform_is_used_only_for_the_configured_platform(reports, platform):
    scanner = reports({"a.json": build_twistcli_report(NEW, "CVE-2026-0001")}, platform=platform)
    assert get_ids(scanner.scan(subject(platform=platform)))
    other = "linux/amd64" if platform == "linux/arm64" else "linux/arm64"
    assert get_reason(scanner.scan(subject(platform=other))) is UnscannedReason.PLATFORM_MISSING


def test_image_without_reported_findings_is_clean_only_if_release_is_covered(reports):
    alone = reports({"new.json": build_grype_report(NEW)})
    assert get_reason(alone.scan(subject())) is UnscannedReason.OS_UNSUPPORTED
    together = reports({"old.json": build_grype_report(OLD, "CVE-2026-0001")})
    assert get_ids(together.scan(subject())) == set()


def test_report_with_another_database_does_not_prove_that_release_is_covered(reports):
    files = {
        "new.json": build_grype_report(NEW),
        "old.json": build_grype_report(OLD, "CVE-2026-0001", built=BUILT - timedelta(hours=6)),
    }
    assert get_reason(reports(files).scan(subject())) is UnscannedReason.OS_UNSUPPORTED


class TestComparisons:
    """Reports are compared only if the same scanner made them with the same database."""

    def delta(self, scanner):
        return compare_scans(scanner.scan(subject(OLD)), scanner.scan(subject()))

    def test_reports_with_same_scanner_and_database_are_compared(self, reports):
        files = {
            "a.json": build_grype_report(OLD, "CVE-2026-0001", "CVE-2026-0002"),
            "b.json": build_grype_report(NEW, "CVE-2026-0002"),
        }
        found = self.delta(reports(files)).delta
        assert [finding.id for finding in found.fixed] == ["CVE-2026-0001"]
        assert not found.introduced

    def test_reports_with_different_databases_are_not_compared(self, reports):
        other = build_grype_report(OLD, "CVE-2026-0001", built=BUILT - timedelta(hours=6))
        evidence = self.delta(reports({"a.json": other, "b.json": build_grype_report(NEW, "CVE-2026-0002")}))
        assert evidence.delta is None
        assert get_reason(evidence.old) is UnscannedReason.DIFFERENT_DATABASE

    def test_reports_with_unknown_database_are_not_compared(self, reports):
        files = {
            "a.json": build_twistcli_report(OLD, "CVE-2026-0001"),
            "b.json": build_twistcli_report(NEW, "CVE-2026-0002"),
        }
        evidence = self.delta(reports(files))
        assert evidence.delta is None
        assert (get_reason(evidence.old), evidence.old.is_database_unknown) == (
            UnscannedReason.DIFFERENT_DATABASE,
            True,
        )

    def test_reports_of_one_folder_are_compared_if_declared_as_one_run(self, reports):
        files = {
            "run/a.json": build_twistcli_report(OLD, "CVE-2026-0001"),
            "run/b.json": build_twistcli_report(NEW, "CVE-2026-0002"),
        }
        assert self.delta(reports(files, is_one_run=True)).delta

    def test_reports_of_different_folders_are_not_compared(self, reports):
        files = {
            "one/a.json": build_twistcli_report(OLD, "CVE-2026-0001"),
            "two/b.json": build_twistcli_report(NEW, "CVE-2026-0002"),
        }
        evidence = self.delta(reports(files, is_one_run=True))
        assert get_reason(evidence.old) is UnscannedReason.DIFFERENT_DATABASE

    def test_reports_declared_as_one_run_are_not_compared_if_databases_differ(self, reports):
        other = build_grype_report(OLD, "CVE-2026-0001", built=BUILT - timedelta(hours=6))
        evidence = self.delta(
            reports({"a.json": other, "b.json": build_grype_report(NEW, "CVE-2026-0002")}, is_one_run=True)
        )
        assert get_reason(evidence.old) is UnscannedReason.DIFFERENT_DATABASE
