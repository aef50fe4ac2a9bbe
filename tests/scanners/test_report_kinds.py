"""Reports of other programs are read, and compared with counts taken from the files themselves."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.model.evidence import Severity, UnscannedReason
from bot.scanners._json import UnreadableReportError
from bot.scanners._reports import parse_reports

FOLDER = Path(__file__).parent / "reports"
REPORTS = sorted(path.name for path in FOLDER.iterdir() if path.suffix in {".json", ".sarif"})


def parse_file(name: str):
    (only,) = parse_reports((FOLDER / name).read_bytes())
    return only


def load_json(name: str) -> dict:
    return json.loads((FOLDER / name).read_bytes())


def list_pairs(name: str) -> set[tuple[str, str]]:
    return {(finding.id, finding.package) for finding in parse_file(name).findings}


def test_trivy_report_is_read_with_all_vulnerabilities_of_all_packages():
    report = load_json("trivy.json")
    listed = {
        (each["VulnerabilityID"], each["PkgName"]) for result in report["Results"] for each in result["Vulnerabilities"]
    }
    found = parse_file("trivy.json")
    assert list_pairs("trivy.json") == listed
    assert (found.tool, found.tool_version, found.system, found.platform) == (
        "trivy",
        "dev",
        "debian 10.1",
        "linux/amd64",
    )
    assert found.digests == {report["Metadata"]["ImageID"]}
    assert found.report_time == datetime(2021, 8, 25, 12, 20, 30, tzinfo=UTC)
    assert (found.database_built, found.not_scanned) == (None, None)


def test_advisories_in_grype_report_are_read_as_cves():
    report = load_json("grype.json")
    advisories = {each["vulnerability"]["id"] for each in report["matches"]}
    cves = {
        related["id"]
        for each in report["matches"]
        for related in each["relatedVulnerabilities"]
        if not each["vulnerability"]["id"].startswith("CVE-")
    }
    own = {identifier for identifier in advisories if identifier.startswith("CVE-")}
    found = parse_file("grype.json")
    assert {finding.id for finding in found.findings} == cves | own
    assert any(identifier.startswith("ALAS-") for identifier in advisories)
    assert (found.tool, found.tool_version, found.system) == ("grype", "0.79.3", "amazonlinux 2")
    assert found.platform == "linux/arm64"
    assert found.database_built == datetime(2024, 8, 29, 1, 31, 52, tzinfo=UTC)
    target = report["source"]["target"]
    assert found.digests == {target["manifestDigest"], target["imageID"]}


@pytest.mark.parametrize(
    ("status", "statement", "why"),
    [("ignored", "nobody runs it", "ignored: nobody runs it"), ("not_affected", "", "not affected")],
)
def test_suppressed_finding_in_trivy_report_is_kept_with_reason_and_author(status, statement, why):
    report, before = load_json("trivy.json"), parse_file("trivy.json").findings
    result = report["Results"][0]
    moved = result["Vulnerabilities"].pop(0)
    modified = {"Status": status, "Statement": statement, "Source": ".trivyignore.yaml", "Finding": moved}
    result["ExperimentalModifiedFindings"] = [
        {"Type": "vulnerability", **modified},
        {"Type": "secret", "Status": "ignored", "Finding": {"RuleID": "aws"}},
    ]
    (found,) = parse_reports(json.dumps(report).encode())
    (aside,) = found.suppressed
    assert (aside.reason, aside.author) == (why, "the report, by .trivyignore.yaml")
    assert aside.finding.id == moved["VulnerabilityID"]
    assert {*found.findings, aside.finding} == set(before)


@pytest.mark.parametrize(
    ("rule", "why", "by"),
    [
        ({"vulnerability": "X", "reason": "nobody runs it"}, "ignored: nobody runs it", "the report, by a rule"),
        (
            {"namespace": "vex", "vex-status": "not_affected", "vex-justification": "component_not_present"},
            "not affected: component not present",
            "the report, by VEX",
        ),
        (
            {"vulnerability": "", "package": {"name": "linux-libc-dev"}, "match-type": "exact-indirect-match"},
            None,
            None,
        ),
        ({"fix-state": "not-fixed"}, None, None),
    ],
)
def test_suppressed_finding_in_grype_report_is_kept_with_reason_and_author(rule, why, by):
    report = load_json("grype.json")
    match = report["matches"].pop(0)
    report["ignoredMatches"] = [{**match, "appliedIgnoreRules": [{"fix-state": ""}, rule]}]
    (found,) = parse_reports(json.dumps(report).encode())
    assert {(each.reason, each.author) for each in found.suppressed} == ({(why, by)} if why else set())
    assert not {each.finding for each in found.suppressed} & set(found.findings)


def test_finding_suppressed_in_only_one_binary_package_still_counts():
    report = load_json("trivy.json")
    result = report["Results"][0]
    modified = {"Type": "vulnerability", "Status": "ignored", "Finding": result["Vulnerabilities"][0]}
    result["ExperimentalModifiedFindings"] = [modified]
    (found,) = parse_reports(json.dumps(report).encode())
    assert found.suppressed == ()


def test_findings_of_twistcli_report_match_the_counts_in_the_summary():
    (result,) = load_json("twistcli.json")["results"]
    found = parse_file("twistcli.json")
    counted = Counter(finding.severity.word for finding in found.findings)
    assert {**counted, "total": len(found.findings)} == result["vulnerabilityDistribution"]
    assert found.digests == {result["id"], result["digest"]}
    assert (found.system, found.release) == (result["distro"], "RHEL8")
    assert {finding.package_type for finding in found.findings} <= {each["type"] for each in result["packages"]} | {""}
    fixed = {each["packageName"] for each in result["vulnerabilities"] if each["status"].startswith("fixed in ")}
    assert {finding.package for finding in found.findings if finding.fixed_in} == fixed


def test_aqua_report_is_read_with_all_vulnerabilities_of_all_resources():
    report = load_json("aqua.json")
    listed = {
        (each["name"], resource["resource"].get("src_name") or resource["resource"]["name"])
        for resource in report["resources"]
        for each in resource.get("vulnerabilities", ())
    }
    found = parse_file("aqua.json")
    assert list_pairs("aqua.json") == listed
    assert (found.tool, found.system, found.platform) == ("aqua", "alpine 3.8.4", "linux/amd64")
    assert found.digests == {report["digest"]}
    assert found.database_built == datetime.fromtimestamp(report["data_date"], UTC)


@pytest.mark.parametrize("name", ["trivy.sarif", "grype.sarif"])
def test_sarif_report_is_read_with_one_finding_per_result(name):
    (run,) = load_json(name)["runs"]
    found = parse_file(name)
    assert len(found.findings) == len(run["results"])
    assert found.tool == run["tool"]["driver"]["name"].lower()
    assert all(finding.package and finding.installed and finding.severity for finding in found.findings)
    assert {finding.id for finding in found.findings} <= {
        rule["help"]["text"].split("\n")[0].removeprefix("Vulnerability ") for rule in run["tool"]["driver"]["rules"]
    }


def test_image_and_fixed_versions_are_read_from_trivy_sarif():
    found = parse_file("trivy.sarif")
    assert found.digests == {load_json("trivy.sarif")["runs"][0]["properties"]["imageID"]}
    assert {finding.fixed_in for finding in found.findings} == {"1.1.1d-r0", "1.1.1d-r2"}


def test_sarif_report_without_results_is_not_accepted_as_scan():
    document = load_json("trivy.sarif")
    document["runs"][0]["results"] = []
    (found,) = parse_reports(json.dumps(document).encode())
    assert found.not_scanned.reason is UnscannedReason.OS_UNKNOWN


def test_sarif_report_without_packages_is_refused():
    document = load_json("trivy.sarif")
    document["runs"][0]["results"][0]["message"]["text"] = "a password stands in this file"
    with pytest.raises(UnreadableReportError, match="package"):
        parse_reports(json.dumps(document).encode())


def change_report(name: str, **changes) -> bytes:
    return json.dumps({**load_json(name), **changes}).encode()


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (change_report("grype.json", distro={"name": "", "version": "", "idLike": None}), UnscannedReason.OS_UNKNOWN),
        (
            change_report("grype.json", alertsByPackage=[{"package": {}, "alerts": [{"type": "distro-eol"}]}]),
            UnscannedReason.END_OF_LIFE,
        ),
        (change_report("aqua.json", os=""), UnscannedReason.OS_UNKNOWN),
        (change_report("twistcli.json", results=[{"distro": "", "vulnerabilities": []}]), UnscannedReason.OS_UNKNOWN),
        (change_report("trivy.json", Metadata={}), UnscannedReason.OS_UNKNOWN),
        (
            change_report("trivy.json", Metadata={"OS": {"Family": "debian", "Name": "8", "EOSL": True}}),
            UnscannedReason.END_OF_LIFE,
        ),
        (
            change_report("trivy.json", Metadata={"OS": {"Family": "fedora", "Name": "42"}}),
            UnscannedReason.OS_UNSUPPORTED,
        ),
        (change_report("trivy.json", Results=[]), UnscannedReason.OS_UNKNOWN),
    ],
)
def test_report_about_unrecognised_or_ended_release_is_not_accepted_as_scan(content, state):
    (found,) = parse_reports(content)
    assert found.not_scanned.reason is state


def test_database_time_is_read_from_report_of_newer_grype():
    descriptor = {"name": "grype", "version": "0.110.0", "db": {"status": {"built": "2026-11-25T01:31:52Z"}}}
    (found,) = parse_reports(change_report("grype.json", descriptor=descriptor))
    assert (found.tool_version, found.database_built) == ("0.110.0", datetime(2026, 11, 25, 1, 31, 52, tzinfo=UTC))


def test_database_time_is_read_from_report_of_trivy_server():
    server = {"Version": "0.74.0", "VulnerabilityDB": {"UpdatedAt": "2026-11-25T06:11:12.123456789Z"}}
    (found,) = parse_reports(change_report("trivy.json", Trivy={"Version": "0.74.1", "Server": server}))
    assert found.database_built == datetime(2026, 11, 25, 6, 11, 12, 123456, tzinfo=UTC)


def test_distribution_package_in_report_is_named_after_source_package():
    document = load_json("grype.json")
    deb, rpm = document["matches"][:2]
    deb["artifact"] |= {"type": "deb", "name": "libssl3", "upstreams": [{"name": "openssl"}]}
    rpm["artifact"] |= {"type": "rpm", "name": "openssl-libs", "upstreams": [{"name": "openssl-1.1.1k-9.el8.src.rpm"}]}
    document["matches"] = [deb, rpm]
    (found,) = parse_reports(json.dumps(document).encode())
    assert {finding.package for finding in found.findings} == {"openssl"}


@pytest.mark.parametrize("word", ["Negligible", "unimportant", "low"])
def test_negligible_severity_in_report_is_read_as_low(word):
    document = load_json("grype.json")
    document["matches"] = document["matches"][:1]
    document["matches"][0]["vulnerability"]["severity"] = word
    (found,) = parse_reports(json.dumps(document).encode())
    assert {finding.severity for finding in found.findings} == {Severity.LOW}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[" * 100_000,
        b"[]",
        b"{}",
        b'{"SchemaVersion": 3, "ArtifactName": "x"}',
        b'{"matches": 1, "descriptor": {}}',
        b'{"matches": [{"vulnerability": {}}], "descriptor": {}}',
        b'{"version": "2.1.0", "runs": {}}',
        b'{"version": "2.1.0", "runs": [{"results": [{}]}]}',
        b'{"results": [{"distro": "x", "vulnerabilities": [{}]}]}',
        b'{"image": "x", "resources": [{"vulnerabilities": [{"name": "CVE-2026-0001"}]}]}',
        b'{"results": [{"name": "an ordinary file"}]}',
    ],
)
def test_documents_that_are_not_reports_are_refused(content):
    with pytest.raises(UnreadableReportError, match="the report"):
        parse_reports(content)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize("name", REPORTS)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_randomly_damaged_report_is_read_or_refused_as_unreadable(name, data):
    document = load_json(name)
    place = document
    for _ in range(data.draw(st.integers(0, 6))):
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            break
        at = data.draw(st.sampled_from(keys))
        if not isinstance(place[at], dict | list):
            place[at] = data.draw(json_values)
            break
        if data.draw(st.booleans()):
            place[at] = data.draw(json_values)
            break
        place = place[at]
    with contextlib.suppress(UnreadableReportError):
        parse_reports(json.dumps(document).encode())
