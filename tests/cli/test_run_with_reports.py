"""`basebump run` with reports that a pipeline has created."""

from __future__ import annotations

import re

import pytest
from support.git import DiskRepository
from support.images import build_debian_image
from support.scanners.grype import render_manifest_report

from bot.demo.images import build_index
from bot.model.image_name import Digest

pytestmark = pytest.mark.real("git")


def render_critical_report(manifest: Digest, *cves: str) -> str:
    return render_manifest_report(manifest, dict.fromkeys(cves, "Critical"))


@pytest.fixture
def scene(tmp_path, config, loopback):
    """Create an outdated repository, and a folder for reports about its old and its new image."""
    images = [build_debian_image("old"), build_debian_image("new")]
    old, new = (loopback.store.set_tag("library/python", "3.12-slim", build_index([each])) for each in images)
    folder = tmp_path / "repositories"
    DiskRepository.create(folder / "web.git", {"Dockerfile": f"FROM python:3.12-slim@{old}\n"})
    reports = tmp_path / "reports"
    reports.mkdir()
    path = config(f"forges: [{{kind: local, url: {folder}}}]\nscanners: [{{kind: report, path: reports}}]\n")
    return path, reports, [each.digest for each in images], new


def test_proposal_shows_findings_of_report_files(basebump, scene):
    config, reports, (old, new), _ = scene
    (reports / "old.json").write_text(render_critical_report(old, "CVE-2026-0001", "CVE-2026-0002"))
    (reports / "new.json").write_text(render_critical_report(new, "CVE-2026-0002"))
    code, out, _ = basebump("run", "--config", config)
    assert code == 0
    assert "fixes 1 (1 critical), adds none, 1 remains" in out


def test_image_without_a_report_file_is_not_scanned_and_not_a_failure(basebump, scene):
    config, reports, (old, _), _ = scene
    (reports / "old.json").write_text(render_critical_report(old, "CVE-2026-0001"))
    code, out, _ = basebump("run", "--config", config)
    assert code == 0
    assert "not scanned: there is no report about the image" in out


def test_unreadable_report_file_is_a_failure(basebump, scene):
    config, reports, _, _ = scene
    (reports / "new.json").write_text("<html>")
    code, out, _ = basebump("run", "--config", config)
    assert code == 1
    assert re.search(r"reports/new\.json .*JSON", out)
