"""Questions about exposure: which images a vulnerability affects, and where they are used."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.exposure import DAY, RELEASE, ListedVulnerability, VulnerabilityDatabase, package
from support.values import digest
from support.visits import API, NEW, NOW, OLD, PYTHON, WEB, build_request, build_verdict, build_visit

from bot.model.evidence import FixDate, FixDateOrigin, NotScanned, ScanSubject, Severity, UnscannedReason
from bot.model.exposed_images import ContainerUse, ExposureCoverage, ExposureQuery, ImageUse, StoredScan
from bot.model.image import CachedManifest, ChildManifest, Manifest, ManifestKind, TagDescriptor
from bot.model.proposal import RequestState
from bot.model.workload import ClusterReading, RunningImage, Workload
from bot.state.after_merge.running_images import DatabaseRunningImages
from bot.state.exposure.reader import DatabaseExposureReader

OPENSSL, LIBSSL, BASH = package("openssl"), package("libssl3", "2", source="openssl"), package("bash")
CVE = ListedVulnerability("CVE-2026-1", "openssl", severity=Severity.CRITICAL)
OTHER_CVE = ListedVulnerability("CVE-2026-2", "bash", "2")
DATABASE = VulnerabilityDatabase((CVE, OTHER_CVE))
OLD_IMAGE, NEW_IMAGE = (ScanSubject(PYTHON, each, "linux/amd64") for each in (OLD, NEW))
UNKNOWN = digest("unknown")
WORKLOAD = Workload("prod", "shop", "Deployment", "web")


@pytest.fixture
def scans(state_location):
    store = state_location.scans()
    store.save_scans({OLD_IMAGE: DATABASE.scan([OPENSSL, LIBSSL, BASH])}, is_private=False)
    store.save_scans({NEW_IMAGE: DATABASE.scan([BASH])}, is_private=False)
    return store


@pytest.fixture
def reader(state_location, scans):
    return DatabaseExposureReader(state_location.database())


def match(scans, database: VulnerabilityDatabase) -> None:
    stored = scans.load_packages("trivy", [OLD_IMAGE, NEW_IMAGE], is_private=False)
    matches = database.match({each for known in stored.values() for each in known.packages})
    scans.save_matches(database.identity, RELEASE, matches, stored, is_private=False)


def run(location, image_digest, ended: bool = False) -> None:
    image = RunningImage(WORKLOAD, "app", PYTHON.repository, "3.12", image_digest, 1, NOW)
    store = DatabaseRunningImages(location.database())
    store.record_clusters([ClusterReading("prod", (image,))], NOW)
    if ended:
        store.record_clusters([ClusterReading("prod", ())], NOW + DAY)


def test_image_with_two_affected_packages_is_listed_once(reader, state_location):
    [exposed] = reader.list_exposed(ExposureQuery("CVE-2026-1"))
    assert (exposed.digest, exposed.platform, exposed.scanner) == (OLD, "linux/amd64", "trivy")
    [finding] = [each for each in DATABASE.scan([OPENSSL, LIBSSL]).findings if each.id == "CVE-2026-1"]
    assert exposed.finding == finding
    assert (exposed.first_seen, exposed.matched_at, exposed.finding.fix_date) == (*[state_location.now] * 2, None)


def test_all_images_with_the_vulnerability_are_listed(reader):
    assert [each.digest for each in reader.list_exposed(ExposureQuery("CVE-2026-2"))] == sorted([OLD, NEW])
    assert reader.list_exposed(ExposureQuery("CVE-2026-3")) == []


@pytest.mark.parametrize(("name", "ids"), [("openssl", {"CVE-2026-1"}), ("bash", {"CVE-2026-2"}), ("libssl3", set())])
def test_findings_of_a_package_are_found_by_the_name_in_findings(reader, name, ids):
    assert {each.finding.id for each in reader.list_exposed(ExposureQuery(package=name))} == ids


def test_fix_is_dated_by_the_first_match_with_the_fix(reader, scans, state_location):
    state_location.now += DAY
    fixing = VulnerabilityDatabase((replace(CVE, fixed_in="3"), OTHER_CVE), 1)
    store = state_location.scans()
    match(store, fixing)
    dates = {each.finding.id: each.finding.fix_date for each in reader.list_exposed(ExposureQuery())}
    assert dates == {
        "CVE-2026-1": FixDate(state_location.now, FixDateOrigin.FIRST_SEEN),
        "CVE-2026-2": FixDate(state_location.now - DAY, FixDateOrigin.AT_LEAST),
    }


@pytest.mark.parametrize("days", [-3, 3])
def test_fix_is_dated_by_an_earlier_advisory(reader, scans, state_location, days):
    published = state_location.now + days * DAY
    match(scans, VulnerabilityDatabase((replace(OTHER_CVE, published=published),), 1))
    seen = FixDate(state_location.now, FixDateOrigin.AT_LEAST)
    expected = FixDate(published, FixDateOrigin.ADVISORY) if days < 0 else seen
    assert {each.finding.fix_date for each in reader.list_exposed(ExposureQuery("CVE-2026-2"))} == {expected}


def test_exposure_on_a_day_in_the_past_is_known(reader, state_location):
    first = state_location.now
    state_location.now += 2 * DAY
    match(state_location.scans(), VulnerabilityDatabase((OTHER_CVE,), 1))
    assert reader.list_exposed(ExposureQuery("CVE-2026-1")) == []
    for at, exposed in ((first - DAY, set()), (first, {OLD}), (first + DAY, {OLD}), (first + 2 * DAY, set())):
        assert {each.digest for each in reader.list_exposed(ExposureQuery("CVE-2026-1", at=at))} == exposed


def test_private_findings_are_marked(reader, scans):
    scans.save_scans({OLD_IMAGE: DATABASE.scan([BASH])}, is_private=True)
    listed = [each.is_private for each in reader.list_exposed(ExposureQuery("CVE-2026-2")) if each.digest == OLD]
    assert sorted(listed) == [False, True]


def test_references_to_a_digest_are_listed_with_the_start_of_use(reader, inventory):
    inventory.record_visits([build_visit(f"python:3.12@{OLD}")], {}, NOW)
    verdict = build_verdict(f"python:3.12@{OLD}", path="a/Dockerfile", owners=("@acme/web", "@acme/all"))
    inventory.record_visits([build_visit(verdict), build_visit(f"python:3.12@{NEW}", key=API)], {}, NOW + DAY)
    owners = ("@acme/web", "@acme/all")
    assert reader.list_uses([OLD]) == [ImageUse(OLD, WEB, "a/Dockerfile", 1, PYTHON, owners, NOW)]
    assert [each.key for each in reader.list_uses([OLD, NEW])] == [API, WEB]
    assert reader.list_uses([digest("unused")]) == []


def test_references_that_follow_a_tag_are_listed_for_the_current_digest(reader, inventory, lookup_store):
    lookup_store.record_tags({PYTHON: TagDescriptor(OLD, "m")}, NOW)
    inventory.record_visits([build_visit("python:3.12")], {}, NOW)
    assert [(each.digest, each.key, each.is_pinned) for each in reader.list_uses([OLD, NEW])] == [(OLD, WEB, False)]


def test_container_that_runs_one_platform_of_an_image_is_listed(reader, state_location, lookup_store):
    """A pod may state the digest of its platform's manifest. The cluster would look unexposed."""
    child = digest("child")
    index = Manifest(OLD, ManifestKind.INDEX, "m", (ChildManifest(child, "linux/amd64"),))
    lookup_store.save_manifests([CachedManifest(index, frozenset())])
    run(state_location, child)
    assert reader.list_containers([OLD]) == [ContainerUse(OLD, WORKLOAD, "app", NOW)]
    assert reader.list_containers([NEW]) == []


def test_container_that_no_longer_runs_is_not_listed(reader, state_location):
    run(state_location, OLD, ended=True)
    assert reader.list_containers([OLD]) == []


def test_coverage_counts_pinned_followed_and_running_digests(reader, inventory, lookup_store, state_location):
    child = digest("child")
    inventory.record_visits([build_visit(f"python:3.12@{OLD}", f"redis:7@{UNKNOWN}", "python:3.12")], {}, NOW)
    lookup_store.record_tags({PYTHON: TagDescriptor(NEW, "m")}, NOW)
    assert reader.load_coverage() == ExposureCoverage(3, 2, state_location.now)
    index = Manifest(NEW, ManifestKind.INDEX, "m", (ChildManifest(child, "linux/amd64"),))
    lookup_store.save_manifests([CachedManifest(index, frozenset())])
    run(state_location, child)
    assert reader.load_coverage() == ExposureCoverage(3, 2, state_location.now)


def test_coverage_of_an_empty_state_is_zero(state_location):
    assert DatabaseExposureReader(state_location.database()).load_coverage() == ExposureCoverage(0, 0, None)


def test_coverage_counts_unknown_digests_by_reason(reader, scans, inventory, state_location):
    unsupported = NotScanned(UnscannedReason.OS_UNSUPPORTED)
    inventory.record_visits([build_visit(f"python:3.12@{OLD}", f"redis:7@{UNKNOWN}")], {}, NOW)
    unknown_image = ScanSubject(PYTHON, UNKNOWN, "linux/amd64")
    scans.save_unscanned("trivy", {unknown_image: unsupported, OLD_IMAGE: unsupported}, is_private=False)
    assert reader.load_coverage() == ExposureCoverage(2, 1, state_location.now, {"os-unsupported": 1})
    scans.save_scans({unknown_image: DATABASE.scan([])}, is_private=False)
    assert reader.load_coverage() == ExposureCoverage(2, 2, state_location.now)


def test_newest_digests_of_tags_come_from_their_last_lookup(reader, lookup_store):
    lookup_store.record_tags({PYTHON: TagDescriptor(NEW, "m")}, NOW)
    other = replace(PYTHON, tag="3.13")
    assert reader.list_newest([PYTHON, other]) == {PYTHON: NEW}
    assert reader.list_newest([]) == {}


def test_last_scan_of_each_image_is_listed_with_its_database(reader, scans):
    assert reader.list_scans([OLD, UNKNOWN]) == {(OLD, "linux/amd64", "trivy", False, DATABASE.identity.database)}
    failed = {ScanSubject(PYTHON, UNKNOWN, "linux/amd64"): NotScanned(UnscannedReason.FAILED)}
    scans.save_unscanned("trivy", failed, is_private=False)
    assert reader.list_scans([UNKNOWN]) == set()


def test_open_requests_into_branches_that_use_an_image_are_listed(reader, inventory):
    requests = (build_request(1), build_request(2, RequestState.MERGED, branch="basebump/other"))
    inventory.record_visits([build_visit(f"python:3.12@{OLD}", requests=requests)], {}, NOW)
    inventory.record_visits([build_visit("redis:7", key=API, requests=(build_request(3),))], {}, NOW)
    listed = reader.list_open_requests([PYTHON.repository])
    assert [(each.key, each.request.number) for each in listed] == [(WEB, 1)]


def test_images_in_use_are_listed_with_their_scans(scans, inventory, lookup_store, state_location):
    inventory.record_visits([build_visit(f"python:3.12@{OLD}", "python:3.13", f"redis@{UNKNOWN}")], {}, NOW)
    lookup_store.record_tags({replace(PYTHON, tag="3.13"): TagDescriptor(NEW, "m")}, NOW)
    listed = {each.digest: each for each in scans.list_images_in_use()}
    assert {each.tag_ref.tag for each in listed.values()} == {"3.12", "3.13", "latest"}
    expected = StoredScan("linux/amd64", DATABASE.identity, False, RELEASE, state_location.now, None)
    assert {each: listed[each].scans for each in listed} == {OLD: (expected,), NEW: (expected,), UNKNOWN: ()}


def test_running_platform_of_an_image_in_use_is_not_listed_apart(scans, inventory, lookup_store, state_location):
    child = digest("child")
    index = Manifest(OLD, ManifestKind.INDEX, "m", (ChildManifest(child, "linux/amd64"),))
    lookup_store.save_manifests([CachedManifest(index, frozenset())])
    run(state_location, child)
    assert [each.digest for each in scans.list_images_in_use()] == [child]
    inventory.record_visits([build_visit(f"python:3.12@{OLD}")], {}, NOW)
    assert [each.digest for each in scans.list_images_in_use()] == [OLD]


def test_failed_scan_of_an_image_in_use_has_its_time_and_reason(scans, inventory, state_location):
    inventory.record_visits([build_visit(f"python:3.12@{OLD}")], {}, NOW)
    scans.save_unscanned("trivy", {OLD_IMAGE: NotScanned(UnscannedReason.FAILED)}, is_private=False)
    [image] = scans.list_images_in_use()
    [scan] = image.scans
    assert (scan.matched_at, scan.failed_at, scan.reason) == (state_location.now, state_location.now, "failed")
