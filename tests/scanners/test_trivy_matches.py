"""The real Trivy matches packages without their images, with the same findings as scans of the images."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from support.scanners.trivy import (
    ALPINE_RELEASE,
    DEBIAN,
    DEBIAN_RELEASE,
    NEW,
    OLD,
    UBUNTU_RELEASE,
    VULNERABILITIES,
    TrivyStand,
    alpine,
    debian,
    expected,
    why,
)

from bot.core.evidence.finding_keys import merge_findings
from bot.core.evidence.rebuilt_scans import is_attributed, rebuild_scan
from bot.demo.images import DemoPackage, build_debian_root, build_image, build_layer
from bot.demo.trivy_database import TAG, PackageAdvisory, VulnerabilityDatabase, make_fictional_id
from bot.model.contents import InstalledPackage
from bot.model.evidence import Scan, StoredPackages, UnscannedReason
from bot.scanners import _trivy_matches
from bot.scanners._json import UnreadableReportError
from bot.scanners._trivy_matches import build_sbom, parse_matches

pytestmark = [pytest.mark.real("trivy"), pytest.mark.real("docker-registry")]

DPKG_STATUS = "var/lib/dpkg/status"
OF_OTHER_SOURCE = (DemoPackage("openssl", "1:3.9.0-1", "openssl (3.5.0-1)"), DemoPackage("bash", "2:5.2.0-1+b1"))
"""Packages whose versions differ from those of their sources, to which advisories refer."""


def scan(stand: TrivyStand, image) -> Scan:
    outcome = stand.scanner().scan(stand.subject(image))
    assert isinstance(outcome, Scan), outcome
    return outcome


def match(stand: TrivyStand, release: str, packages):
    outcome = stand.scanner().match_packages(release, packages)
    assert isinstance(outcome, dict), outcome
    return outcome


@pytest.mark.parametrize(
    ("image", "release"),
    [
        (debian(OLD), DEBIAN_RELEASE),
        (debian(NEW), DEBIAN_RELEASE),
        (debian(OF_OTHER_SOURCE), DEBIAN_RELEASE),
        (alpine(), ALPINE_RELEASE),
    ],
    ids=["old", "new", "other source", "alpine"],
)
def test_matched_packages_give_the_scan_of_the_image(stand, image, release):
    scanned = scan(stand, image)
    assert is_attributed(scanned)
    assert (scanned.release, scanned.findings != ()) == (release, True)
    matches = match(stand, release, scanned.packages)
    assert matches == scanned.findings_by_package
    stored = StoredPackages(release, scanned.os, scanned.packages, scanned.created, scanned.version)
    assert rebuild_scan(scanned.scanner, stored, matches) == scanned


def test_alpine_packages_are_matched_with_the_release_of_repositories(stand):
    """The image names release 3.99, but its packages come from another release, whose data Trivy uses."""
    root = "https://dl-cdn.alpinelinux.org/alpine/v3.99/main\n"
    scanned = scan(stand, alpine(root))
    assert scanned.release == ALPINE_RELEASE
    assert match(stand, scanned.release, scanned.packages) == scanned.findings_by_package


def test_matched_packages_of_ubuntu_give_the_scan_of_the_image(stand, tmp_path):
    advisory = PackageAdvisory(UBUNTU_RELEASE, "openssl", make_fictional_id(1), "3.5.2-1")
    built = VulnerabilityDatabase(VULNERABILITIES, [advisory], datetime.now(UTC))
    stand.registry.push(built.build_database_artifact(), "ubuntu-db", TAG)
    scanner = stand.scanner(
        cache=tmp_path / "cache", database_address=stand.address(f"{stand.registry.host}/ubuntu-db:{TAG}")
    )
    names = f"DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE={UBUNTU_RELEASE.split()[1]}\n"
    files = {"etc/lsb-release": names.encode(), DPKG_STATUS: build_debian_root(DEBIAN, OLD)[DPKG_STATUS]}
    scanned = scanner.scan(stand.subject(build_image([build_layer(files)])))
    assert (scanned.release, [each.package for each in scanned.findings]) == (UBUNTU_RELEASE, ["openssl"])
    assert scanner.match_packages(UBUNTU_RELEASE, scanned.packages) == scanned.findings_by_package


def test_packages_of_several_images_are_matched_at_once(stand, monkeypatch):
    images = [scan(stand, debian(packages)) for packages in (OLD, NEW)]
    monkeypatch.setattr(_trivy_matches, "BATCH_SIZE", 3)
    matches = match(stand, DEBIAN_RELEASE, {each for image in images for each in image.packages})
    for packages, image in zip((OLD, NEW), images, strict=True):
        found = merge_findings(each for package in image.packages for each in matches[package])
        assert set(found) == expected(packages, DEBIAN_RELEASE)


def test_package_without_vulnerabilities_has_no_findings(stand):
    unknown = InstalledPackage("debian", "left-pad", "1")
    assert match(stand, DEBIAN_RELEASE, [unknown]) == {unknown: ()}


def test_image_with_packages_of_a_language_is_not_matched(stand):
    npm = {"usr/lib/node_modules/a/package.json": json.dumps({"name": "a", "version": "1.0.0"}).encode()}
    layers = [build_layer(build_debian_root(DEBIAN, OLD)), build_layer(npm)]
    scanned = scan(stand, build_image(layers))
    assert scanned.release is None
    assert scanned.packages is not None


def test_release_without_data_is_never_free_of_findings(stand):
    package = InstalledPackage("debian", "openssl", "1")
    assert why(stand.scanner().match_packages("debian 99", [package])) is UnscannedReason.OS_UNSUPPORTED


@pytest.mark.parametrize("release", ["Red Hat", "rocky 9", "wolfi", "ubuntu"])
def test_other_releases_are_not_matched(stand, release):
    outcome = stand.scanner().match_packages(release, [InstalledPackage("rpm", "openssl", "1")])
    assert outcome is None or why(outcome) is UnscannedReason.OS_UNSUPPORTED


def test_failed_match_has_the_reason_of_trivy(stand, program):
    scanner = stand.scanner(binary=program("echo 'FATAL disk full' >&2; exit 1"))
    outcome = scanner.match_packages(DEBIAN_RELEASE, [InstalledPackage("debian", "openssl", "1")])
    assert (why(outcome), outcome.detail) == (UnscannedReason.FAILED, "disk full")


PACKAGES = tuple(InstalledPackage("debian", each.name, each.version, each.source) for each in OLD)


def build_report(packages, *vulnerabilities) -> bytes:
    listed = [
        {"ID": str(number), "Name": each.name, "Version": each.version, "SrcName": each.name_in_findings}
        for number, each in enumerate(packages)
    ]
    results = [{"Class": "os-pkgs", "Type": "debian", "Packages": listed, "Vulnerabilities": list(vulnerabilities)}]
    return json.dumps({"SchemaVersion": 2, "Results": results}).encode()


@pytest.mark.parametrize("listed", [PACKAGES[1:], (), (*PACKAGES, PACKAGES[0])])
def test_report_about_other_packages_is_refused(listed):
    with pytest.raises(UnreadableReportError):
        parse_matches(build_report(listed), PACKAGES)


def test_report_that_reads_a_version_differently_is_refused():
    vulnerability = {"PkgID": "0", "PkgName": PACKAGES[0].name, "VulnerabilityID": "CVE-2026-1", "Severity": "HIGH"}
    right = vulnerability | {"InstalledVersion": PACKAGES[0].version}
    assert parse_matches(build_report(PACKAGES, right), PACKAGES)[PACKAGES[0]]
    with pytest.raises(UnreadableReportError):
        parse_matches(build_report(PACKAGES, right | {"InstalledVersion": "0"}), PACKAGES)


def test_sbom_gives_equal_packages_of_two_architectures_different_ids():
    packages = (PACKAGES[0], replace(PACKAGES[0], architecture="arm64"))
    components = json.loads(build_sbom(DEBIAN_RELEASE, packages))["components"]
    assert [each["bom-ref"] for each in components] == ["os", "0", "1"]
