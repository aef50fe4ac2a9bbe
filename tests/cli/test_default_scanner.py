"""Without `scanners` in the config, an installed scanner is used, no service is asked, and `check` scans nothing."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from support.git import DiskRepository
from support.runs.worlds import write_tree
from support.scanners.grype import GrypeStand, match, report

pytestmark = [pytest.mark.real("git"), pytest.mark.usefixtures("installed_scanners")]

EFFECT = "fixes 1 (1 high), adds none, 1 remains"
OFFER = (
    "Nothing was scanned: neither Trivy nor Grype is installed; hint: install one of them, or set "
    "`scanners: [{kind: osv}]` to send the package names of images on public registries to api.osv.dev."
)


@pytest.fixture
def digests(loopback) -> tuple[str, str]:
    """Return the old and the new digest of a tag."""
    old, new = (loopback.move("python", "3.12-slim", content) for content in ("old", "new"))
    return old, new


@pytest.fixture
def no_scanner(tmp_path, monkeypatch):
    """Leave only git on PATH."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "git").symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("bot.wiring.scanners.TRIVY_ENVIRONMENTS", ())
    return programs


@pytest.fixture
def stand(no_scanner, digests):
    """Put a Grype on PATH that finds one vulnerability less in the new image."""
    old, new = digests
    stand = GrypeStand(no_scanner)
    built = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
    found = {old: ("CVE-2026-0001", "CVE-2026-0002"), new: ("CVE-2026-0002",)}
    reports = {digest: report(*map(match, each), built=built) for digest, each in found.items()}
    stand.scene |= {"built": f"{built:%Y-%m-%dT%H:%M:%SZ}", "reports": reports}
    (stand.folder / "scene.json").write_text(json.dumps(stand.scene))
    return stand


@pytest.fixture
def run_command(tmp_path, basebump, config, digests):
    """Call a command about an image whose tag has a newer digest, with a config that lists no scanners."""
    old, _ = digests
    content = {"Dockerfile": f"FROM python:3.12-slim@{old}\n"}
    folder = write_tree(tmp_path / "tree", content)
    DiskRepository.create(tmp_path / "repositories" / "web.git", content)
    path = config(f"forges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\n")
    arguments = {
        "scan": ("scan", folder),
        "run": ("run",),
        "compare": ("compare", f"python:3.12-slim@{old}", "python:3.12-slim"),
        "check": ("check", folder, "--max-age", "1d"),
        "doctor": ("doctor", "--level", "report"),
    }

    def go(command: str, *more: str) -> tuple[int, str]:
        code, out, _ = basebump(*arguments[command], "--config", path, *more)
        return code, out

    return go


@pytest.mark.parametrize("command", ["scan", "run", "compare"])
def test_installed_scanner_is_used_if_config_lists_no_scanners(run_command, stand, command):
    code, out = run_command(command)
    assert code == 0, out
    assert EFFECT in out
    assert "Nothing was scanned" not in out


def test_check_does_not_scan_even_if_a_scanner_is_installed(run_command, stand):
    run_command("check")
    run_command("check", "--strict")
    assert not (stand.folder / "log").exists()


@pytest.mark.parametrize("command", ["scan", "run"])
def test_output_suggests_osv_without_querying_osv_if_no_scanner_is_installed(run_command, no_scanner, command):
    code, out = run_command(command)
    assert code == 0, out
    assert [line for line in out.splitlines() if "osv" in line] == [OFFER]


def test_doctor_checks_the_installed_scanner(run_command, stand):
    assert "grype 0.121.2" in run_command("doctor")[1]


def test_doctor_suggests_scanners_if_no_scanner_is_installed(run_command, no_scanner):
    assert "install Trivy or Grype, or set `kind: osv`" in run_command("doctor")[1]
