"""The real Trivy matches packages without their images, with the same findings as scans of the images."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from support.scanners.package_files import (
    RpmPackage,
    build_language_files,
    build_os_release,
    build_rolling_root,
    build_rpm_manifest_root,
    build_rpm_root,
)
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


OF_LANGUAGES = tuple(
    PackageAdvisory(f"{ecosystem}::made by hand", name, make_fictional_id(1), "1.2.0", vulnerable="<1.2.0")
    for ecosystem, name in (
        ("npm", "left"),
        ("npm", "@scope/right"),
        ("pip", "some-name"),
        ("rubygems", "rock"),
        ("nuget", "Fast.Json"),
        ("maven", "org.acme:core"),
        ("go", "github.com/acme/core"),
        ("cargo", "crab"),
        ("conda", "snake"),
    )
)


@pytest.fixture(scope="session")
def language_scanner(stand, tmp_path_factory):
    """Trivy with a database of packages of languages."""
    return build_scanner(stand, OF_LANGUAGES, tmp_path_factory.mktemp("languages"))


def build_scanner(stand: TrivyStand, advisories, cache):
    """Return Trivy with a database that contains these advisories, and knows the releases of the other tests."""
    releases = (DEBIAN_RELEASE, ALPINE_RELEASE)
    built = VulnerabilityDatabase(VULNERABILITIES, advisories, datetime.now(UTC), releases)
    stand.registry.push(built.build_database_artifact(), cache.name, TAG)
    return stand.scanner(cache=cache, database_address=stand.address(f"{stand.registry.host}/{cache.name}:{TAG}"))


def test_matched_packages_of_languages_give_the_scan_of_the_image(stand, language_scanner):
    layers = [build_layer(build_debian_root(DEBIAN, OLD)), build_layer(build_language_files())]
    scanned = language_scanner.scan(stand.subject(build_image(layers)))
    assert is_attributed(scanned)
    types = {"node-pkg", "python-pkg", "gemspec", "dotnet-core"}
    assert {each.package_type for each in scanned.findings} == types
    matches = language_scanner.match_packages(DEBIAN_RELEASE, scanned.packages)
    assert matches == scanned.findings_by_package
    stored = StoredPackages(DEBIAN_RELEASE, scanned.os, scanned.packages, scanned.created, scanned.version)
    assert rebuild_scan(scanned.scanner, stored, matches) == scanned


def test_packages_of_compiled_programs_are_matched(language_scanner):
    """Images with these packages need a compiler, and their findings depend on the name and the version alone."""
    packages = [
        InstalledPackage("jar", "org.acme:core", "1.0.0"),
        InstalledPackage("gobinary", "github.com/acme/core", "v1.0.0"),
        InstalledPackage("gobinary", "github.com/acme/core", "v1.2.0"),
        InstalledPackage("gobinary", "github.com/acme/app", "(devel)"),
        InstalledPackage("rustbinary", "crab", "1.0.0"),
    ]
    matches = language_scanner.match_packages(DEBIAN_RELEASE, packages)
    affected = {(each.type, each.name) for each, found in matches.items() if found}
    assert affected == {("jar", "org.acme:core"), ("gobinary", "github.com/acme/core"), ("rustbinary", "crab")}
    assert matches[packages[2]] == ()


def test_packages_of_an_unknown_language_are_not_matched(stand):
    package = InstalledPackage("new-language", "a", "1.0.0")
    assert stand.scanner().match_packages(DEBIAN_RELEASE, [package]) is None


RPM = (
    RpmPackage("openssl-libs", "3.0.1", "1.el9", "openssl", "3.0.1", epoch=1),
    RpmPackage("openssl", "3.0.1", "1.el9", "openssl", "3.0.1", epoch=1),
    RpmPackage("nodejs", "18.1.0", "1.module", "nodejs", "18.1.0", epoch=1, module="nodejs:18:8090:x"),
    RpmPackage("bash", "5.1", "2.el9", "bash", "5.1"),
)
RELEASES = {
    "alma 99": {"etc/almalinux-release": b"AlmaLinux release 99.4 (Cat)\n"},
    "amazon linux 2023": {"etc/system-release": b"Amazon Linux release 2023 (Amazon Linux)\n"},
    "Azure Linux 99.0": build_os_release("azurelinux", "99.0"),
    "CBL-Mariner 99.0": build_os_release("mariner", "99.0"),
    "openSUSE Leap 99.6": build_os_release("opensuse-leap", "99.6"),
    "openSUSE Tumbleweed": build_os_release("opensuse-tumbleweed", "20240805"),
    "Oracle Linux 99": {"etc/oracle-release": b"Oracle Linux Server release 99.4\n"},
    "Photon OS 99.0": build_os_release("photon", "99.0"),
    "rocky 99": {"etc/rocky-release": b"Rocky Linux release 99.4 (Blue Onyx)\n"},
    "SUSE Linux Enterprise 99.6": build_os_release("sles", "99.6"),
}
"""Files by which Trivy recognises a release. No Trivy knows these releases to be out of support, if it allows that."""

MANIFEST_RELEASES = ("Azure Linux 99.0", "CBL-Mariner 99.0")
"""Releases with images that have no database of packages, but a text file."""


@pytest.fixture(scope="session")
def rpm_scanner(stand, tmp_path_factory):
    """Trivy with a database of distributions that use RPM, and of Wolfi."""
    advisories = [
        PackageAdvisory(release, name, make_fictional_id(number), fixed_in)
        for release in RELEASES
        for number, (name, fixed_in) in enumerate(
            (
                ("openssl", "1:3.0.2-1.el9"),
                ("openssl-libs", "1:3.0.3-1.el9"),
                ("nodejs:18::nodejs", "1:18.2.0-1.module"),
                ("nodejs", "1:18.3.0-1.module"),
                ("bash", "5.1-1.el9"),
            ),
            start=1,
        )
    ]
    advisories += [
        PackageAdvisory(family, name, make_fictional_id(1), "3.0.2-r0")
        for family in ("wolfi", "chainguard")
        for name in ("openssl", "musl")
    ]
    return build_scanner(stand, advisories, tmp_path_factory.mktemp("rpm"))


@pytest.mark.parametrize("release", RELEASES)
def test_matched_packages_of_rpm_give_the_scan_of_the_image(stand, rpm_scanner, tmp_path, release):
    roots = (build_rpm_root(RELEASES[release], RPM, tmp_path), build_rpm_manifest_root(RELEASES[release], RPM))
    for root in roots[: 2 if release in MANIFEST_RELEASES else 1]:
        scanned = rpm_scanner.scan(stand.subject(build_image([build_layer(root)])))
        assert is_attributed(scanned), scanned
        assert (scanned.release, scanned.findings != ()) == (release, True)
        assert rpm_scanner.match_packages(release, scanned.packages) == scanned.findings_by_package


@pytest.mark.parametrize("family", ["wolfi", "chainguard"])
def test_matched_packages_of_rolling_distributions_give_the_scan_of_the_image(stand, rpm_scanner, family):
    packages = (DemoPackage("libssl3", "3.0.1-r0", "openssl"), DemoPackage("musl", "1.2.5-r0"))
    scanned = rpm_scanner.scan(stand.subject(build_image([build_layer(build_rolling_root(family, packages))])))
    assert (scanned.release, {each.package for each in scanned.findings}) == (family, {"openssl", "musl"})
    assert rpm_scanner.match_packages(family, scanned.packages) == scanned.findings_by_package


def test_release_without_data_is_never_free_of_findings(stand):
    package = InstalledPackage("debian", "openssl", "1")
    assert why(stand.scanner().match_packages("debian 99", [package])) is UnscannedReason.OS_UNSUPPORTED


@pytest.mark.parametrize("release", ["Red Hat", "ubuntu 20.04-ESM", "rocky 98", "ubuntu"])
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
    assert [each["bom-ref"] for each in components] == ["debian", "0", "1"]
