"""The checks of `doctor` for scanners and public lists that are missing, too old or unreadable."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from support.git import DiskRepository
from support.scanners.advisories import epss, kev, statement, vex
from support.scanners.grype import GrypeStand, report
from support.scanners.osv import OsvStand, debian

pytestmark = pytest.mark.real("git")


@pytest.fixture
def examine(tmp_path, basebump, config, monkeypatch):
    """Run `doctor` with `more` in its config.

    Return the exit code, and the mark, the subject and the result of each check in one area.
    """
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    DiskRepository.create(tmp_path / "repositories" / "web.git", {"Dockerfile": "FROM python:3.12-slim\n"})

    def go(more: str, area: str = "scanners"):
        path = config(f"forges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\n{more}\n")
        code, out, _ = basebump("doctor", "--config", path, "--format", "json")
        checks = json.loads(out)["checks"]
        return code, [(each["mark"], each["subject"], each["found"]) for each in checks if each["area"] == area]

    return go


@pytest.fixture
def grype(tmp_path):
    """Install a Grype whose database has the given age, and return the path of the program."""

    def install(age: timedelta) -> str:
        (tmp_path / "programs").mkdir()
        stand = GrypeStand(tmp_path / "programs")
        stand.scene["built"] = f"{datetime.now(UTC) - age:%Y-%m-%dT%H:%M:%SZ}"
        (stand.folder / "scene.json").write_text(json.dumps(stand.scene))
        return str(stand.program)

    return install


def test_doctor_accepts_config_without_scanner_and_reports_no_scanner(examine):
    code, (check,) = examine("")
    assert (code, check[:2]) == (0, ("ok", "no scanner"))
    assert "no scanner" in check[2]


def test_doctor_shows_version_and_database_of_installed_scanner(examine, grype):
    code, (check,) = examine(f"scanners: [{{kind: grype, binary: {grype(timedelta(hours=2))}}}]")
    assert (code, check[:2]) == (0, ("ok", "grype"))
    assert "grype 0.121.2, " in check[2]


def test_doctor_reports_old_database_of_scanner(examine, grype):
    code, (check,) = examine(f"scanners: [{{kind: grype, binary: {grype(timedelta(days=9))}}}]")
    assert (code, check[:2]) == (1, ("problem", "grype"))
    assert "too old" in check[2]


@pytest.mark.parametrize("kind", ["trivy", "grype"])
def test_doctor_reports_configured_scanner_that_is_not_installed(examine, kind):
    code, (check,) = examine(f"scanners: [{{kind: {kind}, binary: no-such-program}}]")
    assert (code, check[:2]) == (1, ("problem", "no-such-program"))
    assert "install it" in check[2]


def test_doctor_shows_stderr_of_trivy_that_fails(examine, tmp_path):
    trivy = tmp_path / "trivy"
    trivy.write_text("#!/bin/sh\necho 'FATAL no database' >&2\nexit 1\n")
    trivy.chmod(0o755)
    code, (check,) = examine(f"scanners: [{{kind: trivy, binary: {trivy}}}]")
    assert (code, check[:2], "no database" in check[2]) == (1, ("problem", "trivy"), True)


def test_doctor_checks_each_scanner_of_the_config(examine, grype):
    program = grype(timedelta(hours=2))
    code, checks = examine(
        f"scanners: [{{kind: none, match: {{image: docker.io/library/python}}}}, {{kind: grype, binary: {program}}}]"
    )
    assert (code, [subject for _, subject, _ in checks]) == (0, ["no scanner", "grype"])


def test_doctor_reports_osv_api_that_refuses_requests(examine):
    stand = OsvStand(debian("CVE-2026-0001", "openssl"))
    with stand.listener:
        scanners = f"scanners: [{{kind: osv, url: '{stand.listener.url}'}}]"
        code, (check,) = examine(scanners)
        assert (code, check[:2]) == (0, ("ok", "osv"))
        stand.status = 403
        code, (check,) = examine(scanners)
        assert (code, check[0], "answered 403" in check[2]) == (1, "problem", True)


def test_doctor_counts_usable_report_files_and_names_unusable_report_files(examine, tmp_path):
    folder = tmp_path / "reports"
    folder.mkdir()
    scanners = f"scanners: [{{kind: report, path: {folder}}}]"
    code, (check,) = examine(scanners)
    assert (code, check[:2]) == (0, ("cannot-tell", str(folder)))
    digest = "sha256:" + "a" * 64
    (folder / "web.json").write_text(json.dumps(report() | {"source": {"target": {"manifestDigest": digest}}}))
    code, (check,) = examine(scanners)
    assert (code, check[0], "1 found, " in check[2]) == (0, "ok", True)
    (folder / "broken.json").write_text("{")
    code, checks = examine(scanners)
    assert (code, [mark for mark, *_ in checks]) == (1, ["problem", "ok"])
    assert checks[0][2].startswith("reports/broken.json cannot be used")


def test_doctor_reports_missing_folder_of_reports(examine, tmp_path):
    code, (check,) = examine(f"scanners: [{{kind: report, path: {tmp_path / 'nowhere'}}}]")
    assert (code, check[0]) == (1, "problem")


def test_doctor_shows_dates_of_advisory_lists_and_number_of_vex_statements(examine, tmp_path):
    (tmp_path / "kev.json").write_bytes(kev("CVE-2026-0001"))
    (tmp_path / "epss.csv").write_bytes(epss({"CVE-2026-0001": 0.5}))
    (tmp_path / "vex.json").write_bytes(vex(statement("CVE-2026-0001", "pkg:oci/web")))
    places = "kev: kev.json, epss: epss.csv, vex: [{path: vex.json, authors: ['**']}]"
    code, checks = examine(f"enrichment: {{{places}}}", "enrichment")
    assert (code, [(mark, subject) for mark, subject, _ in checks]) == (
        0,
        [("ok", "kev"), ("ok", "epss"), ("ok", "vex")],
    )
    assert all(" 20" in found for _, _, found in checks[:2])
    assert checks[2][2] == "1 statement by accepted authors"


def test_doctor_reports_unreadable_advisory_lists_and_vex_documents(examine, tmp_path):
    (tmp_path / "kev.json").write_text("no list")
    code, checks = examine("enrichment: {kev: kev.json, vex: [{path: nowhere.json, authors: ['**']}]}", "enrichment")
    assert code == 1
    assert [(mark, subject) for mark, subject, _ in checks] == [("problem", "kev"), ("problem", "enrichment.vex[0]")]
