"""The vulnerabilities of images in use: what `scan` shows about images whether or not they have an update."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from support.images import build_debian_image
from support.registries.docker_registry import DockerRegistry
from support.scanners.grype import render_manifest_report
from support.scanners.trivy import OLD, TrivyStand, debian

from bot.demo.images import build_index
from bot.model.evidence import FixDate, FixDateOrigin
from bot.reports.parts.exposure_lines import describe_fix_age

CRITICAL = {"CVE-2026-0001": "Critical", "CVE-2026-0002": "High"}


@pytest.fixture
def scene(tmp_path, config, loopback):
    """Create a Dockerfile whose image is the newest digest of its tag, and a folder for reports."""
    image = build_debian_image("only")
    index = loopback.store.set_tag("library/redis", "7", build_index([image]))
    tree, reports = tmp_path / "tree", tmp_path / "reports"
    tree.mkdir()
    reports.mkdir()
    (tree / "Dockerfile").write_text(f"FROM redis:7@{index}\n")
    path = config("scanners: [{kind: report, path: reports}]\n")
    return tree, path, reports, image


def test_scan_shows_critical_vulnerability_whose_fix_is_in_no_digest(basebump, scene):
    tree, config, reports, image = scene
    (reports / "only.json").write_text(render_manifest_report(image.digest, CRITICAL, "5.3-1"))
    code, out, _ = basebump("scan", tree, "--config", config)
    assert code == 0
    assert "✓ redis:7  up-to-date  1 critical, fixed in Debian, not in the image\n" in out
    assert "1 image in use has a critical or exploited vulnerability that its distribution has fixed" in out
    assert "CVE-2026-0002" not in out


@pytest.mark.parametrize(("days", "age"), [(9, " for 9 days"), (0, "")])
def test_scan_shows_how_long_a_fix_has_been_published(basebump, scene, days, age):
    tree, config, reports, image = scene
    published = (datetime.now(UTC) - timedelta(days=days)).date()
    (reports / "only.json").write_text(render_manifest_report(image.digest, CRITICAL, "5.3-1", published))
    _, out, _ = basebump("scan", tree, "--config", config)
    assert f"up-to-date  1 critical, fixed in Debian{age}, not in the image\n" in out
    _, out, _ = basebump("scan", tree, "--config", config, "--format", "json")
    [finding] = json.loads(out)["references"][0]["exposure"]["findings"]
    assert (finding["fix_published"], finding["fix_published_origin"]) == (f"{published}T00:00:00Z", "advisory")


@pytest.mark.parametrize(
    ("origin", "words"), [(FixDateOrigin.FIRST_SEEN, "for 9 days"), (FixDateOrigin.AT_LEAST, "for at least 9 days")]
)
def test_age_of_a_fix_names_a_date_that_is_only_a_bound(origin, words):
    now = datetime(2026, 12, 4, tzinfo=UTC)
    assert describe_fix_age(FixDate(now - timedelta(days=9), origin), now) == words


def test_scan_is_silent_about_critical_vulnerability_without_a_fix(basebump, scene):
    tree, config, reports, image = scene
    (reports / "only.json").write_text(render_manifest_report(image.digest, CRITICAL))
    _, out, _ = basebump("scan", tree, "--config", config)
    assert "✓ redis:7  up-to-date\n" in out


def test_exposure_option_lists_all_vulnerabilities_with_a_fix(basebump, scene):
    tree, config, reports, image = scene
    (reports / "only.json").write_text(render_manifest_report(image.digest, CRITICAL, "5.3-1"))
    _, out, _ = basebump("scan", tree, "--config", config, "--exposure")
    assert "in-distribution 2 (1 critical)" in out
    rows = [line.split() for line in out.splitlines() if line.strip().startswith("CVE-")]
    assert rows == [[cve, word.lower(), "bash", "5.2-1", "5.3-1", "in-distribution"] for cve, word in CRITICAL.items()]


def test_json_of_scan_contains_the_exposure_of_a_reference(basebump, scene):
    tree, config, reports, image = scene
    (reports / "only.json").write_text(render_manifest_report(image.digest, CRITICAL, "5.3-1"))
    _, out, _ = basebump("scan", tree, "--config", config, "--format", "json")
    (reference,) = json.loads(out)["references"]
    exposure = reference["exposure"]
    assert (reference["status"], exposure["state"]) == ("up-to-date", "scanned")
    assert exposure["counts"]["in-distribution"] == {"critical": 1, "high": 1, "medium": 0, "low": 0, "unknown": 0}
    assert sum(exposure["counts"]["in-update"].values()) == sum(exposure["counts"]["no-fix"].values()) == 0
    assert [each["id"] for each in exposure["findings"]] == ["CVE-2026-0001"]
    _, out, _ = basebump("scan", tree, "--config", config, "--format", "json", "--exposure")
    assert len(json.loads(out)["references"][0]["exposure"]["findings"]) == len(CRITICAL)


def test_exposure_of_an_image_without_a_report_is_unknown_and_counted(basebump, scene):
    tree, config, _, _ = scene
    _, out, _ = basebump("scan", tree, "--config", config)
    assert "The vulnerabilities of 1 of 1 images in use are unknown (1 no-report)." in out


def test_scan_without_a_scanner_says_nothing_about_exposure(basebump, scene, config):
    tree, _, _, _ = scene
    path = config("scanners: []\n")
    _, out, _ = basebump("scan", tree, "--config", path, "--format", "json")
    assert "exposure" not in json.loads(out)["references"][0]


def test_held_update_shows_that_the_newer_digest_has_the_fix(basebump, scene, loopback, config):
    tree, _, reports, image = scene
    newer = build_debian_image("newer")
    loopback.store.set_tag("library/redis", "7", build_index([newer]))
    (reports / "only.json").write_text(render_manifest_report(image.digest, CRITICAL, "5.3-1"))
    (reports / "newer.json").write_text(render_manifest_report(newer.digest, {}))
    rule = "state: sqlite:///state.db\npolicy: [{min_age: 365d}]\n"
    path = config(f"scanners: [{{kind: report, path: reports}}]\n{rule}")
    _, out, err = basebump("scan", tree, "--config", path)
    assert "1 critical, fixed in the newer digest" in out, err


def test_updated_image_shows_what_its_update_does_not_fix(basebump, scene, loopback):
    tree, config, reports, image = scene
    newer = build_debian_image("newer")
    loopback.store.set_tag("library/redis", "7", build_index([newer]))
    (reports / "only.json").write_text(render_manifest_report(image.digest, CRITICAL, "5.3-1"))
    (reports / "newer.json").write_text(render_manifest_report(newer.digest, {"CVE-2026-0001": "Critical"}, "5.3-1"))
    _, out, _ = basebump("scan", tree, "--config", config)
    assert "fixes 1 (1 high), adds none, 1 remains  1 critical, fixed in Debian, not in the new image\n" in out


@pytest.mark.real("docker-registry")
@pytest.mark.real("trivy")
def test_scan_with_real_trivy_shows_fix_that_no_digest_contains(basebump, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with DockerRegistry() as registry:
        stand = TrivyStand(registry, tmp_path / "trivy")
        subject = stand.subject(debian(OLD), repository="acme/redis")
        config = tmp_path / "basebump.yaml"
        config.write_text(
            f"schema: 1\nregistries: [{{host: '{registry.host}', insecure: true}}]\n"
            f"scanners: [{{kind: auto, database: '{stand.database.reference}'}}]\n"
        )
        tree = tmp_path / "tree"
        tree.mkdir()
        (tree / "Dockerfile").write_text(f"FROM {subject.tag_ref.repository}:tag@{subject.digest}\n")
        code, out, err = basebump("scan", tree, "--config", config)
    assert (code, err) == (0, ""), out
    assert "up-to-date  1 critical, fixed in Debian, not in the image\n" in out
