"""The real Trivy with a database of known content: its findings, and its images without numbers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from support.images import convert_to_docker
from support.registries.docker_registry import DockerRegistry
from support.scanners.trivy import (
    ALPINE_PACKAGES,
    ALPINE_RELEASE,
    DEBIAN,
    DEBIAN_RELEASE,
    ENDED_DEBIAN,
    NEW,
    OLD,
    UBUNTU_RELEASE,
    UNLISTED_DEBIAN,
    TrivyStand,
    alpine,
    database,
    debian,
    expected,
    findings,
    why,
    without_packages,
    without_system,
)

from bot.demo.images import DemoPackage, build_index
from bot.demo.trivy_database import TAG, PackageAdvisory, VulnerabilityDatabase, VulnerabilityDetails, make_fictional_id
from bot.model.evidence import NotScanned, Scan, Severity, UnscannedReason
from bot.scanners.trivy import MAX_DATABASE_AGE

pytestmark = [pytest.mark.real("trivy"), pytest.mark.real("docker-registry")]


class TestFindings:
    @pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
    def test_trivy_findings_in_debian_image_match_advisories_in_database(self, stand, docker):
        image = convert_to_docker(debian(OLD)) if docker else debian(OLD)
        outcome = stand.scanner().scan(stand.subject(image))
        assert findings(outcome) == expected(OLD, DEBIAN_RELEASE) != set()
        assert outcome.os == f"debian {DEBIAN}"

    def test_trivy_scan_lists_packages_with_source_names(self, stand):
        outcome = stand.scanner().scan(stand.subject(debian(NEW)))
        assert isinstance(outcome, Scan)
        assert outcome.packages is not None
        assert {(each.name, each.version, each.name_in_findings) for each in outcome.packages} == {
            (each.name, each.version, each.source_name) for each in NEW
        }
        assert {each.type for each in outcome.packages} == {"debian"}

    def test_trivy_findings_in_alpine_image_match_advisories_in_database(self, stand):
        outcome = stand.scanner().scan(stand.subject(alpine()))
        assert findings(outcome) == expected(ALPINE_PACKAGES, ALPINE_RELEASE) != set()

    def test_trivy_findings_before_and_after_update_differ_by_updated_packages(self, stand):
        scanner = stand.scanner()
        old, new = (scanner.scan(stand.subject(debian(packages))) for packages in (OLD, NEW))
        wanted_old, wanted_new = (expected(packages, DEBIAN_RELEASE) for packages in (OLD, NEW))
        assert findings(old) - findings(new) == wanted_old - wanted_new != set()
        assert findings(new) - findings(old) == wanted_new - wanted_old != set()
        assert findings(old) & findings(new) == wanted_old & wanted_new != set()
        assert old.scanner == new.scanner

    def test_trivy_findings_of_an_index_are_those_of_the_requested_platform(self, stand):
        both = build_index([debian(OLD), debian(NEW, platform="linux/arm64/v8")])
        scanner = stand.scanner()
        for platform, packages in (("linux/amd64", OLD), ("linux/arm64", NEW), ("linux/arm64/v8", NEW)):
            assert findings(scanner.scan(stand.subject(both, platform))) == expected(packages, DEBIAN_RELEASE)

    def test_trivy_findings_are_complete_with_a_database_of_many_pages(self, stand, tmp_path):
        known = VulnerabilityDetails(make_fictional_id(9999), "made for tests", Severity.HIGH)
        packages = [f"package-{number:05}" for number in range(5000)]
        large = VulnerabilityDatabase(
            [known], [PackageAdvisory(DEBIAN_RELEASE, package, known.id) for package in packages], datetime.now(UTC)
        )
        stand.registry.push(large.build_database_artifact(), "trivy-db-large", TAG)
        address = stand.address(f"{stand.registry.host}/trivy-db-large:{TAG}")
        installed = [DemoPackage(package, "1.0-1") for package in packages[::500]]
        outcome = stand.scanner(database_address=address, cache=tmp_path).scan(stand.subject(debian(installed)))
        assert {finding.package for finding in findings(outcome)} == set(packages[::500])

    def test_image_without_trivy_findings_is_clean_if_release_is_in_database(self, stand):
        packages = [package for package in NEW if package.source_name == "openssl"]
        assert expected(packages, DEBIAN_RELEASE) == set()
        assert findings(stand.scanner().scan(stand.subject(debian(packages)))) == set()

    def test_trivy_scan_names_version_and_database_time(self, stand, tmp_path):
        with DockerRegistry() as registry:
            built = TrivyStand(registry, tmp_path)
            outcome = built.scanner().scan(built.subject(debian(OLD)))
        assert isinstance(outcome, Scan)
        assert outcome.scanner.name == "trivy"
        assert outcome.scanner.version
        assert abs(datetime.now(UTC) - timedelta(hours=1) - outcome.scanner.database) < timedelta(minutes=5)


class TestFalseClean:
    """Images for which Trivy exits with 0 and reports nothing."""

    def test_image_without_operating_system_is_not_clean_for_trivy_scanner(self, stand):
        outcome = stand.scanner().scan(stand.subject(without_system()))
        assert why(outcome) is UnscannedReason.OS_UNKNOWN

    @pytest.mark.parametrize("release", [UNLISTED_DEBIAN, ENDED_DEBIAN])
    def test_trivy_scanner_lists_packages_of_release_without_advisories(self, stand, release):
        outcome = stand.scanner().scan(stand.subject(debian(OLD, release)))
        assert isinstance(outcome, NotScanned)
        assert {(each.name, each.version) for each in outcome.packages} == {(each.name, each.version) for each in OLD}

    def test_image_without_package_list_is_not_clean_for_trivy_scanner(self, stand):
        outcome = stand.scanner().scan(stand.subject(without_packages()))
        assert why(outcome) is UnscannedReason.OS_UNKNOWN
        assert DEBIAN in outcome.detail

    def test_image_with_release_missing_in_trivy_database_is_not_clean(self, stand):
        outcome = stand.scanner().scan(stand.subject(debian(OLD, UNLISTED_DEBIAN)))
        assert why(outcome) is UnscannedReason.OS_UNSUPPORTED
        assert UNLISTED_DEBIAN in outcome.detail

    def test_alpine_image_with_package_repository_outside_database_is_not_clean(self, stand):
        mixed = alpine("https://example.invalid/alpine/v3.98/main\n")
        assert why(stand.scanner().scan(stand.subject(mixed))) is UnscannedReason.OS_UNSUPPORTED

    def test_alpine_image_with_package_repository_of_the_image_release_is_scanned(self, stand):
        same = alpine("https://example.invalid/alpine/v3.99/main\n")
        assert findings(stand.scanner().scan(stand.subject(same))) == expected(ALPINE_PACKAGES, ALPINE_RELEASE)

    @pytest.mark.parametrize("extended", [False, True])
    def test_ubuntu_image_with_extended_support_is_not_clean_if_advisories_are_missing(
        self, stand, program, tmp_path, extended
    ):
        report = {
            "SchemaVersion": 2,
            "Metadata": {
                "OS": {"Family": "ubuntu", "Name": UBUNTU_RELEASE.split()[1], "extended": extended},
                "ImageConfig": {"os": "linux", "architecture": "amd64"},
            },
            "Results": [{"Class": "os-pkgs", "Type": "ubuntu", "Packages": [{"ID": "bash@5"}]}],
        }
        (tmp_path / "report.json").write_text(json.dumps(report))
        outcome = stand.scanner(binary=program(f"cat {tmp_path}/report.json")).scan(stand.subject(debian(OLD)))
        if extended:
            assert why(outcome) is UnscannedReason.OS_UNSUPPORTED
        else:
            assert findings(outcome) == set()

    def test_image_with_release_after_end_of_life_is_not_clean_for_trivy_scanner(self, stand):
        assert why(stand.scanner().scan(stand.subject(debian(OLD, ENDED_DEBIAN)))) is UnscannedReason.END_OF_LIFE

    @pytest.mark.parametrize("platform", ["linux/arm64", "windows/amd64"])
    def test_manifest_for_another_platform_is_reported_as_missing_platform(self, stand, platform):
        outcome = stand.scanner().scan(stand.subject(debian(OLD), platform))
        assert (outcome.reason, outcome.detail.rpartition(" ")[2]) == (UnscannedReason.PLATFORM_MISSING, "linux/amd64")

    def test_trivy_database_above_age_limit_is_reported_as_stale(self, stand, tmp_path):
        built = datetime.now(UTC) - MAX_DATABASE_AGE - timedelta(hours=1)
        stand.registry.push(database(datetime.now(UTC) - built).build_database_artifact(), "trivy-db-old", TAG)
        old = stand.address(f"{stand.registry.host}/trivy-db-old:{TAG}")
        outcome = stand.scanner(database_address=old, cache=tmp_path).scan(stand.subject(debian(OLD)))
        assert outcome.reason is UnscannedReason.DATABASE_STALE
        assert f"{built:%Y-%m-%d}" in outcome.detail

    def test_trivy_database_below_age_limit_is_used(self, stand, tmp_path):
        stand.registry.push(
            database(MAX_DATABASE_AGE - timedelta(hours=1)).build_database_artifact(), "trivy-db-young", TAG
        )
        young = stand.address(f"{stand.registry.host}/trivy-db-young:{TAG}")
        outcome = stand.scanner(database_address=young, cache=tmp_path).scan(stand.subject(debian(OLD)))
        assert findings(outcome) == expected(OLD, DEBIAN_RELEASE)
