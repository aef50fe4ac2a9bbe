"""Images whose packages are matched with a newer database instead of a scan."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.exposure import DAY, DatabaseScanner, ListedVulnerability, VulnerabilityDatabase, package, subject
from support.runs.worlds import NOW, PresetScanner, build_context

from bot.model.decision import Transition
from bot.model.evidence import FixDate, FixDateOrigin, NotScanned, UnscannedReason
from bot.model.exposure import FixPlace
from bot.pipeline.evidence.collect_evidence import collect_evidence
from bot.pipeline.evidence.scan_images import scan_images
from bot.pipeline.run_context import RunContext
from bot.scanners.no_scanner import NoScanner
from bot.state.database import Database
from bot.state.exposure.store import DatabaseScanStore
from bot.wiring.state import create_no_state

OPENSSL, BASH = package("openssl"), package("bash")
IMAGES = {subject("one"): (BASH, OPENSSL), subject("two"): (BASH,)}
CVE = ListedVulnerability("CVE-2026-1", "bash")
OLD, NEW = VulnerabilityDatabase((CVE,)), VulnerabilityDatabase((replace(CVE, fixed_in="2"),), 1)
FAILED = NotScanned(UnscannedReason.FAILED, "no space left")


@pytest.fixture
def scanner():
    return DatabaseScanner(IMAGES, OLD)


@pytest.fixture
def context(scanner, tmp_path) -> RunContext:
    scans = DatabaseScanStore(Database.sqlite(tmp_path / "state.db"), lambda: NOW)
    state = replace(create_no_state(), scans=scans)
    return build_context(select_scanner=lambda _: scanner, state=state)


def scan_all(context: RunContext):
    return scan_images(list(IMAGES), context)


def expected_scans(database: VulnerabilityDatabase):
    return {image: database.scan(packages) for image, packages in IMAGES.items()}


def list_failures(context: RunContext) -> list[tuple[str, str]]:
    return [(each.subject, each.error) for each in context.failures.list_all()]


def test_each_image_is_scanned_only_with_the_first_database(scanner, context):
    assert scan_all(context) == expected_scans(OLD)
    assert scanner.scanned == list(IMAGES)
    scanner.database = NEW
    assert scan_all(context) == expected_scans(NEW)
    assert scan_all(context) == expected_scans(NEW)
    assert scanner.scanned == list(IMAGES)
    assert list_failures(context) == []


def test_attribution_of_findings_is_dropped_when_a_scan_was_stored(context):
    assert {each.findings_by_package for each in scan_all(context).values()} == {None}


def test_images_are_scanned_and_the_failure_is_reported_if_the_match_fails(scanner, context):
    scan_all(context)
    scanner.database, scanner.match_failure = NEW, FAILED
    assert scan_all(context) == expected_scans(NEW)
    assert scanner.scanned == [*IMAGES, *IMAGES]
    assert list_failures(context) == [("trivy, packages of debian 12", "no space left")]


def test_images_are_scanned_if_the_match_does_not_answer_for_a_package(scanner, context):
    """Trivy omits packages without an error. They would look as if they had no vulnerabilities."""
    scan_all(context)
    scanner.database, scanner.omitted = NEW, [BASH]
    assert scan_all(context) == expected_scans(NEW)
    [(_, error)] = list_failures(context)
    assert error == "the scanner did not answer for 1 of 2 packages"


def test_images_are_scanned_silently_if_the_release_cannot_be_matched(scanner, context):
    scan_all(context)
    scanner.database = replace(NEW, releases=frozenset())
    assert scan_all(context) == expected_scans(NEW)
    assert scanner.scanned == [*IMAGES, *IMAGES]
    assert list_failures(context) == []


def test_images_of_private_and_public_scanners_are_stored_apart(scanner, context):
    scan_all(context)
    scan_all(replace(context, is_private=lambda _: True))
    assert scanner.scanned == [*IMAGES, *IMAGES]


def test_matched_scans_are_used_if_the_state_cannot_be_written(scanner, context, tmp_path):
    scan_all(context)
    scanner.database = NEW
    with Database.sqlite(tmp_path / "state.db").open_for_writing() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE UPDATE ON known_images BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    assert scan_all(context) == expected_scans(NEW)
    assert [failed for failed, _ in list_failures(context)] == ["state"]


def test_reason_of_a_failed_scan_is_stored(context, tmp_path):
    failing = replace(context, select_scanner=lambda _: PresetScanner({}))
    scan_all(failing)
    with Database.sqlite(tmp_path / "state.db").open_for_reading() as connection:
        reasons = connection.exec_driver_sql("SELECT scanner, reason FROM known_images").all()
    assert reasons == [("Told", "image-gone")] * len(IMAGES)


def test_missing_scanner_that_the_config_does_not_name_is_not_stored(context, tmp_path):
    scan_all(replace(context, select_scanner=lambda _: NoScanner()))
    with Database.sqlite(tmp_path / "state.db").open_for_reading() as connection:
        assert connection.exec_driver_sql("SELECT * FROM known_images").all() == []


def test_fix_has_the_day_on_which_it_was_first_seen_in_exposure_and_in_updates(scanner, context, tmp_path):
    one, two = IMAGES
    scanner.images = {one: (BASH,), replace(one, digest=two.digest): (OPENSSL,)}
    in_use, update = (
        Transition(one.tag_ref, old, new, (one.platform,))
        for old, new in ((None, one.digest), (one.digest, two.digest))
    )
    scan_images(list(scanner.images), context)
    scanner.database = NEW
    later = DatabaseScanStore(Database.sqlite(tmp_path / "state.db"), lambda: NOW + DAY)
    collected = collect_evidence([update], [in_use], [], replace(context, state=replace(context.state, scans=later)))
    [exposed] = collected.exposures[in_use].findings
    [fixed] = collected.updates[update].delta.fixed
    assert (exposed.finding.id, exposed.fix) == (fixed.id, FixPlace.IN_DISTRIBUTION) == ("CVE-2026-1", exposed.fix)
    first_seen = FixDate(NOW + DAY, FixDateOrigin.FIRST_SEEN)
    assert (exposed.finding.fix_date, fixed.fix_date) == (first_seen, first_seen)
