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


def grype(image, *cves: str, built=BUILT, **more) -> bytes:
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


def twistcli(image, *cves: str, made=BUILT) -> bytes:
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


def ids(outcome) -> set[str]:
    assert isinstance(outcome, Scan), outcome
    return {finding.id for finding in outcome.findings}


def why(outcome) -> UnscannedReason:
    assert isinstance(outcome, NotScanned), outcome
    return outcome.reason


def test_a_report_that_names_the_digest_is_about_the_image(reports):
    scanner = reports({"a.json": grype(NEW, "CVE-2026-0001"), "b.json": grype(OLD, "CVE-2026-0002")})
    assert ids(scanner.scan(subject())) == {"CVE-2026-0001"}
    assert ids(scanner.scan(subject(OLD))) == {"CVE-2026-0002"}
    assert scanner.get_identity() is None


def test_a_report_by_another_name_of_the_image_is_about_it(reports):
    names = {NEW: frozenset({NEW, CHILD, CONFIG})}
    scanner = reports({"a.json": twistcli(CONFIG, "CVE-2026-0001")}, lambda each: names[each.digest])
    assert ids(scanner.scan(subject())) == {"CVE-2026-0001"}


def test_the_registry_is_not_asked_where_the_digest_is_named_or_there_is_no_report(reports):
    def refuse(each):
        raise AssertionError(each)

    assert why(reports({}, refuse).scan(subject())) is UnscannedReason.NO_REPORT
    assert ids(reports({"a.json": grype(NEW, "CVE-2026-0001")}, refuse).scan(subject()))


def test_a_registry_that_does_not_answer_leaves_the_image_unscanned(reports):
    def deny(each):
        raise RegistryError(each.tag_ref.host, Reason.DENIED, "no credential", is_failure=True)

    outcome = reports({"a.json": grype(OLD, "CVE-2026-0001")}, deny).scan(subject())
    assert outcome == NotScanned(UnscannedReason.FAILED, "no credential")


def test_a_file_may_be_named_after_the_digest_that_its_report_does_not_name(reports):
    scanner = reports({f"{NEW.replace(':', '-')}.json": grype("nothing", "CVE-2026-0001")})
    assert ids(scanner.scan(subject())) == {"CVE-2026-0001"}


def test_an_image_without_a_report_is_not_clean(reports):
    assert why(reports({"a.json": grype(OLD, "CVE-2026-0001")}).scan(subject())) is UnscannedReason.NO_REPORT


def test_files_that_cannot_be_read_are_a_failure_for_the_images_that_have_no_other(reports):
    scanner = reports({"a.json": grype(OLD, "CVE-2026-0001"), "b.json": b"{}", "c.sarif": b"<xml>", "d.txt": b"-"})
    assert ids(scanner.scan(subject(OLD)))
    outcome = scanner.scan(subject())
    assert why(outcome) is UnscannedReason.FAILED
    assert "reports/b.json cannot be used: " in outcome.detail
    assert "1 more" in outcome.detail


def test_a_report_that_the_disk_does_not_give_hides_no_other(reports, tmp_path):
    scanner = reports({"b.json": grype(NEW, "CVE-2026-0001")})
    (tmp_path / "reports" / "a.json").symlink_to("/proc/self/mem")  # which nobody can read from its beginning
    assert ids(scanner.scan(subject())) == {"CVE-2026-0001"}
    assert "reports/a.json " in scanner.scan(subject(OLD)).detail


def test_a_folder_that_is_not_there_is_a_failure(tmp_path):
    scanner = ReportScanner(
        tmp_path / "none", lambda _: frozenset(), now=lambda: NOW, platform="linux/amd64", max_age=timedelta(days=5)
    )
    assert why(scanner.scan(subject())) is UnscannedReason.FAILED


def test_one_file_may_be_named_itself(tmp_path):
    (tmp_path / "report").write_bytes(grype(NEW, "CVE-2026-0001"))
    scanner = ReportScanner(
        tmp_path / "report", lambda _: frozenset(), now=lambda: NOW, platform="linux/amd64", max_age=timedelta(days=5)
    )
    assert ids(scanner.scan(subject())) == {"CVE-2026-0001"}


def test_what_is_too_much_is_said(reports, monkeypatch):
    monkeypatch.setattr(report_files, "MAX_FILES", 1)
    outcome = reports({"a.json": grype(OLD, "CVE-2026-0001"), "b.json": grype(NEW)}).scan(subject())
    assert "more than 1 reports" in outcome.detail
    monkeypatch.setattr(report_files, "MAX_REPORT_BYTES", 10)
    assert "more than 10 bytes" in reports({}).scan(subject()).detail


def test_a_report_that_changes_under_our_hands_is_not_believed(reports, tmp_path):
    scanner = reports({"a.json": grype(OLD, "CVE-2026-0001"), "b.json": grype(NEW, "CVE-2026-0001")})
    assert ids(scanner.scan(subject(OLD)))
    (tmp_path / "reports" / "b.json").write_text("{")
    assert why(scanner.scan(subject())) is UnscannedReason.FAILED
    (tmp_path / "reports" / "b.json").unlink()
    assert why(scanner.scan(subject())) is UnscannedReason.FAILED


def test_the_newest_report_counts(reports):
    older = grype(NEW, "CVE-2026-0001", built=BUILT - timedelta(days=1))
    scanner = reports({"a.json": older, "b.json": grype(NEW, "CVE-2026-0002"), "c.json": older})
    assert ids(scanner.scan(subject())) == {"CVE-2026-0002"}


def test_a_report_that_is_too_old_is_stale(reports):
    scanner = reports({"a.json": grype(NEW, "CVE-2026-0001", built=NOW - timedelta(days=6))})
    assert why(scanner.scan(subject())) is UnscannedReason.DATABASE_STALE


def test_a_report_that_says_no_time_is_as_old_as_its_file(reports, tmp_path):
    files = {"a.json": grype(NEW, "CVE-2026-0001", descriptor={"name": "grype", "version": "1"})}
    scanner = reports(files)
    os.utime(tmp_path / "reports" / "a.json", (0, (NOW - timedelta(days=6)).timestamp()))
    assert why(scanner.scan(subject())) is UnscannedReason.DATABASE_STALE
    os.utime(tmp_path / "reports" / "a.json", (0, NOW.timestamp()))
    assert ids(reports(files).scan(subject()))


def test_a_report_about_another_platform_is_not_about_this_one(reports):
    scanner = reports({"a.json": grype(NEW, "CVE-2026-0001")})
    outcome = scanner.scan(subject(platform="linux/arm64"))
    assert why(outcome) is UnscannedReason.PLATFORM_MISSING
    assert "linux/amd64" in outcome.detail


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64"])
def test_what_a_report_does_not_say_of_its_platform_the_operator_says(reports, platform):
    scanner = reports({"a.json": twistcli(NEW, "CVE-2026-0001")}, platform=platform)
    assert ids(scanner.scan(subject(platform=platform)))
    other = "linux/amd64" if platform == "linux/arm64" else "linux/arm64"
    assert why(scanner.scan(subject(platform=other))) is UnscannedReason.PLATFORM_MISSING


def test_no_findings_are_none_only_where_the_database_is_seen_to_know_the_release(reports):
    alone = reports({"new.json": grype(NEW)})
    assert why(alone.scan(subject())) is UnscannedReason.OS_UNSUPPORTED
    together = reports({"old.json": grype(OLD, "CVE-2026-0001")})
    assert ids(together.scan(subject())) == set()


def test_a_report_with_another_database_shows_nothing_of_this_one(reports):
    files = {"new.json": grype(NEW), "old.json": grype(OLD, "CVE-2026-0001", built=BUILT - timedelta(hours=6))}
    assert why(reports(files).scan(subject())) is UnscannedReason.OS_UNSUPPORTED


class TestComparing:
    """Reports are compared only if the same scanner made them with the same database."""

    def delta(self, scanner):
        return compare_scans(scanner.scan(subject(OLD)), scanner.scan(subject()))

    def test_reports_by_one_scanner_with_one_database_are_compared(self, reports):
        files = {"a.json": grype(OLD, "CVE-2026-0001", "CVE-2026-0002"), "b.json": grype(NEW, "CVE-2026-0002")}
        found = self.delta(reports(files)).delta
        assert [finding.id for finding in found.fixed] == ["CVE-2026-0001"]
        assert not found.introduced

    def test_reports_with_two_databases_are_not(self, reports):
        other = grype(OLD, "CVE-2026-0001", built=BUILT - timedelta(hours=6))
        evidence = self.delta(reports({"a.json": other, "b.json": grype(NEW, "CVE-2026-0002")}))
        assert evidence.delta is None
        assert why(evidence.old) is UnscannedReason.DIFFERENT_DATABASE

    def test_reports_that_do_not_say_which_database_they_had_are_not(self, reports):
        files = {"a.json": twistcli(OLD, "CVE-2026-0001"), "b.json": twistcli(NEW, "CVE-2026-0002")}
        evidence = self.delta(reports(files))
        assert evidence.delta is None
        assert (why(evidence.old), evidence.old.is_database_unknown) == (UnscannedReason.DIFFERENT_DATABASE, True)

    def test_the_operator_may_vouch_for_one_run_in_each_folder(self, reports):
        files = {"run/a.json": twistcli(OLD, "CVE-2026-0001"), "run/b.json": twistcli(NEW, "CVE-2026-0002")}
        assert self.delta(reports(files, is_one_run=True)).delta

    def test_and_two_folders_are_two_runs(self, reports):
        files = {"one/a.json": twistcli(OLD, "CVE-2026-0001"), "two/b.json": twistcli(NEW, "CVE-2026-0002")}
        evidence = self.delta(reports(files, is_one_run=True))
        assert why(evidence.old) is UnscannedReason.DIFFERENT_DATABASE

    def test_vouching_does_not_overrule_what_reports_say(self, reports):
        other = grype(OLD, "CVE-2026-0001", built=BUILT - timedelta(hours=6))
        evidence = self.delta(reports({"a.json": other, "b.json": grype(NEW, "CVE-2026-0002")}, is_one_run=True))
        assert why(evidence.old) is UnscannedReason.DIFFERENT_DATABASE
