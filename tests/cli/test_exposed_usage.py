"""`basebump usage CVE-…`: the files and containers that use images with a vulnerability, from the state alone."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.exposure import RELEASE, ListedVulnerability, VulnerabilityDatabase, package
from support.visits import API, NEW, OLD, PYTHON, build_request, build_verdict, build_visit

from bot.model.evidence import NotScanned, ScanSubject, Severity, UnscannedReason
from bot.model.image import TagDescriptor
from bot.model.image_name import TagRef
from bot.model.workload import ClusterReading, RunningImage, Workload
from bot.state.after_merge.running_images import DatabaseRunningImages
from bot.state.database import Database
from bot.state.exposure.store import DatabaseScanStore
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.lookups.lookup_store import DatabaseLookupStore

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
READ_AT, SCANNED_AT = NOW - 9 * DAY, NOW - 8 * DAY
REDIS = TagRef("docker.io/library/redis", "7")
REDIS_DIGEST = "sha256:" + "7" * 64
UNKNOWN_DIGEST = "sha256:" + "8" * 64
TITLE = "openssl: use after free in a handshake"
OPENSSL = ListedVulnerability("CVE-2026-1234", "openssl", "3.0.17-1", Severity.CRITICAL, TITLE, NOW - 12 * DAY)
NO_FIX = ListedVulnerability("CVE-2026-9999", "bash", None, Severity.MEDIUM)
DATABASE = VulnerabilityDatabase((OPENSSL, NO_FIX))


def scan_images(database: Database) -> None:
    """Store the scans of three images. The newest Python has a fixed package, and Redis is the newest of its tag."""
    fixed = package("openssl-fixed", "3.0.17-1")
    images = {
        (PYTHON, OLD): [package("openssl", "3.0.15-1"), package("bash")],
        (PYTHON, NEW): [fixed, package("bash")],
        (REDIS, REDIS_DIGEST): [package("openssl", "3.0.15-1")],
    }
    scans = DatabaseScanStore(database, lambda: SCANNED_AT)
    for (tag_ref, digest), packages in images.items():
        scans.save_scans(
            {ScanSubject(tag_ref, digest, "linux/amd64"): DATABASE.scan(packages, RELEASE)}, is_private=False
        )
    unsupported = {ScanSubject(REDIS, UNKNOWN_DIGEST, "linux/amd64"): NotScanned(UnscannedReason.OS_UNSUPPORTED)}
    scans.save_unscanned("trivy", unsupported, is_private=False)


@pytest.fixture
def fleet(tmp_path, config):
    """Write a state with two base branches and a cluster, and return the path of the config."""
    database = Database.sqlite(tmp_path / "state.db")
    lookups = DatabaseLookupStore(database, lambda: NOW)
    lookups.record_tags({PYTHON: TagDescriptor(NEW, "m"), REDIS: TagDescriptor(REDIS_DIGEST, "m")}, NOW)
    inventory = DatabaseInventoryStore(database)
    web = [
        build_verdict(f"python:3.12@{OLD}", owners=("@acme/web",)),
        build_verdict(f"redis:7@{REDIS_DIGEST}", path="deploy/redis.yaml", line_number=12),
    ]
    request = build_request(12, url="https://github.com/acme/web/pull/12", due_at=NOW + 3 * DAY)
    inventory.record_visits([build_visit(*web, requests=(request,))], {}, READ_AT)
    api = [build_verdict("redis:7", path="compose.yaml"), build_verdict(f"redis:7@{UNKNOWN_DIGEST}", path="b.yaml")]
    inventory.record_visits([build_visit(*api, key=API)], {}, READ_AT)
    workload = Workload("prod", "shop", "Deployment", "web")
    running = RunningImage(workload, "app", PYTHON.repository, "3.12", OLD, 2, READ_AT)
    DatabaseRunningImages(database).record_clusters([ClusterReading("prod", (running,))], READ_AT)
    scan_images(database)
    return config("state: sqlite:///state.db\n")


def test_text_of_usage_shows_exposed_images_with_their_fixes_and_users(basebump, fleet):
    code, out, err = basebump("usage", "CVE-2026-1234", "-c", fleet)
    assert (code, err) == (0, "")
    day = f"{SCANNED_AT:%Y-%m-%d}"
    assert out.splitlines() == [
        f"CVE-2026-1234  critical: {TITLE}",
        "2 images in use contain it: in 3 files of 2 base branches and 1 container.",
        "",
        "docker.io/library/redis:7 777777777777",
        "  in-distribution: fixed in Debian for 12 days (date of the advisory), but in no digest of the tag",
        "  openssl 3.0.15-1, fixed in 3.0.17-1, linux/amd64",
        "  acme/api (main)",
        f"    compose.yaml:1        since {day}, not pinned",
        "  acme/web (main)",
        f"    deploy/redis.yaml:12  since {day}",
        "",
        f"docker.io/library/python:3.12 {OLD[7:19]}",
        "  in-update: the newest digest of the tag contains the fix for 12 days (date of the advisory)",
        "  openssl 3.0.15-1, fixed in 3.0.17-1, linux/amd64",
        "  acme/web (main)",
        f"    Dockerfile:1  since {day}, @acme/web",
        f"    pull request #12 is open, due {NOW + 3 * DAY:%Y-%m-%d}: https://github.com/acme/web/pull/12",
        "  cluster prod",
        f"    shop/Deployment/web, container app  since {READ_AT:%Y-%m-%d}",
        "",
        "Files by owner: no owner 2, @acme/web 1",
        "",
        f"2 of 3 digests in use are known, matched up to 8 days ago ({SCANNED_AT:%Y-%m-%d %H:%M} UTC).",
        "The vulnerabilities of 1 digest are not known: 1 os-unsupported.",
        f"The state covers 2 base branches. The oldest data was read 9 days ago, on {READ_AT:%Y-%m-%d %H:%M} UTC.",
    ]


@pytest.mark.parametrize("spelling", ["cve-2026-1234", " CVE-2026-1234 ", "CVE\u20112026\u20131234"])
def test_usage_command_reads_ids_in_any_spelling(basebump, fleet, spelling):
    document = json.loads(basebump("usage", spelling, "-c", fleet, "--format", "json")[1])
    assert (document["vulnerability"], len(document["images"])) == ("CVE-2026-1234", 2)


def test_usage_of_a_vulnerability_that_no_image_has_states_how_much_is_known(basebump, fleet):
    code, out, _ = basebump("usage", "CVE-2026-5555", "-c", fleet)
    assert code == 0
    assert out.splitlines()[:3] == ["CVE-2026-5555", "No known image in use contains it.", ""]
    assert "2 of 3 digests in use are known" in out
    assert "The vulnerabilities of 1 digest are not known: 1 os-unsupported." in out


def test_usage_of_a_vulnerability_counts_digests_that_were_never_scanned(basebump, tmp_path, config):
    inventory = DatabaseInventoryStore(Database.sqlite(tmp_path / "state.db"))
    inventory.record_visits([build_visit(f"python:3.12@{OLD}")], {}, READ_AT)
    out = basebump("usage", "CVE-2026-1234", "-c", config("state: sqlite:///state.db\n"))[1]
    assert "0 of 1 digest in use is known." in out
    assert "The vulnerabilities of 1 digest are not known: 1 not scanned yet." in out


def test_usage_of_a_vulnerability_without_fix_says_so(basebump, fleet):
    out = basebump("usage", "CVE-2026-9999", "-c", fleet)[1]
    assert "  no-fix: no version of the package fixes it" in out.splitlines()


def test_json_of_an_exposed_image_has_its_findings_uses_and_containers(basebump, fleet):
    document = json.loads(basebump("usage", "CVE-2026-1234", "-c", fleet, "--format", "json")[1])
    [image] = [each for each in document["images"] if each["digest"] == OLD]
    expected = {
        "canonical": PYTHON.repository,
        "tag": "3.12",
        "fix": "in-update",
        "fix_published": f"{NOW - 12 * DAY:%Y-%m-%dT%H:%M:%SZ}",
        "fix_published_origin": "advisory",
        "newest_digest": NEW,
    }
    assert {name: image[name] for name in expected} == expected
    [finding] = image["findings"]
    assert (finding["package"], finding["installed"], finding["severity"]) == ("openssl", "3.0.15-1", "critical")
    [use] = image["uses"]
    assert (use["repository"], use["path"], use["line"], use["owners"]) == ("acme/web", "Dockerfile", 1, ["@acme/web"])
    assert use["request"] == {
        "number": 12,
        "url": "https://github.com/acme/web/pull/12",
        "due_at": f"{NOW + 3 * DAY:%Y-%m-%dT%H:%M:%SZ}",
    }
    assert [each["workload"] for each in image["containers"]] == ["web"]
    assert document["known_images"]["reasons"] == {"os-unsupported": 1}


def test_csv_of_exposed_images_has_a_row_for_each_file_and_container(basebump, fleet):
    out = basebump("usage", "CVE-2026-1234", "-c", fleet, "--format", "csv")[1]
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["tag"], row["path"], row["workload"], row["fix"]) for row in rows] == [
        ("7", "compose.yaml", "", "in-distribution"),
        ("7", "deploy/redis.yaml", "", "in-distribution"),
        ("3.12", "Dockerfile", "", "in-update"),
        ("3.12", "", "web", "in-update"),
    ]
    assert (rows[2]["request_number"], rows[2]["due_at"]) == ("12", f"{NOW + 3 * DAY:%Y-%m-%dT%H:%M:%SZ}")
    assert (rows[2]["packages"], rows[2]["installed"], rows[2]["private"]) == ("openssl", "3.0.15-1", "false")


def test_private_findings_are_marked_in_all_formats(basebump, fleet, tmp_path):
    scans = DatabaseScanStore(Database.sqlite(tmp_path / "state.db"), lambda: SCANNED_AT)
    secret = replace(OPENSSL, id="CVE-2026-7777")
    scan = VulnerabilityDatabase((secret,)).scan([package("openssl", "3.0.15-1")])
    scans.save_scans({ScanSubject(PYTHON, OLD, "linux/amd64"): scan}, is_private=True)
    assert "openssl 3.0.15-1, fixed in 3.0.17-1, linux/amd64, private" in basebump("usage", secret.id, "-c", fleet)[1]
    document = json.loads(basebump("usage", secret.id, "-c", fleet, "--format", "json")[1])
    assert document["images"][0]["findings"][0]["private"] is True
    rows = csv.DictReader(io.StringIO(basebump("usage", secret.id, "-c", fleet, "--format", "csv")[1]))
    assert {row["private"] for row in rows} == {"true"}


def test_usage_of_a_vulnerability_refuses_not_on_option(basebump, fleet):
    code, _, err = basebump("usage", "CVE-2026-1234", "--not-on", OLD, "-c", fleet)
    assert code == 2
    assert "--not-on needs an image" in err


def test_title_from_a_database_cannot_control_the_terminal(basebump, fleet, tmp_path):
    scans = DatabaseScanStore(Database.sqlite(tmp_path / "state.db"), lambda: SCANNED_AT)
    hostile = replace(OPENSSL, id="CVE-2026-6666", title="\x1b[31mred\n::error::no")
    scan = VulnerabilityDatabase((hostile,)).scan([package("openssl", "3.0.15-1")])
    scans.save_scans({ScanSubject(PYTHON, OLD, "linux/amd64"): scan}, is_private=False)
    out = basebump("usage", hostile.id, "-c", fleet)[1]
    assert "\x1b" not in out
    assert not any(line.startswith("::") for line in out.splitlines())
