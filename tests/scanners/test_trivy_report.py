"""Trivy's reports, recorded and hand-written."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scanners.trivy import (
    ALPINE_PACKAGES,
    ALPINE_RELEASE,
    DEBIAN,
    DEBIAN_RELEASE,
    ENDED_DEBIAN,
    OLD,
    RECORDED,
    expected,
)

from bot.demo.images import DEFAULT_CREATED
from bot.model.evidence import Severity
from bot.scanners._findings import MAX_TITLE_LENGTH
from bot.scanners._json import UnreadableReportError
from bot.scanners._trivy_report import OperatingSystem, parse_report

FOLDER = Path(__file__).parent / "recorded"


def parse_recorded(name: str):
    return parse_report((FOLDER / f"{name}.json").read_bytes())


def parse_results(*results: dict, **metadata: object):
    return parse_report(json.dumps({"SchemaVersion": 2, "Metadata": metadata, "Results": results}).encode())


def build_result(*vulnerabilities: dict, **fields: object) -> dict:
    whole = {"VulnerabilityID": "CVE-1900-0001", "PkgName": "left-pad", "InstalledVersion": "1.0"}
    return {"Class": "lang-pkgs", "Type": "npm", "Vulnerabilities": [whole | item for item in vulnerabilities]} | fields


@pytest.mark.parametrize(
    ("name", "packages", "release"),
    [("debian", OLD, DEBIAN_RELEASE), ("alpine", ALPINE_PACKAGES, ALPINE_RELEASE)],
)
def test_findings_in_trivy_report_are_named_after_source_packages(name, packages, release):
    read = parse_recorded(name)
    assert set(read.findings) == expected(packages, release)
    assert read.os_package_count == len(packages)


def test_operating_system_and_platform_are_read_from_trivy_report():
    assert parse_recorded("debian").system == OperatingSystem(
        "debian", DEBIAN, has_extended_support=False, is_end_of_life=False
    )
    assert parse_recorded("debian").platform == "linux/amd64"
    assert parse_recorded("end-of-life").system == OperatingSystem(
        "debian", ENDED_DEBIAN, has_extended_support=False, is_end_of_life=True
    )


@pytest.mark.parametrize("name", ["without-system", "without-packages", "unlisted"])
def test_trivy_report_without_findings_shows_if_system_or_packages_are_missing(name):
    read = parse_recorded(name)
    assert read.findings == ()
    assert (read.system is None) == (name == "without-system")
    assert (read.os_package_count == 0) == (name != "unlisted")


def test_trivy_report_without_distribution_has_no_operating_system():
    assert parse_results(OS={"Family": "none"}).system is None


def test_extended_support_is_read_from_trivy_report():
    assert parse_results(OS={"Family": "ubuntu", "Name": "20.04", "extended": True}).system.has_extended_support


def test_recorded_trivy_reports_are_exactly_the_listed_ones():
    assert {path.stem for path in FOLDER.glob("*.json")} == set(RECORDED)


@pytest.mark.real("trivy")
@pytest.mark.real("docker-registry")
@pytest.mark.parametrize("name", RECORDED)
def test_trivy_still_produces_the_recorded_reports(name, stand):
    assert parse_report(stand.report(RECORDED[name]())) == parse_recorded(name)


@pytest.mark.parametrize(
    ("given_id", "vendor_ids", "wanted"),
    [
        ("CVE-1900-0002", ["CVE-1900-0003"], "CVE-1900-0002"),
        ("GHSA-aaaa-bbbb-cccc", ["X-1", "CVE-1900-0003"], "CVE-1900-0003"),
        ("GHSA-aaaa-bbbb-cccc", None, "GHSA-aaaa-bbbb-cccc"),
        ("GHSA-aaaa-bbbb-cccc", ["see CVE-1900-0003"], "GHSA-aaaa-bbbb-cccc"),
    ],
)
def test_trivy_finding_without_cve_is_named_after_the_single_vendor_cve(given_id, vendor_ids, wanted):
    (finding,) = parse_results(build_result({"VulnerabilityID": given_id, "VendorIDs": vendor_ids})).findings
    assert finding.id == wanted


def test_vulnerability_repeated_in_trivy_report_is_one_finding_of_highest_severity():
    mild, bad = {"Severity": "LOW", "InstalledVersion": "1.0"}, {"Severity": "HIGH", "InstalledVersion": "2.0"}
    (finding,) = parse_results(build_result(mild, bad), build_result(mild)).findings
    assert (finding.severity, finding.installed) == (Severity.HIGH, "2.0")


def test_package_name_in_two_ecosystems_yields_two_findings():
    assert len(parse_results(build_result({}), build_result({}, Type="gem")).findings) == 2


@pytest.mark.parametrize("word", ["", "NEGLIGIBLE", "critical"])
def test_unknown_severity_word_in_trivy_report_is_read_as_unknown(word):
    (finding,) = parse_results(build_result({"Severity": word})).findings
    assert finding.severity is Severity.UNKNOWN


@pytest.mark.parametrize("severity", Severity)
def test_every_severity_is_read_from_trivy_report(severity):
    (finding,) = parse_results(build_result({"Severity": severity.name})).findings
    assert finding.severity is severity


def test_title_of_trivy_finding_is_cut_to_one_line():
    (finding,) = parse_results(build_result({"Title": "one\n two\t" + "x" * 1000})).findings
    assert finding.title.startswith("one two x")
    assert len(finding.title) == MAX_TITLE_LENGTH


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b"null",
        b"{}",
        b'{"SchemaVersion": 1}',
        b'{"SchemaVersion": 2, "Results": {}}',
        b'{"SchemaVersion": 2, "Results": [3]}',
        b'{"SchemaVersion": 2, "Metadata": {"OS": {"Family": 3}}}',
        b'{"SchemaVersion": 2, "Results": [{"Vulnerabilities": [{"PkgName": "bash"}]}]}',
        b'{"SchemaVersion": 2, "Results": [{"Vulnerabilities": [{"VulnerabilityID": "CVE-1900-0001"}]}]}',
    ],
)
def test_documents_that_are_not_trivy_reports_are_refused(content):
    with pytest.raises(UnreadableReportError, match="the report"):
        parse_report(content)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.fixed_dictionaries({"SchemaVersion": st.just(2)}, optional={"Metadata": json_values, "Results": json_values}))
def test_arbitrary_json_is_read_as_trivy_report_or_refused_as_unreadable(value):
    with contextlib.suppress(UnreadableReportError):
        parse_report(json.dumps(value).encode())


def test_build_time_of_image_is_read_from_trivy_report():
    assert parse_recorded("debian").image_created == DEFAULT_CREATED
    assert parse_results(ImageConfig={"created": "1970-01-01T00:00:00Z"}).image_created is None
    assert parse_results().image_created is None
