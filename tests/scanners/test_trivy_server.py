"""The real client and server of Trivy; a release that the server's database does not cover is never clean."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import responses
from support.free_ports import find_free_port, reserve_silent_port
from support.parts import find_trivy
from support.scanners.trivy import (
    DEBIAN_RELEASE,
    ENDED_DEBIAN,
    NEW,
    OLD,
    UNLISTED_DEBIAN,
    alpine,
    database,
    debian,
    expected,
    findings,
    why,
    without_system,
)

from bot.demo.images import DemoPackage
from bot.demo.trivy_database import TAG
from bot.model.evidence import NotScanned, ScannerIdentity, UnscannedReason
from bot.scanners.trivy_server import TrivyServer, TrivyServerScanner

pytestmark = [pytest.mark.real("docker-registry"), pytest.mark.real("trivy")]

TOKEN = "not-a-secret"


@contextmanager
def run_server(stand, cache, *, repository: str = "trivy-db") -> Iterator[str]:
    """Run a Trivy server with the database of the stand; yield its URL."""
    address = f"127.0.0.1:{find_free_port()}"
    command = [find_trivy(), "server", "--listen", address, "--cache-dir", str(cache), "--token", TOKEN, "--insecure"]
    command += ["--db-repository", f"{stand.registry.host}/{repository}:{TAG}"]
    with (cache / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=cache, stdout=log, stderr=log)
    try:
        scanner = TrivyServerScanner(
            find_trivy(), TrivyServer(f"http://{address}"), stand.pull, cache / "c", now=lambda: datetime.now(UTC)
        )
        deadline = time.monotonic() + 120
        while not isinstance(scanner._fetch_identity(), ScannerIdentity):
            assert process.poll() is None, (cache / "log").read_text()
            assert time.monotonic() < deadline, (cache / "log").read_text()
            time.sleep(0.05)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="module")
def url(stand, tmp_path_factory):
    with run_server(stand, tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest.fixture
def make(stand, url, tmp_path) -> Callable[..., TrivyServerScanner]:
    def scanner(token: str | None = TOKEN, at: str = url, **options) -> TrivyServerScanner:
        chosen = {"now": lambda: datetime.now(UTC), "timeout": 30.0, **options}
        return TrivyServerScanner(find_trivy(), TrivyServer(at, token), stand.pull, tmp_path / "client", **chosen)

    return scanner


def test_trivy_server_yields_the_findings_of_standalone_trivy(stand, make):
    scanner = make()
    for packages in (OLD, NEW):
        outcome = scanner.scan(stand.subject(debian(packages)))
        assert findings(outcome) == expected(packages, DEBIAN_RELEASE)
        assert outcome.scanner == scanner.get_identity()
        assert {each.name for each in outcome.packages} == {each.name for each in packages}


def test_identity_of_trivy_server_scanner_has_database_time_of_server(make):
    identity = make().get_identity()
    assert identity is not None
    assert identity.name == "trivy"
    assert identity.database is not None
    assert timedelta() < datetime.now(UTC) - identity.database < timedelta(hours=3)


def test_image_without_findings_is_clean_if_trivy_server_covers_the_release(stand, make):
    outcome = make().scan(stand.subject(debian([DemoPackage("bash-doc", "9")])))
    assert findings(outcome) == set()


@pytest.mark.parametrize(
    ("item", "expected_why"),
    [
        (lambda: debian(OLD, UNLISTED_DEBIAN), UnscannedReason.OS_UNSUPPORTED),
        (lambda: debian(OLD, ENDED_DEBIAN), UnscannedReason.END_OF_LIFE),
        (without_system, UnscannedReason.OS_UNKNOWN),
    ],
)
def test_image_with_release_unknown_to_trivy_server_is_not_clean(stand, make, item, expected_why):
    assert why(make().scan(stand.subject(item()))) is expected_why


@pytest.mark.parametrize("extended", [False, True])
def test_image_with_extended_support_and_no_findings_is_not_clean_on_trivy_server(
    stand, url, program, tmp_path, extended
):
    family, release = DEBIAN_RELEASE.split()
    report = {
        "SchemaVersion": 2,
        "Metadata": {
            "OS": {"Family": family, "Name": release, "extended": extended},
            "ImageConfig": {"os": "linux", "architecture": "amd64"},
        },
        "Results": [{"Class": "os-pkgs", "Type": family, "Packages": [{"ID": "bash@5"}]}],
    }
    (tmp_path / "report.json").write_text(json.dumps(report))
    binary = program("", always=f'[ "$1" = image ] && exec cat {tmp_path}/report.json')
    server = TrivyServer(url, TOKEN)
    scanner = TrivyServerScanner(binary, server, stand.pull, tmp_path / "client", now=lambda: datetime.now(UTC))
    outcome = scanner.scan(stand.subject(debian(OLD)))
    if extended:
        assert why(outcome) is UnscannedReason.OS_UNSUPPORTED
    else:
        assert findings(outcome) == set()


def test_operating_system_release_is_checked_on_trivy_server_only_once(stand, make, monkeypatch):
    scanner, asked = make(), []
    real = scanner._has_data_for_release
    monkeypatch.setattr(scanner, "_has_data_for_release", lambda system: asked.append(system) or real(system))
    for version in ("1", "2"):
        scanner.scan(stand.subject(debian([DemoPackage("bash-doc", version)])))
    assert len(asked) == 1


def test_alpine_image_is_scanned_by_trivy_server(stand, make):
    assert findings(make().scan(stand.subject(alpine())))


def test_wrong_token_for_trivy_server_fails_the_scan_and_is_hidden(stand, make):
    outcome = make(token="another").scan(stand.subject(debian(OLD)))
    assert why(outcome) is UnscannedReason.FAILED
    assert "invalid token" in outcome.detail
    assert "another" not in outcome.detail


def test_token_for_trivy_server_is_not_passed_in_arguments(stand, make):
    scanner = make()
    subject = stand.subject(debian(OLD))
    arguments = scanner._build_scan_arguments(subject, stand.pull(subject.tag_ref, subject.digest))
    assert not any(TOKEN in argument for argument in arguments)
    assert TOKEN not in repr(TrivyServer("http://x", TOKEN))


def test_unreachable_trivy_server_fails_the_scan(stand, make):
    with reserve_silent_port() as port:
        scanner = make(at=f"http://127.0.0.1:{port}")
        assert scanner.get_identity() is None
        assert why(scanner.scan(stand.subject(debian(OLD)))) is UnscannedReason.FAILED


def test_trivy_server_database_above_age_limit_makes_scanner_unusable(stand, make):
    scanner = make(now=lambda: datetime.now(UTC) + timedelta(days=6))
    assert scanner.get_identity() is None
    assert why(scanner.scan(stand.subject(debian(OLD)))) is UnscannedReason.DATABASE_STALE


def test_image_is_not_scanned_if_database_of_trivy_server_changes_meanwhile(stand, make, monkeypatch):
    scanner = make()
    first = scanner.get_identity()
    newer = ScannerIdentity(first.name, first.version, first.database + timedelta(hours=6))
    monkeypatch.setattr(scanner, "_fetch_identity", lambda: newer)
    assert why(scanner.scan(stand.subject(debian(OLD)))) is UnscannedReason.DIFFERENT_DATABASE


def test_trivy_server_lost_during_scan_fails_the_scan(stand, make, monkeypatch):
    scanner = make()
    assert scanner.get_identity() is not None
    monkeypatch.setattr(scanner, "_fetch_identity", lambda: NotScanned(UnscannedReason.FAILED, "no answer"))
    assert scanner.scan(stand.subject(debian(OLD))) == NotScanned(UnscannedReason.FAILED, "no answer")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"Version": "1"}', b"<html>", b'{"VulnerabilityDB": 1}'])
def test_server_that_is_not_trivy_has_no_scanner_identity(stand, make, body):
    with responses.RequestsMock() as web:
        web.get("https://trivy.example/version", body=body)
        scanner = make(at="https://trivy.example")
        assert scanner.get_identity() is None


def test_trivy_server_started_with_stale_database_is_not_used(stand, tmp_path):
    stand.registry.push(database(age=timedelta(days=30)).build_database_artifact(), "stale-db", TAG)
    with run_server(stand, tmp_path, repository="stale-db") as url:
        scanner = TrivyServerScanner(
            find_trivy(), TrivyServer(url, TOKEN), stand.pull, tmp_path / "client", now=lambda: datetime.now(UTC)
        )
        assert why(scanner.scan(stand.subject(debian(OLD)))) is UnscannedReason.DATABASE_STALE
