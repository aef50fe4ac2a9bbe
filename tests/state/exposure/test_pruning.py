"""Images that are no longer used, and findings that ended long ago, are deleted from the state."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select
from support.exposure import DAY, RELEASE, ListedVulnerability, VulnerabilityDatabase, package, subject
from support.values import finding
from support.visits import NOW, OLD, PYTHON, build_visit

from bot.model.evidence import NotScanned, Scan, ScanSubject, SuppressedFinding, UnscannedReason
from bot.model.workload import ClusterReading, RunningImage, Workload
from bot.state.after_merge.running_images import DatabaseRunningImages
from bot.state.exposure.pruning import UNUSED_IMAGES_KEPT
from bot.state.tables import METADATA, TAGS_KEPT, exposure

BASH, OPENSSL = package("bash"), package("openssl")
DATABASE = VulnerabilityDatabase((ListedVulnerability("CVE-1", "bash"), ListedVulnerability("CVE-2", "openssl")))
IMAGE, OTHER = ScanSubject(PYTHON, OLD, "linux/amd64"), subject("other")
TABLES = [table for table in METADATA.sorted_tables if table in vars(exposure).values()]


@pytest.fixture
def scans(state_location):
    return state_location.scans()


def count_rows(location) -> dict[str, int]:
    with location.database().open_for_reading() as connection:
        counts = {each.name: connection.execute(select(func.count()).select_from(each)).scalar_one() for each in TABLES}
    return {name: count for name, count in counts.items() if count and name != "package_scopes"}


def save(scans, image: ScanSubject, *packages, release: str | None = RELEASE) -> None:
    scans.save_scans({image: DATABASE.scan(packages, release)}, is_private=False)


def prune(location, days_later) -> None:
    """Look up tags later, which deletes old data."""
    location.memory().record_tags({}, location.now + days_later)


@pytest.mark.parametrize("release", [RELEASE, None])
def test_unused_image_is_deleted_with_packages_and_findings(scans, state_location, release):
    save(scans, IMAGE, BASH, OPENSSL, release=release)
    before = count_rows(state_location)
    prune(state_location, UNUSED_IMAGES_KEPT)
    assert count_rows(state_location) == before
    prune(state_location, UNUSED_IMAGES_KEPT + DAY)
    assert count_rows(state_location) == {}


def test_suppressed_findings_and_failures_of_an_unused_image_are_deleted(scans, state_location):
    suppressed = SuppressedFinding(finding("CVE-3"), "exempt", "Acme")
    scans.save_scans({IMAGE: Scan(DATABASE.identity, "debian", (), suppressed=(suppressed,))}, is_private=False)
    scans.save_unscanned("trivy", {OTHER: NotScanned(UnscannedReason.IMAGE_GONE)}, is_private=False)
    prune(state_location, UNUSED_IMAGES_KEPT + DAY)
    assert count_rows(state_location) == {}


def test_packages_of_other_images_are_kept(scans, state_location):
    save(scans, IMAGE, BASH, OPENSSL)
    state_location.now += 10 * DAY
    save(state_location.scans(), OTHER, BASH)
    prune(state_location, UNUSED_IMAGES_KEPT - DAY)
    tables = ("known_images", "packages", "image_packages", "vulnerabilities", "findings")
    assert count_rows(state_location) == dict.fromkeys(tables, 1)


def test_image_that_a_base_branch_held_is_kept_with_the_history(scans, state_location, inventory):
    inventory.record_visits([build_visit(f"python:3.12@{OLD}")], {}, NOW)
    inventory.record_visits([build_visit()], {}, NOW + DAY)
    save(scans, IMAGE, BASH)
    before = count_rows(state_location)
    prune(state_location, TAGS_KEPT)
    assert count_rows(state_location) == before
    inventory.record_seen([build_visit().key], NOW + TAGS_KEPT + 2 * DAY)
    prune(state_location, TAGS_KEPT + 2 * DAY)
    assert count_rows(state_location) == {}


def test_image_that_a_cluster_runs_is_kept(scans, state_location):
    image = RunningImage(Workload("prod", "a", "Deployment", "b"), "c", PYTHON.repository, "3.12", OLD, 1, NOW)
    DatabaseRunningImages(state_location.database()).record_clusters([ClusterReading("prod", (image,))], NOW)
    save(scans, IMAGE, BASH)
    before = count_rows(state_location)
    prune(state_location, TAGS_KEPT)
    assert count_rows(state_location) == before


def test_findings_that_ended_long_ago_are_deleted(state_location, scans, inventory):
    inventory.record_visits([build_visit(f"python:3.12@{OLD}")], {}, NOW)
    save(scans, IMAGE, BASH, OPENSSL)
    state_location.now += DAY
    later = VulnerabilityDatabase((ListedVulnerability("CVE-2", "openssl"),), 1)
    state_location.scans().save_scans({IMAGE: later.scan([BASH, OPENSSL])}, is_private=False)
    prune(state_location, TAGS_KEPT)
    assert count_rows(state_location)["findings"] == 2
    prune(state_location, TAGS_KEPT + DAY)
    assert [count_rows(state_location)[name] for name in ("findings", "vulnerabilities", "packages")] == [1, 1, 2]
