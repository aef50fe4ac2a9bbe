"""Queries for OSV and findings from its records: names, ecosystems, scores."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scanners.osv import debian, record
from support.values import digest

from bot.model.evidence import Severity
from bot.scanners._cvss import MAX_VECTOR_LENGTH, classify_score, classify_vector
from bot.scanners._ecosystems import OsvPackage, convert_to_osv_package
from bot.scanners._inventory import parse_inventory, parse_purl
from bot.scanners._json import UnreadableReportError
from bot.scanners._osv_record import read_findings

GRYPE = Path(__file__).parent / "reports" / "grype.json"


@pytest.mark.parametrize(
    ("purl", "wanted"),
    [
        ("pkg:deb/debian/bash@5.2-1?distro=debian-12", ("Debian:12", "bash", "5.2-1")),
        ("pkg:deb/debian/bash@5.2-1?distro=debian-12.11", ("Debian:12", "bash", "5.2-1")),
        ("pkg:deb/debian/bash@5.2-1?distro=bookworm", ("Debian:12", "bash", "5.2-1")),
        ("pkg:deb/debian/bash@5.2?os_distro=bookworm&os_name=debian&os_version=12", ("Debian:12", "bash", "5.2")),
        ("pkg:deb/debian/a@1%2Bdfsg-1%2Bb2?distro=debian-13&upstream=b", ("Debian:13", "b", "1+dfsg-1")),
        ("pkg:deb/debian/a@1?distro=debian-13&upstream=b%402%3A3-1", ("Debian:13", "b", "2:3-1")),
        ("pkg:deb/debian/a@3-1%2Bb1?distro=debian-13&epoch=2&upstream=b", ("Debian:13", "b", "2:3-1")),
        (
            "pkg:deb/debian/libsigc++-2.0-0v5@2.12.0-1?distro=debian-12&upstream=libsigc++-2.0",
            ("Debian:12", "libsigc++-2.0", "2.12.0-1"),
        ),
        ("pkg:deb/debian/a@1?Distro=debian-13&upstream=", ("Debian:13", "a", "1")),
        ("pkg:apk/alpine/a@1-r0?distro=3.20.3", ("Alpine:v3.20", "a", "1-r0")),
        ("pkg:deb/ubuntu/a@1?distro=ubuntu-24.04", ("Ubuntu:24.04:LTS", "a", "1")),
        ("pkg:deb/ubuntu/a@1?distro=ubuntu-24.10", ("Ubuntu:24.10", "a", "1")),
        ("pkg:deb/ubuntu/a@1?distro=ubuntu-23.04", ("Ubuntu:23.04", "a", "1")),
        ("pkg:apk/alpine/libcrypto3@3-r0?distro=alpine-3.20.3&upstream=openssl", ("Alpine:v3.20", "openssl", "3-r0")),
        ("pkg:apk/wolfi/a@1-r0?distro=wolfi-20230201", ("Wolfi", "a", "1-r0")),
        ("pkg:apk/chainguard/a@1-r0?distro=chainguard", ("Chainguard", "a", "1-r0")),
        ("pkg:rpm/rocky/a@1?distro=rocky-9.3", ("Rocky Linux:9", "a", "1")),
        ("pkg:rpm/fedora/a@1?distro=fedora-42", None),
        ("pkg:npm/%40scope/name@1.0.0", ("npm", "@scope/name", "1.0.0")),
        ("pkg:maven/org.acme/thing@1.0", ("Maven", "org.acme:thing", "1.0")),
        ("pkg:golang/github.com/acme/thing@v1.0.0#cmd", ("Go", "github.com/acme/thing", "v1.0.0")),
        ("pkg:pypi/requests@2.0", ("PyPI", "requests", "2.0")),
        ("pkg:generic/thing@1", None),
    ],
)
def test_package_url_is_converted_to_osv_ecosystem_name_and_version(purl, wanted):
    assert convert_to_osv_package(parse_purl(purl)) == (OsvPackage(*wanted) if wanted else None)


@pytest.mark.parametrize("written", ["", "pkg:", "pkg:npm/a", "pkg:npm@1", "npm/a@1", "pkg:npm/@1", "https://x/y@1"])
def test_invalid_package_url_is_ignored(written):
    assert parse_purl(written) is None


def list_scored_vectors() -> dict[str, float]:
    """Return every CVSS 3 vector of a real report with the score that Grype gives it."""
    report = json.loads(GRYPE.read_bytes())
    rated = [each for match in report["matches"] for each in (match["vulnerability"], *match["relatedVulnerabilities"])]
    return {
        each["vector"]: each["metrics"]["baseScore"]
        for vulnerability in rated
        for each in vulnerability["cvss"]
        if each["version"].startswith("3.")
    }


def test_cvss_vectors_in_real_report_match_severity_of_published_scores():
    wanted = list_scored_vectors()
    assert len(wanted) > 5
    assert {vector: classify_vector(vector) for vector in wanted} == {
        vector: classify_score(score) for vector, score in wanted.items()
    }


@pytest.mark.parametrize(
    ("vector", "severity"),
    [
        # CVSS 3: the scores are those of FIRST's calculator
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Severity.CRITICAL),  # 9.8
        ("CVSS:3.1/AV:N/AC:H/PR:L/UI:N/S:C/C:H/I:H/A:H", Severity.HIGH),  # 8.5
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", Severity.MEDIUM),  # 6.1
        ("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N", Severity.LOW),  # 1.6
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", Severity.UNKNOWN),  # 0.0
        # the temporal score is 8.8: only the base score counts
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:P/RL:O", Severity.CRITICAL),
        # CVE-2021-44228, 10.0, and CVE-2014-0160, 8.7: https://www.first.org/cvss/v4.0/examples
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H/E:A", Severity.CRITICAL),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N/E:A", Severity.HIGH),
        # CVE-2024-5732, 6.9 in the National Vulnerability Database
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:L/VI:L/VA:L/SC:N/SI:N/SA:N", Severity.MEDIUM),
        # CVE-2026-56813, 2.1 in the record of the Erlang Ecosystem Foundation
        ("CVSS:4.0/AV:L/AC:L/AT:P/PR:N/UI:N/VC:N/VI:L/VA:N/SC:N/SI:L/SA:N", Severity.LOW),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N", Severity.UNKNOWN),  # 0.0
    ],
)
def test_cvss_vector_is_classified_like_the_published_score(vector, severity):
    assert classify_vector(vector) is severity


@pytest.mark.parametrize(
    "vector",
    [
        "",
        "AV:N/AC:L/Au:N/C:P/I:P/A:P",
        "CVSS:3.1/AV:N",
        "CVSS:3.2/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/",
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/ZZ:A",
        "CVSS:3.1/AV:N/AV:L/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "CVSS:4.0/AV:N/AC:L",
        "CVSS:4.1/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H",
        "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:Z",
        "CVSS:4.0/" + "/".join(["AV:N"] * MAX_VECTOR_LENGTH),
    ],
)
def test_malformed_cvss_vector_has_unknown_severity(vector):
    assert classify_vector(vector) is Severity.UNKNOWN


metrics = st.tuples(st.sampled_from(["AV", "AC", "AT", "VC", "SI", "MSI", "E", "", "\0"]), st.text(max_size=2))


@given(
    st.sampled_from(["CVSS:3.1", "CVSS:4.0", "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H"]),
    st.lists(metrics.map(":".join), max_size=5),
)
def test_arbitrary_cvss_vector_is_classified_without_error(start, fields):
    assert classify_vector("/".join([start, *fields])) in Severity


BASH = OsvPackage("Debian:12", "bash", "5.2-1")
HIGH_SCORE = [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}]
MEDIUM_SCORE_4 = [
    {"type": "CVSS_V4", "score": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:L/VI:L/VA:L/SC:N/SI:N/SA:N"}  # CVE-2024-5732
]
MALFORMED_SCORE_4 = [{"type": "CVSS_V4", "score": "CVSS:4.0/AV:N"}]


def findings(each: dict, package: OsvPackage = BASH, kind: str = "deb"):
    return list(read_findings(each, package, kind))


@pytest.mark.parametrize(
    ("each", "severity"),
    [
        (debian("CVE-2026-0001", "bash"), Severity.UNKNOWN),
        (debian("CVE-2026-0001", "bash", severity=HIGH_SCORE), Severity.HIGH),
        (debian("CVE-2026-0001", "bash", severity=HIGH_SCORE, specific={"urgency": "unimportant"}), Severity.LOW),
        (debian("CVE-2026-0001", "bash", severity=[{"type": "Ubuntu", "score": "medium"}]), Severity.MEDIUM),
        (debian("CVE-2026-0001", "bash", database_specific={"severity": "MODERATE"}), Severity.MEDIUM),
        (debian("CVE-2026-0001", "bash", severity=MEDIUM_SCORE_4), Severity.MEDIUM),
        (debian("CVE-2026-0001", "bash", severity=[*HIGH_SCORE, *MEDIUM_SCORE_4]), Severity.MEDIUM),
        (debian("CVE-2026-0001", "bash", severity=[*HIGH_SCORE, *MALFORMED_SCORE_4]), Severity.HIGH),
        (debian("CVE-2026-0001", "bash", severity=MALFORMED_SCORE_4), Severity.UNKNOWN),
        (debian("CVE-2026-0001", "bash", severity=[{**HIGH_SCORE[0], "type": "CVSS_V2"}]), Severity.UNKNOWN),
    ],
)
def test_severity_set_by_distribution_has_precedence_over_cvss_score(each, severity):
    (finding,) = findings(each)
    assert finding.severity is severity


def test_distribution_advisory_becomes_one_finding_per_cve():
    named = {"upstream": ["CVE-2026-0001", "CVE-2026-0002"]}, {"related": ["CVE-2026-0001", "CVE-2026-0002"]}
    for each in named:
        found = findings(record("DSA-1-1", "Debian:12", "bash", "5.3-1", **each))
        assert [finding.id for finding in found] == ["CVE-2026-0001", "CVE-2026-0002"]
        assert {finding.fixed_in for finding in found} == {"5.3-1"}


def test_related_cve_of_library_advisory_is_ignored():
    each = record("GHSA-aaaa-bbbb-cccc", "npm", "left-pad", related=["CVE-2026-0001"])
    (finding,) = findings(each, OsvPackage("npm", "left-pad", "1"), "npm")
    assert finding.id == "GHSA-aaaa-bbbb-cccc"


def test_fixed_version_for_another_debian_release_is_ignored():
    each = debian("CVE-2026-0001", "bash", "5.3-1")
    each["affected"].append(debian("CVE-2026-0001", "bash", "9.9-1", release="13")["affected"][0])
    (finding,) = findings(each)
    assert finding.fixed_in == "5.3-1"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
WRAPPINGS = ("spdxVersion", "packages", "bomFormat", "components", "payload", "dsseEnvelope", "predicate", "subject")


@given(st.dictionaries(st.sampled_from(WRAPPINGS), json_values | st.just("CycloneDX")))
def test_arbitrary_json_is_read_as_inventory_or_refused_as_unreadable(value):
    with contextlib.suppress(UnreadableReportError):
        parse_inventory(json.dumps(value).encode(), frozenset({digest("a")}))


@given(st.dictionaries(st.sampled_from(list(debian("CVE-2026-0001", "bash"))), json_values))
def test_arbitrary_osv_record_is_read_or_refused_as_unreadable(value):
    with contextlib.suppress(UnreadableReportError):
        findings(debian("CVE-2026-0001", "bash") | value)


def test_inventory_in_too_many_envelopes_is_refused():
    nested: dict = {}
    for _ in range(50):
        nested = {"dsseEnvelope": nested}
    with pytest.raises(UnreadableReportError, match="too many envelopes"):
        parse_inventory(json.dumps(nested).encode(), frozenset())
