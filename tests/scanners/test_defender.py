"""The Microsoft Defender scanner, with an emulated resource graph and a registry on loopback."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clouds.defender_scene import LINE, LONG_AGO, NEW, NOW, OLD, defender_scene, found, why
from support.clouds.resource_graph import cve, grouped, individual, of_image

from bot.core.evidence.compare import compare_scans
from bot.model.evidence import Scan, ScanSubject, Severity, SuppressedFinding, UnscannedReason
from bot.scanners import defender
from bot.scanners._defender.rows import read_row
from bot.scanners._json import UnreadableReportError


@pytest.fixture
def scene(tmp_path, monkeypatch):
    with defender_scene(tmp_path, monkeypatch) as made:
        yield made


class TestFindings:
    def test_defender_row_of_grouped_model_becomes_one_finding(self, scene):
        outcome = scene.scan(grouped(NEW.digest, "CVE-2026-0001"))
        (finding,) = outcome.findings
        assert (finding.id, finding.package, finding.package_type) == ("CVE-2026-0001", "openssl", "os")
        assert (finding.installed, finding.fixed_in, finding.severity) == ("3.0.1-1", "3.0.2-1", Severity.HIGH)
        assert outcome.os == "ubuntu linux 20.04"

    def test_defender_row_of_individual_model_becomes_one_finding_per_cve(self, scene):
        row = individual(NEW.digest, "openssl", cve("CVE-2026-0001", "Critical"), cve("CVE-2026-0002", "Low"))
        known = found(scene.scan(row))
        assert {name: each.severity for name, each in known.items()} == {
            "CVE-2026-0001": Severity.CRITICAL,
            "CVE-2026-0002": Severity.LOW,
        }
        assert {(each.package, each.installed, each.fixed_in) for each in known.values()} == {
            ("openssl", "3.0.1-1", "3.0.2-1")
        }

    def test_findings_of_both_defender_models_are_merged(self, scene):
        outcome = scene.scan(
            grouped(NEW.digest, "CVE-2026-0001", "OpenSSL", severity="Low", fixed=""),
            individual(NEW.digest, "openssl", cve("CVE-2026-0001", "Critical"), cve("CVE-2026-0002")),
            grouped(NEW.digest, "CVE-2026-0003", "py", category="Language", language="Python"),
            individual(NEW.digest, "py", cve("CVE-2026-0003"), package_type="Language", language="python"),
        )
        known = found(outcome)
        assert [each.id for each in outcome.findings] == ["CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003"]
        assert (known["CVE-2026-0001"].severity, known["CVE-2026-0001"].fixed_in) == (Severity.CRITICAL, "3.0.2-1")
        assert known["CVE-2026-0003"].package_type == "python"

    def test_keys_in_defender_rows_ignore_case(self, scene):
        row = json.loads(json.dumps(individual(NEW.digest, "openssl", cve("CVE-2026-0001"))).replace("CveId", "cveId"))
        details = row["properties"]["additionalData"]
        row["properties"]["additionalData"] = {name.lower(): value for name, value in details.items()}
        row["properties"]["resourceDetails"]["id"] = row["properties"]["resourceDetails"].pop("Id")
        assert found(scene.scan(row)).keys() == {"CVE-2026-0001"}

    def test_missing_severity_of_defender_finding_is_derived_from_score(self, scene):
        rows = [
            individual(NEW.digest, "a", cve("CVE-2026-0001", "Unknown", score=9.8)),
            individual(NEW.digest, "b", cve("CVE-2026-0002", "", score=None)),
            grouped(NEW.digest, "CVE-2026-0003", severity="", score=5),
        ]
        severities = {name: each.severity for name, each in found(scene.scan(*rows)).items()}
        assert severities == {
            "CVE-2026-0001": Severity.CRITICAL,
            "CVE-2026-0002": Severity.UNKNOWN,
            "CVE-2026-0003": Severity.MEDIUM,
        }

    def test_defender_row_without_cve_details_uses_cve_ids_of_scanner(self, scene):
        row = individual(NEW.digest, "flimsy-tls", mdvm={"CvesIds": ["CVE-2026-90001"]})
        assert found(scene.scan(row))["CVE-2026-90001"].severity is Severity.UNKNOWN

    def test_vulnerability_without_cve_is_named_after_another_identifier(self, scene):
        names = {"AdditionalIdentifiers": ["RHSA-2026:1", "GHSA-aaaa-bbbb-cccc"]}
        row = individual(NEW.digest, "left-pad", cve("", fields=names), language="npm", package_type="Language")
        assert found(scene.scan(row)).keys() == {"GHSA-aaaa-bbbb-cccc"}

    def test_defender_scans_of_different_models_are_compared(self, scene):
        scene.graph.rows = [
            grouped(OLD.digest, "CVE-2026-0001"),
            grouped(OLD.digest, "CVE-2026-0002"),
            individual(NEW.digest, "openssl", cve("CVE-2026-0002")),
        ]
        scanner = scene.scanner()
        delta = compare_scans(scanner.scan(scene.old), scanner.scan(scene.new)).delta
        assert [each.id for each in delta.fixed] == ["CVE-2026-0001"]
        assert [each.id for each in delta.remaining] == ["CVE-2026-0002"]
        assert not delta.introduced

    def test_defender_scans_of_different_runs_are_not_compared(self, scene):
        scene.graph.rows = [grouped(each.digest, "CVE-2026-0001") for each in (OLD, NEW)]
        earlier = scene.scanner(now=lambda: NOW - timedelta(hours=1))
        assert compare_scans(earlier.scan(scene.old), scene.scanner().scan(scene.new)).delta is None

    def test_defender_rows_about_machines_or_secrets_are_ignored(self, scene):
        outcome = scene.scan(
            individual(NEW.digest, "kernel", cve("CVE-2026-0009"), kind="microsoft.compute/virtualmachines"),
            individual(NEW.digest, "key", cve("CVE-2026-0008"), category="Secrets"),
            individual(NEW.digest, "openssl", cve("CVE-2026-0001")),
        )
        assert found(outcome).keys() == {"CVE-2026-0001"}


class TestExemptions:
    def test_exempted_defender_finding_is_suppressed_with_reason_and_author(self, scene):
        outcome = scene.scan(
            grouped(NEW.digest, "CVE-2026-0001", code="NotApplicable", description="Waiver 12"),
            individual(NEW.digest, "openssl", cve("CVE-2026-0002"), code="NotApplicable"),
            grouped(NEW.digest, "CVE-2026-0003", code="NotApplicable", cause="OffByPolicy"),
            grouped(NEW.digest, "CVE-2026-0004"),
        )
        assert found(outcome).keys() == {"CVE-2026-0004"}
        assert [(each.finding.id, each.reason, each.author) for each in outcome.suppressed] == [
            ("CVE-2026-0001", "exempt: Waiver 12", "Microsoft Defender exemption"),
            ("CVE-2026-0002", "exempt", "Microsoft Defender exemption"),
            ("CVE-2026-0003", "offbypolicy", "Microsoft Defender"),
        ]

    def test_finding_exempted_in_only_one_of_two_defender_rows_still_counts(self, scene):
        outcome = scene.scan(
            grouped(NEW.digest, "CVE-2026-0001"), grouped(NEW.digest, "CVE-2026-0001", code="NotApplicable")
        )
        assert found(outcome).keys() == {"CVE-2026-0001"}
        assert outcome.suppressed == ()

    def test_defender_exemption_in_new_image_does_not_count_as_fix(self, scene):
        scene.graph.rows = [
            grouped(OLD.digest, "CVE-2026-0001"),
            grouped(NEW.digest, "CVE-2026-0001", code="NotApplicable"),
        ]
        scanner = scene.scanner()
        evidence = compare_scans(scanner.scan(scene.old), scanner.scan(scene.new))
        assert (evidence.delta.fixed, evidence.delta.remaining) == ((), ())
        assert isinstance(evidence.new.suppressed[0], SuppressedFinding)

    def test_unknown_status_of_defender_finding_is_not_an_exemption(self, scene):
        assert found(scene.scan(grouped(NEW.digest, "CVE-2026-0001", code="Pending"))).keys() == {"CVE-2026-0001"}


class TestNeverZero:
    def test_image_without_defender_rows_is_reported_as_not_scanned(self, scene):
        outcome = scene.scan(grouped(OLD.digest, "CVE-2026-0001"))
        assert why(outcome) is UnscannedReason.NO_REPORT
        assert NEW.digest in outcome.detail

    @pytest.mark.parametrize(
        "healthy",
        [
            grouped(NEW.digest, "CVE-2026-0001", code="Healthy"),
            individual(NEW.digest, "openssl", code="Healthy"),
            of_image(NEW.digest),
        ],
        ids=["grouped", "individual", "image"],
    )
    def test_image_that_defender_reports_as_healthy_has_no_findings(self, scene, healthy):
        outcome = scene.scan(healthy)
        assert isinstance(outcome, Scan), outcome
        assert outcome.findings == ()

    def test_healthy_image_with_old_or_missing_scan_date_counts_as_not_scanned(self, scene):
        old = {"pushed": LONG_AGO, "code": "Healthy"}
        assert why(scene.scan(individual(NEW.digest, "openssl", **old))) is UnscannedReason.NOT_RESCANNED
        assert why(scene.scan(of_image(NEW.digest, at=None))) is UnscannedReason.NOT_RESCANNED
        assert isinstance(scene.scan(individual(NEW.digest, "openssl", **old), is_pulled=True), Scan)

    def test_unhealthy_defender_status_without_findings_is_not_accepted_as_scan(self, scene):
        assert why(scene.scan(of_image(NEW.digest, "Unhealthy"))) is UnscannedReason.NO_REPORT
        assert why(scene.scan(individual(NEW.digest, "x", code="NotApplicable"))) is UnscannedReason.NO_REPORT

    @pytest.mark.parametrize(
        "row",
        [
            individual(NEW.digest, "openssl"),
            individual(NEW.digest, "", cve("CVE-2026-0001")),
            individual(NEW.digest, "openssl", cve("CVE-2026-0001"), cve("")),
            grouped(NEW.digest, "CVE-2026-0001", ""),
            grouped(NEW.digest, ""),
        ],
    )
    def test_incomplete_defender_row_does_not_fail_scans_of_other_images(self, scene, row):
        scene.graph.rows = [row, grouped(OLD.digest, "CVE-2026-0002")]
        scanner = scene.scanner()
        assert why(scanner.scan(scene.new)) is UnscannedReason.FAILED
        assert found(scanner.scan(scene.old)).keys() == {"CVE-2026-0002"}

    def test_malformed_json_in_defender_row_fails_the_scan(self, scene):
        row = individual(NEW.digest, "openssl")
        row["properties"]["additionalData"]["CvesDetails"] = '[{"CveId": '
        assert why(scene.scan(row)) is UnscannedReason.FAILED

    def test_missing_image_or_platform_causes_no_defender_query(self, scene):
        gone = ScanSubject(LINE, OLD.digest.replace("a", "b"), "linux/amd64")
        assert why(scene.scan(of=gone)) is UnscannedReason.IMAGE_GONE
        assert why(scene.scan(of=replace(scene.new, platform="linux/s390x"))) is UnscannedReason.PLATFORM_MISSING
        assert scene.graph.received == []

    def test_image_with_too_many_defender_findings_counts_as_not_scanned(self, scene, monkeypatch):
        monkeypatch.setattr(defender, "MAX_FINDINGS", 1)
        outcome = scene.scan(grouped(NEW.digest, "CVE-2026-0001"), grouped(NEW.digest, "CVE-2026-0002"))
        assert why(outcome) is UnscannedReason.FAILED


class TestAge:
    def test_image_with_only_old_defender_rows_counts_as_not_scanned(self, scene):
        outcome = scene.scan(grouped(NEW.digest, "CVE-2026-0001", at=LONG_AGO))
        assert why(outcome) is UnscannedReason.NOT_RESCANNED
        assert "2026-09-01" in outcome.detail

    def test_newest_defender_row_determines_age_of_all_rows(self, scene):
        rows = [grouped(NEW.digest, "CVE-2026-0001", at=LONG_AGO), grouped(NEW.digest, "CVE-2026-0002")]
        assert found(scene.scan(*rows)).keys() == {"CVE-2026-0001", "CVE-2026-0002"}

    def test_outdated_rows_of_one_defender_model_are_ignored_beside_current_rows(self, scene):
        rows = [
            grouped(NEW.digest, "CVE-2026-0001", at=LONG_AGO),
            individual(NEW.digest, "openssl", cve("CVE-2026-0002")),
        ]
        assert found(scene.scan(*rows)).keys() == {"CVE-2026-0002"}

    def test_findings_of_new_image_are_kept_if_defender_scan_of_old_image_is_old(self, scene):
        scene.graph.rows = [
            individual(OLD.digest, "openssl", cve("CVE-2026-0001"), pushed=LONG_AGO),
            individual(NEW.digest, "openssl", cve("CVE-2026-0001"), cve("CVE-2026-0002")),
        ]
        scanner = scene.scanner()
        evidence = compare_scans(scanner.scan(scene.old), scanner.scan(scene.new))
        assert evidence.delta is None
        assert (why(evidence.old), evidence.old.is_database_unknown) == (UnscannedReason.DIFFERENT_DATABASE, True)
        assert len(evidence.new.findings) == 2

    def test_defender_scans_made_long_ago_are_compared_if_images_were_pulled_recently(self, scene):
        scene.graph.rows = [
            individual(OLD.digest, "openssl", cve("CVE-2026-0001"), pushed=LONG_AGO),
            individual(NEW.digest, "openssl", cve("CVE-2026-0002"), pushed=LONG_AGO),
        ]
        scanner = scene.scanner(is_pulled=True)
        assert compare_scans(scanner.scan(scene.old), scanner.scan(scene.new)).delta


# Rows in unknown forms

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KNOWN = [grouped(NEW.digest, "CVE-2026-0001"), individual(NEW.digest, "openssl", cve("CVE-2026-0001"))]


def _paths(value, path=()):
    """Yield the path to every nested value, including those in JSON strings."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield (*path, key)
        yield from _paths(each, (*path, key))


def _changed(value, path, new):
    if not path:
        return new
    first, *rest = path
    if isinstance(value, dict):
        return value | {first: _changed(value[first], rest, new)}
    return [*value[:first], _changed(value[first], rest, new), *value[first + 1 :]]


@given(st.sampled_from(KNOWN), st.data(), JSON)
def test_arbitrary_defender_row_is_read_or_refused_as_unreadable(known, data, new):
    row = known | {"digest": NEW.digest}
    path = data.draw(st.sampled_from([path for path in _paths(row) if path[0] == "properties"]))
    as_text = data.draw(st.booleans())
    try:
        said = read_row(_changed(row, path, json.dumps(new) if as_text else new))
    except UnreadableReportError:
        return
    assert said is None or all(each.id and each.package for each in said.findings)
