"""The vulnerabilities of all images in use are kept current, even of those that no visited file contains."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.exposure import DAY, DatabaseScanner, ListedVulnerability, VulnerabilityDatabase, package
from support.runs.worlds import NOW, build_context
from support.values import digest
from support.visits import API, NEW, OLD, PYTHON, WEB, build_visit

from bot.model.advisory import AdvisoryResult
from bot.model.evidence import NotScanned, ScanSubject, Severity, UnscannedReason
from bot.model.exposed_images import ExposureQuery
from bot.model.exposure import FixPlace
from bot.model.exposure_summary import PublisherLag
from bot.model.image import TagDescriptor
from bot.model.image_name import ImageName, TagRef
from bot.model.run_scope import RunScope, Shard
from bot.model.workload import ClusterReading, RunningImage, Workload
from bot.pipeline.evidence import images_in_use
from bot.pipeline.inventory.record_exposure import record_exposure
from bot.state.after_merge.running_images import DatabaseRunningImages
from bot.state.database import Database
from bot.state.exposure.reader import DatabaseExposureReader
from bot.state.exposure.store import DatabaseScanStore
from bot.state.exposure.summaries import DatabaseExposureSummaries
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.lookups.lookup_store import DatabaseLookupStore
from bot.wiring.state import create_no_state

REDIS = TagRef("docker.io/library/redis", "7")
REDIS_DIGEST = digest("redis")
OPENSSL, BASH = package("openssl"), package("bash")
IN_FILES = ScanSubject(PYTHON, OLD, "linux/amd64")
RUNNING = ScanSubject(REDIS, REDIS_DIGEST, "linux/amd64")
IMAGES = {IN_FILES: (OPENSSL, BASH), RUNNING: (BASH,)}
CVE = ListedVulnerability("CVE-2026-1", "bash")
FIXED = replace(CVE, fixed_in="2", severity=Severity.CRITICAL)
OLD_DATABASE, NEW_DATABASE = (
    VulnerabilityDatabase((CVE,)),
    VulnerabilityDatabase((CVE, replace(CVE, id="CVE-2026-2")), 1),
)


class RefreshedState:
    """A state with an image in a file and an image in a cluster, and a scanner for both."""

    def __init__(self, folder) -> None:
        self.database = Database.sqlite(folder / "state.db")
        self.now = NOW
        self.scanner = DatabaseScanner(IMAGES, OLD_DATABASE)
        inventory = DatabaseInventoryStore(self.database)
        inventory.record_visits([build_visit(f"python:3.12@{OLD}", key=WEB), build_visit(key=API)], {}, NOW)
        workload = Workload("prod", "shop", "Deployment", "cache")
        running = RunningImage(workload, "redis", REDIS.repository, "7", REDIS_DIGEST, 1, NOW)
        DatabaseRunningImages(self.database).record_clusters([ClusterReading("prod", (running,))], NOW)

    def refresh(self, scope: RunScope | None = None, **more) -> list[tuple[str, str]]:
        """Refresh the images, and return the failures of the run."""
        scans = DatabaseScanStore(self.database, lambda: self.now)
        self.summaries = DatabaseExposureSummaries(self.database)
        state = replace(create_no_state(), has_state=True, scans=scans, exposure_summaries=self.summaries)
        context = build_context(select_scanner=lambda _: self.scanner, state=state, now=self.now, **more)
        record_exposure(context, scope or RunScope())
        return [(each.subject, each.error) for each in context.failures.list_all()]

    def list_exposed(self, vulnerability: str) -> set[str]:
        reader = DatabaseExposureReader(self.database)
        return {each.digest for each in reader.list_exposed(ExposureQuery(vulnerability))}

    def load_lags(self, tag_ref: TagRef) -> list[PublisherLag]:
        """Return the lags of the publisher of an image according to the last summary."""
        summary = self.summaries.load_last_summary()
        return [each for each in summary.shared.publishers if each.repository == tag_ref.repository]

    def count_known(self) -> tuple[int, int]:
        coverage = DatabaseExposureReader(self.database).load_coverage()
        return coverage.known_digests, coverage.digests_in_use


class AdvisoryLists:
    """Public lists in which some vulnerabilities are exploited."""

    def __init__(self, exploited: set[str]) -> None:
        self._exploited, self.queried = exploited, set[str]()

    def query_lists(self, ids) -> AdvisoryResult:
        self.queried |= set(ids)
        return AdvisoryResult(frozenset(self._exploited & set(ids)))


@pytest.fixture
def world(tmp_path) -> RefreshedState:
    return RefreshedState(tmp_path)


def test_images_in_files_and_clusters_are_scanned_once_and_then_matched(world):
    assert world.count_known() == (0, 2)
    assert world.refresh() == []
    assert sorted(world.scanner.scanned, key=repr) == sorted(IMAGES, key=repr)
    assert world.count_known() == (2, 2)
    world.scanner.database, world.now = NEW_DATABASE, NOW + DAY
    assert world.refresh() == []
    assert len(world.scanner.scanned) == 2
    assert world.list_exposed("CVE-2026-2") == {OLD, REDIS_DIGEST}


def test_nothing_is_written_or_matched_without_a_new_database(world, tmp_path, monkeypatch):
    world.refresh()
    before = (tmp_path / "state.db").read_bytes()
    monkeypatch.setattr(world.scanner, "match_packages", None)
    world.now = NOW + timedelta(hours=11)
    assert world.refresh() == []
    assert (tmp_path / "state.db").read_bytes() == before


@pytest.mark.parametrize(
    "scope",
    [RunScope(names=frozenset({"acme/web"})), RunScope(image=ImageName.parse("python"))],
    ids=["names", "image"],
)
def test_run_over_selected_repositories_refreshes_nothing(world, scope):
    world.refresh(scope)
    assert world.scanner.scanned == []


def test_run_over_a_shard_refreshes_all_images(world):
    world.refresh(RunScope(shard=Shard(1, 2)))
    assert len(world.scanner.scanned) == 2


def test_failed_match_keeps_the_last_findings_with_their_age(world):
    world.refresh()
    world.scanner.database, world.now = NEW_DATABASE, NOW + DAY
    world.scanner.match_failure = NotScanned(UnscannedReason.FAILED, "no space left")
    assert world.refresh() == [("trivy, packages of debian 12", "no space left")]
    assert world.list_exposed("CVE-2026-1") == {OLD, REDIS_DIGEST}
    assert DatabaseExposureReader(world.database).load_coverage().matched_at == NOW


def test_images_of_a_release_that_cannot_be_matched_are_scanned_again(world):
    world.refresh()
    world.scanner.database, world.now = replace(NEW_DATABASE, releases=frozenset()), NOW + DAY
    assert world.refresh() == []
    assert len(world.scanner.scanned) == 4


def test_failed_scan_is_the_reason_of_an_unknown_image_and_is_repeated_after_a_day(world):
    world.scanner.images = {IN_FILES: IMAGES[IN_FILES]}
    attempts = []

    def scan(subject):
        attempts.append(subject)
        return (
            NotScanned(UnscannedReason.FAILED, "denied") if subject == RUNNING else OLD_DATABASE.scan(IMAGES[subject])
        )

    world.scanner.scan = scan
    assert world.refresh() == []
    world.now += timedelta(hours=23)
    world.refresh()
    assert attempts.count(RUNNING) == 1
    assert DatabaseExposureReader(world.database).load_coverage().reasons == {"failed": 1}
    world.now += timedelta(hours=2)
    world.refresh()
    assert attempts.count(RUNNING) == 2


def test_number_of_scans_in_a_run_is_limited(world, monkeypatch):
    monkeypatch.setattr(images_in_use, "MAX_SCANS", 1)
    world.refresh()
    assert world.count_known() == (1, 2)
    world.refresh()
    assert world.count_known() == (2, 2)


def test_packages_of_many_images_are_matched_at_once(world, monkeypatch):
    world.refresh()
    monkeypatch.setattr(images_in_use, "IMAGES_PER_LOAD", 1)
    matched = []

    def match_packages(release, packages):
        matched.append((release, sorted(packages)))
        return NEW_DATABASE.match(packages)

    world.scanner.match_packages, world.scanner.database = match_packages, NEW_DATABASE
    world.refresh()
    assert matched == [("debian 12", [BASH, OPENSSL])]
    assert world.list_exposed("CVE-2026-2") == {OLD, REDIS_DIGEST}


def test_run_without_a_scanner_leaves_all_images_unknown(world):
    world.scanner.get_identity = lambda: None
    assert world.refresh() == []
    assert world.count_known() == (0, 2)


def test_summary_of_the_exposure_is_stored_for_each_day(world):
    world.refresh()
    world.now += timedelta(hours=1)
    world.refresh()
    [first] = world.summaries.load_summaries(NOW)
    assert (first.shared.at, first.private) == (NOW, None)
    world.now = NOW + DAY
    world.refresh()
    assert [each.shared.at for each in world.summaries.load_summaries(NOW)] == [NOW, NOW + DAY]
    assert [each.shared.at for each in world.summaries.load_summaries(NOW + DAY)] == [NOW + DAY]


def test_summary_of_the_day_is_replaced_after_a_new_match(world):
    world.refresh()
    world.scanner.database = NEW_DATABASE
    world.now += timedelta(hours=1)
    world.refresh()
    [summary] = world.summaries.load_summaries(NOW)
    assert summary.shared.at == world.now


def test_private_findings_are_only_in_the_private_summary(world):
    world.refresh(is_private=lambda tag_ref: tag_ref == REDIS)
    [stored] = world.summaries.load_summaries(NOW)
    assert stored.private is not None
    assert [sum(each.images for each in summary.figures) for summary in (stored.shared, stored.private)] == [1, 2]


def test_summary_uses_the_list_of_exploited_vulnerabilities(world):
    lists = AdvisoryLists({"CVE-2026-1"})
    world.refresh(advisories=lists)
    [stored] = world.summaries.load_summaries(NOW)
    assert [each.exposure_class.value for each in stored.shared.figures if each.images] == ["exploited"]
    assert lists.queried == {"CVE-2026-1"}


def test_fix_that_the_publisher_took_over_is_recorded_with_both_times(world):
    """The distribution fixes the vulnerability on one day, and the tag moves to a fixed digest three days later."""
    lookups = DatabaseLookupStore(world.database, lambda: world.now)
    lookups.record_tags({PYTHON: TagDescriptor(OLD, "")}, world.now)
    world.scanner.database = VulnerabilityDatabase((replace(FIXED, fixed_in=None),))
    world.refresh()
    world.scanner.database, world.now = VulnerabilityDatabase((FIXED,), 1), NOW + DAY
    world.refresh()
    [lag] = world.load_lags(PYTHON)
    assert (lag.fixes, lag.waiting, lag.oldest_waiting) == (0, 1, NOW + DAY)
    world.now = NOW + 4 * DAY
    lookups.record_tags({PYTHON: TagDescriptor(NEW, "")}, world.now)
    world.scanner.images = {**IMAGES, ScanSubject(PYTHON, NEW, "linux/amd64"): (OPENSSL,)}
    for day in (4, 5):  # the second run finds the fix again, and keeps its times
        world.now, world.scanner.database = NOW + day * DAY, replace(world.scanner.database, day=day)
        world.refresh()
    [lag] = world.load_lags(PYTHON)
    assert (lag.fixes, lag.median, lag.waiting) == (1, 3 * DAY, 0)


def test_newest_digest_is_scanned_on_the_platforms_of_the_digest_in_use(world):
    on_arm = ScanSubject(PYTHON, OLD, "linux/arm64")
    world.scanner.database = VulnerabilityDatabase((FIXED,))
    scan = world.scanner.database.scan([BASH])
    DatabaseScanStore(world.database, lambda: NOW).save_scans({on_arm: scan}, is_private=False)
    DatabaseLookupStore(world.database, lambda: NOW).record_tags({PYTHON: TagDescriptor(NEW, "")}, NOW)
    newest = replace(on_arm, digest=NEW)
    world.scanner.images = {RUNNING: (BASH,), newest: (OPENSSL,)}
    world.refresh()
    assert set(world.scanner.scanned) == {RUNNING, newest}
    [stored] = world.summaries.load_summaries(NOW)
    assert [each.fix for each in stored.shared.figures if each.images and each.fix is FixPlace.IN_UPDATE]


def test_newest_digest_is_matched_with_each_database_so_that_the_place_of_fixes_stays_known(world):
    DatabaseLookupStore(world.database, lambda: NOW).record_tags({PYTHON: TagDescriptor(NEW, "")}, NOW)
    world.scanner.images = {**IMAGES, ScanSubject(PYTHON, NEW, "linux/amd64"): (OPENSSL,)}
    for day in (0, 1):
        world.scanner.database, world.now = VulnerabilityDatabase((FIXED,), day), NOW + day * DAY
        world.refresh()
        summary = world.summaries.load_last_summary()
        assert summary.shared.urgent.in_update == 1
        assert not [each for each in summary.shared.figures if each.images and each.fix is None]
