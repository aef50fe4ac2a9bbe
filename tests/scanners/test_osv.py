"""The OSV scanner with an emulated API and images with attached inventories."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from support.listener import HttpListener, HttpReply
from support.scanners.osv import (
    CYCLONEDX,
    IN_TOTO,
    SPDX,
    OsvStand,
    by_buildkit,
    cyclonedx,
    debian,
    dsse,
    listing,
    record,
    referring,
    spdx,
    statement,
)

from bot.core.evidence.compare import compare_scans
from bot.demo.images import OCI_INDEX, ImageStore, build_image, build_layer, compute_digest
from bot.demo.loopback_registry import LoopbackRegistry
from bot.model.diagnosis import CheckStatus, DiagnosisTarget
from bot.model.evidence import NotScanned, Scan, ScanSubject, Severity, UnscannedReason
from bot.model.image_name import TagRef
from bot.model.vocabulary import RunLevel
from bot.registries.endpoints import RegistryEntry
from bot.registries.oci import OciRegistry
from bot.scanners import _osv_api
from bot.scanners.osv import OsvScanner

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
OLD, NEW = (build_image([build_layer({"content": word})]) for word in (b"old", b"new"))
LINE = TagRef("docker.io/library/base", "1")
OPENSSL = "pkg:deb/debian/libssl3@{}?arch=amd64&distro=debian-12&upstream=openssl"
BASH = "pkg:deb/debian/bash@5.2-1?arch=amd64&distro=debian-12"


class OsvScene:
    """A registry in place of Docker Hub, an API, and the scanner between them."""

    def __init__(self, registry: LoopbackRegistry, store: ImageStore) -> None:
        self.registry, self.store = registry, store
        self.hub = OciRegistry(
            [
                RegistryEntry("docker.io", mirror=registry.host, is_insecure=True),
                RegistryEntry("registry.example.com", mirror=registry.host, is_insecure=True),
            ],
            environment={},
            sleep=lambda _: None,
        )

    def scanner(self, stand: OsvStand, **options) -> OsvScanner:
        return OsvScanner(stand.listener.url, self.hub.create_sbom_finder(), now=lambda: NOW, **options)

    def push(self, item, line: TagRef = LINE, platform: str = "linux/amd64") -> ScanSubject:
        return ScanSubject(line, self.store.put(line.path, item), platform)

    def inventory(self, inventory: dict, made=NEW, kind: str = SPDX) -> ScanSubject:
        """Push an image with an inventory in its index, as BuildKit does."""
        return self.push(by_buildkit(made, statement(inventory, made.digest, predicate_type=kind)))


@pytest.fixture
def scene():
    store = ImageStore()
    with LoopbackRegistry(store) as registry:
        yield OsvScene(registry, store)


@pytest.fixture
def api():
    """Start an API with these records; it stops at the end of the test."""
    stands: list[OsvStand] = []

    def start(*records: dict, **options) -> OsvStand:
        stand = OsvStand(*records, **options)
        stand.listener.__enter__()
        stands.append(stand)
        return stand

    yield start
    for stand in stands:
        stand.listener.__exit__()


def get_ids(outcome) -> set[str]:
    assert isinstance(outcome, Scan), outcome
    return {finding.id for finding in outcome.findings}


def get_reason(outcome) -> UnscannedReason:
    assert isinstance(outcome, NotScanned), outcome
    return outcome.reason


class TestFindings:
    def test_osv_scans_are_compared_by_source_packages(self, scene, api):
        stand = api(debian("CVE-2026-0001", "openssl", "3.0.2-1"), debian("CVE-2026-0002", "bash"))
        old = scene.inventory(spdx(OPENSSL.format("3.0.1-1"), BASH), OLD)
        new = scene.inventory(spdx(OPENSSL.format("3.0.2-1"), BASH))
        scanner = scene.scanner(stand)
        found = compare_scans(scanner.scan(old), scanner.scan(new))
        (fixed,) = found.delta.fixed
        assert (fixed.id, fixed.package, fixed.installed, fixed.fixed_in) == (
            "CVE-2026-0001",
            "openssl",
            "3.0.1-1",
            "3.0.2-1",
        )
        assert [finding.id for finding in found.delta.remaining] == ["CVE-2026-0002"]
        assert not found.delta.introduced
        assert (found.new.os, found.new.scanner) == ("debian 12", scanner.get_identity())

    def test_osv_packages_and_records_are_requested_once_per_run(self, scene, api):
        stand = api(debian("CVE-2026-0002", "bash"))
        scanner = scene.scanner(stand)
        for made in (OLD, NEW):
            assert get_ids(scanner.scan(scene.inventory(spdx(BASH, OPENSSL.format("3.0.1-1")), made))) == {
                "CVE-2026-0002"
            }
        assert stand.listener.asked == ["POST /v1/querybatch", "GET /v1/vulns/DEBIAN-CVE-2026-0002"]

    def test_osv_scans_of_different_runs_are_not_compared(self, scene, api):
        stand = api(debian("CVE-2026-0002", "bash"))
        old, new = (scene.inventory(spdx(BASH, OPENSSL.format("3.0.1-1")), made) for made in (OLD, NEW))
        first = OsvScanner(stand.listener.url, scene.hub.create_sbom_finder(), now=lambda: NOW.replace(hour=1))
        assert compare_scans(first.scan(old), scene.scanner(stand).scan(new)).delta is None

    def test_osv_findings_cover_libraries_and_distribution_packages(self, scene, api):
        advisory = record(
            "GHSA-aaaa-bbbb-cccc",
            "npm",
            "@scope/left-pad",
            "2.0.0",
            aliases=["CVE-2026-0003"],
            severity=[{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        )
        stand = api(advisory, debian("CVE-2026-0002", "bash"))
        subject = scene.inventory(spdx(BASH, OPENSSL.format("3.0.1-1"), "pkg:npm/%40scope/left-pad@1.0.0"))
        found = {finding.id: finding for finding in scene.scanner(stand).scan(subject).findings}
        assert found["CVE-2026-0003"].severity is Severity.CRITICAL
        assert (found["CVE-2026-0003"].package_type, found["CVE-2026-0002"].package_type) == ("npm", "deb")

    def test_all_pages_of_osv_answer_are_read(self, scene, api):
        cves = {f"CVE-2026-{number:04}" for number in range(7)}
        stand = api(*(debian(cve, "bash") for cve in cves), page=3)
        assert get_ids(scene.scanner(stand).scan(scene.inventory(spdx(BASH, OPENSSL.format("1"))))) == cves

    def test_many_packages_are_queried_from_osv_in_batches(self, scene, api, monkeypatch):
        monkeypatch.setattr(_osv_api, "MAX_QUERIES", 2)
        stand = api(debian("CVE-2026-0002", "bash"))
        many = [f"pkg:npm/package-{number}@1" for number in range(5)]
        assert get_ids(scene.scanner(stand).scan(scene.inventory(spdx(BASH, OPENSSL.format("1"), *many))))
        assert stand.listener.asked.count("POST /v1/querybatch") == 4

    def test_withdrawn_osv_record_is_ignored(self, scene, api):
        gone = debian("CVE-2026-0001", "bash") | {"withdrawn": "2026-11-02T00:00:00Z"}
        stand = api(debian("CVE-2026-0002", "bash"), gone)
        assert get_ids(scene.scanner(stand).scan(scene.inventory(spdx(BASH, OPENSSL.format("1"))))) == {"CVE-2026-0002"}

    def test_image_without_osv_findings_is_clean_if_osv_covers_the_release(self, scene, api):
        stand = api(debian("CVE-2026-0001", "openssl", "3.0.2-1"))
        subject = scene.inventory(spdx(OPENSSL.format("3.0.2-1"), BASH))
        assert scene.scanner(stand).scan(subject).findings == ()
        assert ("Debian:12", "openssl", "0") in stand.sent


class TestInventories:
    """Inventories are found in every place, and used only if they are about the image."""

    def found(self, scene, api, subject) -> set[str]:
        return get_ids(scene.scanner(api(debian("CVE-2026-0002", "bash"))).scan(subject))

    @property
    def inventory(self) -> dict:
        return spdx(BASH, OPENSSL.format("1"))

    def test_attached_inventory_is_not_used_for_another_platform(self, scene, api):
        arm = build_image([build_layer({"a": b"arm"})], platform="linux/arm64")
        pushed = by_buildkit(NEW, statement(self.inventory, NEW.digest), others=[arm])
        assert self.found(scene, api, scene.push(pushed)) == {"CVE-2026-0002"}
        assert (
            get_reason(scene.scanner(api()).scan(scene.push(pushed, platform="linux/arm64")))
            is UnscannedReason.NO_REPORT
        )

    def test_attached_inventory_is_found_after_a_provenance_statement(self, scene, api):
        provenance = statement({"buildType": "x"}, NEW.digest, predicate_type="https://slsa.dev/provenance/v1")
        pushed = by_buildkit(NEW, provenance, statement(self.inventory, NEW.digest))
        assert self.found(scene, api, scene.push(pushed)) == {"CVE-2026-0002"}

    @pytest.mark.parametrize(
        ("media_type", "wrap"),
        [
            ("application/vnd.dsse.envelope.v1+json", dsse),
            ("application/vnd.dev.sigstore.bundle.v0.3+json", lambda signed: {"dsseEnvelope": dsse(signed)}),
            (IN_TOTO, lambda signed: signed),
            ("application/spdx+json", lambda signed: signed["predicate"]),
        ],
    )
    def test_attached_inventory_is_found_by_referrers_tag(self, scene, api, media_type, wrap):
        subject = scene.push(NEW)
        made, descriptor = referring(media_type, wrap(statement(self.inventory, NEW.digest)))
        scene.store.put(LINE.path, made)
        scene.store.set_tag(LINE.path, NEW.digest.replace(":", "-"), listing(descriptor))
        assert self.found(scene, api, subject) == {"CVE-2026-0002"}

    def test_attached_inventory_is_found_by_referrers_api(self, api):
        made, descriptor = referring(
            "application/vnd.dsse.envelope.v1+json", dsse(statement(self.inventory, NEW.digest))
        )
        other = {**descriptor, "annotations": {"dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1"}}
        blobs = {compute_digest(blob): blob for blob in made.blobs}

        def answer(received):
            _, _, kind, reference = received.path.removeprefix("/v2/").rsplit("/", 3)
            if kind == "referrers":
                listed = {"manifests": [{**other, "digest": OLD.digest}, descriptor]}
                return HttpReply(200, json.dumps(listed).encode(), {"Content-Type": OCI_INDEX})
            if kind == "blobs":
                return HttpReply(200, blobs[reference])
            item = {NEW.digest: NEW, made.digest: made}[reference]
            return HttpReply(200, item.content, {"Content-Type": item.media_type})

        with HttpListener(answer) as listener:
            hub = OciRegistry([RegistryEntry("docker.io", mirror=listener.host, is_insecure=True)], environment={})
            stand = api(debian("CVE-2026-0002", "bash"))
            scanner = OsvScanner(stand.listener.url, hub.create_sbom_finder(), now=lambda: NOW)
            assert get_ids(scanner.scan(ScanSubject(LINE, NEW.digest, "linux/amd64"))) == {"CVE-2026-0002"}
        assert not any(OLD.digest in asked for asked in listener.asked), "what is something else is not fetched"

    def test_listed_inventory_missing_in_registry_is_reported_as_absent(self, scene, api):
        subject = scene.push(NEW)
        _, descriptor = referring(IN_TOTO, statement(self.inventory, NEW.digest))
        scene.store.set_tag(LINE.path, NEW.digest.replace(":", "-"), listing(descriptor))
        assert get_reason(scene.scanner(api()).scan(subject)) is UnscannedReason.NO_REPORT

    def test_first_usable_inventory_ends_the_search_for_other_inventories(self, scene, api):
        assert self.found(scene, api, scene.inventory(self.inventory))
        assert not any(
            "sha256-" in served.path or "referrers" in served.path for served in scene.registry.served_requests
        )

    def test_attached_cyclonedx_inventory_is_read(self, scene, api):
        bom = cyclonedx(BASH, OPENSSL.format("1"))
        assert self.found(scene, api, scene.inventory(bom, kind=CYCLONEDX)) == {"CVE-2026-0002"}


class TestNeverZero:
    @pytest.mark.parametrize(
        ("inventory", "state"),
        [
            (spdx("pkg:npm/left-pad@1"), UnscannedReason.OS_UNKNOWN),
            (spdx(), UnscannedReason.NO_REPORT),
            (spdx(BASH, OPENSSL.format("1")), UnscannedReason.OS_UNSUPPORTED),
            (spdx("pkg:rpm/fedora/bash@5?distro=fedora-42&upstream=bash-5.src.rpm"), UnscannedReason.OS_UNSUPPORTED),
            (spdx(BASH, OPENSSL.format("1").replace("debian-12", "debian-13")), UnscannedReason.OS_UNSUPPORTED),
            (spdx(BASH), UnscannedReason.NO_REPORT),
            ({"neither": 1}, UnscannedReason.NO_REPORT),
        ],
    )
    def test_incomplete_inventory_is_not_scanned_by_osv(self, scene, api, inventory, state):
        assert get_reason(scene.scanner(api()).scan(scene.inventory(inventory))) is state

    def test_image_without_inventory_causes_no_osv_query(self, scene, api):
        stand = api()
        assert get_reason(scene.scanner(stand).scan(scene.push(NEW))) is UnscannedReason.NO_REPORT
        assert not stand.listener.received

    def test_image_missing_in_registry_is_reported_as_gone_by_osv_scanner(self, scene, api):
        assert (
            get_reason(scene.scanner(api()).scan(ScanSubject(LINE, NEW.digest, "linux/amd64")))
            is UnscannedReason.IMAGE_GONE
        )

    def test_osv_api_that_may_be_missing_is_tried_only_once_if_unreachable(self, scene, monkeypatch):
        monkeypatch.setattr("bot.net.client.RETRY_PAUSES", (0.0, 0.0))
        options = {"may_be_missing": True, "now": lambda: NOW}
        scanner = OsvScanner("http://127.0.0.1:1", scene.hub.create_sbom_finder(), **options)
        old, new = (scene.inventory(spdx(BASH, OPENSSL.format("1")), made) for made in (OLD, NEW))
        assert get_reason(scanner.scan(old)) is UnscannedReason.NO_SCANNER
        served = len(scene.registry.served_requests)
        assert get_reason(scanner.scan(new)) is UnscannedReason.NO_SCANNER
        assert len(scene.registry.served_requests) == served, "no inventory is fetched in vain"

    @pytest.mark.parametrize("status", [400, 404, 403])
    def test_refused_osv_query_fails_the_scan(self, scene, api, status):
        stand = api()
        stand.status = status
        outcome = scene.scanner(stand).scan(scene.inventory(spdx(BASH, OPENSSL.format("1"))))
        assert get_reason(outcome) is UnscannedReason.FAILED
        assert str(status) in outcome.detail

    @pytest.mark.parametrize("result", [{"vulns": 5}, {"vulns": [{"id": 5}]}, {"next_page_token": 5}])
    def test_malformed_osv_answer_is_reported_as_problem_by_doctor(self, scene, result):
        with HttpListener(lambda _: HttpReply(200, json.dumps({"results": [result]}).encode())) as listener:
            scanner = OsvScanner(listener.url, scene.hub.create_sbom_finder(), now=lambda: NOW)
            (check,) = scanner.examine(DiagnosisTarget(RunLevel.REPORT, "basebump/"))
        assert check.status is CheckStatus.PROBLEM
        assert "list of results" in check.result

    def test_missing_osv_record_fails_the_scan(self, scene, api):
        stand = api(debian("CVE-2026-0002", "bash"))
        stand.records["DEBIAN-CVE-2026-0002"]["id"] = "DEBIAN-CVE-2026-0099"
        outcome = scene.scanner(stand).scan(scene.inventory(spdx(BASH, OPENSSL.format("1"))))
        assert get_reason(outcome) is UnscannedReason.FAILED

    def test_image_with_too_many_osv_records_counts_as_not_scanned(self, scene, api, monkeypatch):
        monkeypatch.setattr(_osv_api, "MAX_RECORDS", 1)
        stand = api(debian("CVE-2026-0001", "bash"), debian("CVE-2026-0002", "bash"))
        assert "more than 1" in scene.scanner(stand).scan(scene.inventory(spdx(BASH, OPENSSL.format("1")))).detail


# ---- what a private image holds goes to nobody who was not named --------------------------------------------------

OURS = TagRef("registry.example.com/base", "1")


def test_packages_of_image_from_private_registry_are_not_sent_to_osv(scene, api):
    stand = api(debian("CVE-2026-0002", "bash"))
    made = by_buildkit(NEW, statement(spdx(BASH, OPENSSL.format("1")), NEW.digest))
    outcome = scene.scanner(stand).scan(scene.push(made, OURS))
    assert get_reason(outcome) is UnscannedReason.NOT_SENT
    assert "registry.example.com" in outcome.detail
    assert not stand.listener.received


def test_packages_of_image_from_allowed_registry_are_sent_to_osv(scene, api):
    stand = api(debian("CVE-2026-0002", "bash"))
    made = by_buildkit(NEW, statement(spdx(BASH, OPENSSL.format("1")), NEW.digest))
    scanner = scene.scanner(stand, allowed_registries=["registry.example.com"])
    assert get_ids(scanner.scan(scene.push(made, OURS))) == {"CVE-2026-0002"}


def test_osv_query_contains_only_package_names_and_versions(scene, api):
    stand = api(debian("CVE-2026-0002", "bash"))
    scene.scanner(stand).scan(scene.inventory(spdx(BASH, OPENSSL.format("1"))))
    (post, *_) = stand.listener.received
    assert json.loads(post.body) == {
        "queries": [
            {"package": {"ecosystem": "Debian:12", "name": name}, "version": version}
            for name, version in (("bash", "5.2-1"), ("openssl", "1"))
        ]
    }
    assert "authorization" not in post.headers


def test_inventory_attested_for_another_image_is_ignored(scene, api):
    inventory = spdx(BASH, OPENSSL.format("1"))
    outcome = scene.scanner(api()).scan(scene.push(by_buildkit(NEW, statement(inventory, OLD.digest))))
    assert get_reason(outcome) is UnscannedReason.NO_REPORT
    assert "another image" in outcome.detail
