"""Guarantees that every scanner gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from support.clouds.azure_scene import MANAGERS, manager
from support.clouds.entra import FakeEntra
from support.clouds.resource_graph import FakeResourceGraph, grouped
from support.registries.docker_registry import SelfSignedCertificate
from support.scanners.grype import NOW, GrypeStand, match, report
from support.scanners.osv import OsvStand, by_buildkit, spdx, statement
from support.scanners.osv import debian as debian_record
from support.scanners.trivy import OLD, debian
from support.values import digest

from bot.demo.images import ImageStore, build_image, build_index, build_layer
from bot.demo.loopback_registry import LoopbackRegistry
from bot.model.evidence import NotScanned, Scan, ScanSubject
from bot.model.image_name import TagRef
from bot.net import HostTrust, HttpClient
from bot.ports import Scanner
from bot.registries.endpoints import RegistryEntry
from bot.registries.oci import OciRegistry
from bot.scanners._defender.graph import ResourceGraph
from bot.scanners.defender import DefenderScanner
from bot.scanners.no_scanner import MissingScanner, NoScanner
from bot.scanners.osv import OsvScanner
from bot.scanners.report_files import ReportScanner
from bot.wiring.scanners import resolve_platform_manifests

LINE = TagRef("docker.io/library/base", "1")


@dataclass(frozen=True, slots=True)
class ScannerCase:
    """A scanner, and an image in which it finds vulnerabilities; None if the scanner never finds any."""

    scanner: Scanner
    subject: ScanSubject | None
    line: TagRef = LINE


def make_osv_case(stack: ExitStack) -> ScannerCase:
    store = ImageStore()
    registry = stack.enter_context(LoopbackRegistry(store))
    api = OsvStand(debian_record("CVE-2026-0001", "bash"))
    stack.enter_context(api.listener)
    made = build_image([build_layer({"a": b"a"})])
    purl = "pkg:deb/debian/bash@5?distro=debian-12&upstream=bash"
    pushed = store.put("library/base", by_buildkit(made, statement(spdx(purl), made.digest)))
    hub = OciRegistry([RegistryEntry("docker.io", mirror=registry.host, is_insecure=True)], environment={})
    scanner = OsvScanner(api.listener.url, hub.create_sbom_finder(), now=lambda: datetime.now(UTC))
    return ScannerCase(scanner, ScanSubject(LINE, pushed, "linux/amd64"))


def make_defender_case(stack: ExitStack, folder: Path) -> ScannerCase:
    certificate, store = SelfSignedCertificate.make(folder, *MANAGERS), ImageStore()
    entra = stack.enter_context(FakeEntra(certificate))
    graph = stack.enter_context(FakeResourceGraph(certificate, entra))
    tunnel = stack.enter_context(manager(graph))
    registry = stack.enter_context(LoopbackRegistry(store))
    made = build_image([build_layer({"a": b"a"})])
    pushed = store.put("library/base", build_index([made]))
    graph.rows = [grouped(made.digest, "CVE-2026-0001", at=datetime.now(UTC).isoformat())]
    hub = OciRegistry([RegistryEntry("docker.io", mirror=registry.host, is_insecure=True)], environment={})
    environment = {"SSL_CERT_FILE": str(certificate.path), **tunnel.environment}
    http = HttpClient({graph.host: HostTrust()}, environment=environment)
    scanner = DefenderScanner(
        ResourceGraph(graph.host, lambda: entra.token(graph.audience), http),
        partial(resolve_platform_manifests, hub),
        now=lambda: datetime.now(UTC),
        max_age=timedelta(days=3),
    )
    return ScannerCase(scanner, ScanSubject(LINE, pushed, "linux/amd64"))


@pytest.fixture
def make(request, tmp_path):
    with ExitStack() as stack:

        def trivy() -> ScannerCase:
            stand = request.getfixturevalue("stand")
            subject = stand.subject(debian(OLD))
            return ScannerCase(stand.scanner(), subject, subject.tag_ref)

        def grype() -> ScannerCase:
            stand = GrypeStand(tmp_path)
            stand.scene["reports"] = {digest("image"): report(match("CVE-2026-0001"))}
            return ScannerCase(stand.scanner(), ScanSubject(LINE, digest("image"), "linux/amd64"))

        def reports() -> ScannerCase:
            content = report(match("CVE-2026-0001"))
            (tmp_path / f"{digest('image').replace(':', '-')}.json").write_text(json.dumps(content))
            options = {"now": lambda: NOW, "platform": "linux/amd64", "max_age": timedelta(days=5)}
            scanner = ReportScanner(tmp_path, lambda subject: frozenset({subject.digest}), **options)
            return ScannerCase(scanner, ScanSubject(LINE, digest("image"), "linux/amd64"))

        kinds: dict[str, Callable[[], ScannerCase]] = {
            "trivy": trivy,
            "grype": grype,
            "report": reports,
            "osv": lambda: make_osv_case(stack),
            "defender": lambda: make_defender_case(stack, tmp_path),
            "none": lambda: ScannerCase(NoScanner(), None),
            "missing": lambda: ScannerCase(MissingScanner("trivy"), None),
        }
        yield lambda kind: kinds[kind]()


REAL = [pytest.mark.real("trivy"), pytest.mark.real("docker-registry")]
FINDING = [pytest.param("trivy", marks=REAL), "grype", "report", "osv", "defender"]
ALL = [*FINDING, "none", "missing"]


@pytest.mark.parametrize("kind", ALL)
def test_scanners_never_report_a_missing_image_as_clean(make, kind):
    case = make(kind)
    assert isinstance(case.scanner.scan(ScanSubject(case.line, digest("nowhere"), "linux/amd64")), NotScanned)


@pytest.mark.parametrize("kind", ALL)
def test_scanner_identity_is_the_same_on_every_call(make, kind):
    scanner = make(kind).scanner
    assert scanner.get_identity() == scanner.get_identity()


@pytest.mark.parametrize("kind", FINDING)
def test_prefetch_does_not_change_results_of_scans(make, kind):
    case = make(kind)
    nowhere = ScanSubject(case.line, digest("nowhere"), "linux/amd64")
    case.scanner.prefetch([])
    case.scanner.prefetch([case.subject, nowhere])
    assert isinstance(case.scanner.scan(nowhere), NotScanned)
    assert isinstance(case.scanner.scan(case.subject), Scan)


@pytest.mark.parametrize("kind", FINDING)
def test_scan_result_names_the_scanner_that_made_the_scan(make, kind):
    case = make(kind)
    outcome = case.scanner.scan(case.subject)
    assert isinstance(outcome, Scan), outcome
    assert outcome.findings
    assert outcome.os
    identity = case.scanner.get_identity()
    assert identity is None or outcome.scanner == identity


@pytest.mark.parametrize("kind", FINDING)
def test_concurrent_scans_of_one_image_have_equal_results(make, kind):
    case = make(kind)
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(case.scanner.scan, [case.subject] * 4))
    assert all(outcome == outcomes[0] for outcome in outcomes)


@pytest.mark.parametrize("kind", FINDING)
def test_platform_missing_in_image_is_reported_as_not_scanned(make, kind):
    case = make(kind)
    other = ScanSubject(case.subject.tag_ref, case.subject.digest, "linux/s390x")
    assert isinstance(case.scanner.scan(other), NotScanned)
