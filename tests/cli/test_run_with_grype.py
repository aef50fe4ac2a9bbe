"""`basebump run` with Grype, or with the scanner that is installed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from support.git import DiskRepository
from support.scanners.grype import GrypeStand, match, report

pytestmark = pytest.mark.real("git")


@pytest.fixture
def stand(tmp_path, monkeypatch):
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return GrypeStand(folder)


@pytest.fixture
def run(tmp_path, basebump, config, loopback, stand):
    """Run on an outdated repository with these scanners."""
    old, new = (loopback.move("python", "3.12-slim", content) for content in ("old", "new"))
    built = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
    stand.scene |= {
        "built": f"{built:%Y-%m-%dT%H:%M:%SZ}",
        "reports": {
            old: report(match("CVE-2026-0001"), match("CVE-2026-0002"), built=built),
            new: report(match("CVE-2026-0002"), built=built),
        },
    }
    (stand.folder / "scene.json").write_text(json.dumps(stand.scene))
    DiskRepository.create(tmp_path / "repositories" / "web.git", {"Dockerfile": f"FROM python:3.12-slim@{old}\n"})

    def go(scanners: str):
        path = config(f"forges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\nscanners: {scanners}\n")
        return basebump("run", "--config", path)

    return go


def test_run_scans_with_the_configured_grype(run, stand, tmp_path):
    code, out, _ = run(f"[{{kind: grype, binary: {stand.program}}}]")
    assert code == 0
    assert "fixes 1 (1 high), adds none, 1 remains" in out
    caches = {call["environment"]["GRYPE_DB_CACHE_DIR"] for call in stand.calls()}
    assert caches == {str(tmp_path / "cache" / "basebump" / "grype" / "default")}


@pytest.mark.usefixtures("run")
def test_report_shows_publication_date_of_fix_from_grype(basebump, config, stand, tmp_path):
    for found in stand.scene["reports"].values():
        for each in found["matches"]:
            each["vulnerability"]["fix"]["available"] = [{"version": "5.3-1", "date": "2026-03-04", "kind": "advisory"}]
    (stand.folder / "scene.json").write_text(json.dumps(stand.scene))
    keys = f"scanners: [{{kind: grype, binary: {stand.program}}}]\nstate: sqlite:///state.db\n"
    path = config(f"forges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\n{keys}")
    for _ in range(2):  # the second run reads the scans of the first run from the state
        assert basebump("run", "--config", path, "--level", "propose")[0] == 0
        document = json.loads(basebump("report", "--since", "90d", "--config", path, "--format", "json")[1])
        (patch,) = document["patches"]
        assert (patch["severity"], patch["published_at"]) == ("high", "2026-03-04T00:00:00Z")


def test_scanner_setting_auto_uses_the_installed_grype(run, stand, monkeypatch):
    monkeypatch.setattr("bot.scanners.trivy.find_trivy", lambda *_: None)
    monkeypatch.setattr("bot.scanners.grype.find_grype", lambda explicit: str(stand.program))
    assert "fixes 1 (1 high), adds none, 1 remains" in run("[{kind: auto}]")[1]


def test_scanner_setting_auto_prefers_trivy_to_grype(run, stand, monkeypatch, tmp_path):
    trivy = tmp_path / "trivy"
    trivy.write_text("#!/bin/sh\necho 'FATAL no database' >&2\nexit 1\n")
    trivy.chmod(0o755)
    monkeypatch.setattr("bot.scanners.trivy.find_trivy", lambda *_: str(trivy))
    monkeypatch.setattr("bot.scanners.grype.find_grype", lambda explicit: str(stand.program))
    code, out, _ = run("[{kind: auto}]")
    assert code == 1
    assert "not scanned: the scanner failed" in out
    assert not (stand.folder / "log").exists()


def test_configured_grype_that_is_missing_is_a_failure(run):
    code, out, _ = run("[{kind: grype, binary: no-such-grype}]")
    assert code == 1
    assert "no-such-grype " in out


def test_scanner_is_chosen_by_the_image_pattern_in_the_config(run, stand):
    _, out, _ = run(
        f"[{{kind: none, match: {{image: docker.io/library/python}}}}, {{kind: grype, binary: {stand.program}}}]"
    )
    assert "Nothing was scanned: " in out
    assert not (stand.folder / "log").exists()


def test_output_of_run_states_how_many_images_have_no_scanner(run, stand, tmp_path, loopback):
    loopback.move("nginx", "1", "now")
    DiskRepository.create(tmp_path / "repositories" / "edge.git", {"Dockerfile": "FROM nginx:1\n"})
    _, out, _ = run(f"[{{kind: grype, binary: {stand.program}, match: {{image: docker.io/library/python}}}}]")
    assert "1 of 2 " in out
