"""`basebump run` with public vulnerability lists."""

from __future__ import annotations

import json
import re

import pytest
from support.git import DiskRepository
from support.listener import HttpListener, HttpReply
from support.scanners.advisories import epss, kev, statement, vex
from support.scanners.grype import render_manifest_report

from bot.demo.images import DemoPackage, build_debian_root, build_image, build_index, build_layer

pytestmark = pytest.mark.real("git")

EXPLOITED, OTHER = "CVE-2026-0001", "CVE-2026-0002"
BRANCH = "basebump/python-3.12-slim-06e5bb43"


def build(content: str):
    return build_image([build_layer(build_debian_root("12.7", [DemoPackage("base-files", content)]))])


@pytest.fixture
def scene(tmp_path, config, loopback):
    """Create an outdated repository, reports about both images, and a config with `more` in it."""
    images = [build("old"), build("new")]
    old, _ = (loopback.store.set_tag("library/python", "3.12-slim", build_index([each])) for each in images)
    folder = tmp_path / "repositories"
    git = DiskRepository.create(folder / "web.git", {"Dockerfile": f"FROM python:3.12-slim@{old}\n"})
    (tmp_path / "reports").mkdir()
    for each, cves in zip(images, ([EXPLOITED, OTHER], [OTHER]), strict=True):
        (tmp_path / "reports" / f"{each.digest[7:]}.json").write_text(
            render_manifest_report(each.digest, dict.fromkeys(cves, "Low"))
        )

    def _scene(more: str):
        path = f"forges: [{{kind: local, url: {folder}}}]\nscanners: [{{kind: report, path: reports}}]\n{more}\n"
        return config(path), git

    return _scene


def read_proposal(git: DiskRepository) -> dict[str, str]:
    return json.loads(git.run("cat-file", "blob", f"refs/basebump/proposals/{BRANCH}"))


def test_proposal_shows_exploited_vulnerabilities_and_epss_scores(basebump, scene, tmp_path):
    (tmp_path / "kev.json").write_bytes(kev(EXPLOITED))
    with HttpListener(lambda _: HttpReply(200, epss({EXPLOITED: 0.5}))) as listener:
        path, git = scene(f"enrichment: {{kev: kev.json, epss: '{listener.url}/epss.csv'}}")
        code, out, _ = basebump("run", "--config", path, "--level", "propose")
    assert code == 0
    assert "fixes 1 (1 low, 1 exploited), adds none, 1 remains" in out
    proposed = read_proposal(git)
    assert proposed["title"].endswith(": fixes 1 (1 low, 1 exploited), adds none")
    assert "| **exploited**,\u00a0low | " in proposed["body"]


def test_rule_can_defer_proposals_that_fix_no_exploited_vulnerability(basebump, scene, tmp_path):
    rule = "policy: [{open_when: {fixes: kev}}]"
    path, _ = scene(f"enrichment: {{kev: kev.json}}\n{rule}")
    (tmp_path / "kev.json").write_bytes(kev(OTHER))
    assert "1 proposal: 1 deferred." in basebump("run", "--config", path, "--level", "propose")[1]
    (tmp_path / "kev.json").write_bytes(kev(EXPLOITED))
    assert "1 proposal: 1 opened." in basebump("run", "--config", path, "--level", "propose")[1]


def test_proposal_is_opened_although_unreadable_kev_list_is_a_failure(basebump, scene):
    path, git = scene("enrichment: {kev: kev.json}")
    code, out, _ = basebump("run", "--config", path, "--level", "propose")
    assert code == 1
    assert "enrichment.kev (assess): " in out
    assert re.search(r"kev\.json .*: No such file", out)
    assert "KEV could not be read" in read_proposal(git)["body"]


@pytest.fixture
def publishers(monkeypatch):
    """Start a server in the place of the publishers of both lists."""
    answers = {"/kev.json": kev(EXPLOITED), "/epss.csv": epss({EXPLOITED: 0.5})}
    with HttpListener(lambda request: HttpReply(200, answers[request.path])) as listener:
        monkeypatch.setattr("bot.advisories.public_lists.KEV_URL", f"{listener.url}/kev.json")
        monkeypatch.setattr("bot.advisories.public_lists.EPSS_URL", f"{listener.url}/epss.csv")
        yield listener


def test_public_advisory_lists_are_read_only_if_requested(basebump, scene, publishers):
    path, _ = scene("")
    code, out, _ = basebump("run", "--config", path)
    assert (code, publishers.received) == (0, [])
    assert (
        "Known exploitation (KEV, EPSS): not looked up (no `enrichment`). Signatures: not checked (no trust rule)."
        in out
    )
    code, out, _ = basebump("run", "--config", path, "--advisories")
    assert (code, [each.path for each in publishers.received]) == (0, ["/kev.json", "/epss.csv"])
    assert "1 known exploited" in out or "1 exploited" in out
    assert "not looked up" not in out


def test_advisory_lists_of_the_config_take_precedence_over_public_ones(basebump, scene, publishers, tmp_path):
    (tmp_path / "kev.json").write_bytes(kev(OTHER))
    path, _ = scene("enrichment: {kev: kev.json}")
    assert basebump("run", "--config", path, "--advisories")[0] == 0
    assert publishers.received == []


def test_unreadable_public_advisory_list_is_shown_as_unread_but_is_not_a_failure(
    basebump, scene, monkeypatch, no_pauses
):
    for name in ("KEV_URL", "EPSS_URL"):
        monkeypatch.setattr(f"bot.advisories.public_lists.{name}", "http://127.0.0.1:9/list")
    code, out, _ = basebump("run", "--config", scene("")[0], "--advisories", "--format", "json")
    document = json.loads(out)
    evidence = document["repositories"][0]["proposals"][0]["images"][0]["evidence"]
    assert (code, document["failed"]) == (0, [])
    assert evidence["lookups"] == {"kev": "unread", "epss": "unread", "signatures": "not-checked"}
    assert evidence["known_exploited"] is None


def test_advisory_lists_are_not_read_without_scan_results(basebump, scene, tmp_path):
    path, _ = scene("enrichment: {kev: kev.json}")
    for each in (tmp_path / "reports").iterdir():
        each.unlink()
    code, out, _ = basebump("run", "--config", path)
    assert code == 0
    assert "kev.json" not in out


def test_findings_in_vex_documents_of_trusted_authors_are_suppressed(basebump, scene, tmp_path):
    said = statement(EXPLOITED, "pkg:oci/python?repository_url=docker.io/library/python", "pkg:deb/debian/bash")
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "python.json").write_bytes(vex(said))
    path, _ = scene("enrichment: {vex: [{path: answers, authors: ['Acme *']}]}")
    code, out, _ = basebump("run", "--config", path)
    assert code == 0
    assert "fixes none, adds none, 1 remains" in out
    code, out, _ = basebump("run", "--config", scene("enrichment: {vex: [{path: no.json, authors: ['Acme *']}]}")[0])
    assert code == 1
    assert "enrichment.vex[0] (assess): " in out
