"""`check --exposed` and rules with `exposed`: images in use that lack published fixes."""

import json

import pytest
from support.images import build_debian_image
from support.scanners.grype import render_manifest_report

CVE = "CVE-2026-0001"


@pytest.fixture
def scene(tmp_path, config, loopback):
    """Check a Dockerfile whose image has a critical vulnerability with a fix.

    With `newer`, the tag points to a newer digest without the vulnerability. `rules` are the rules of the policy.
    """
    reports, tree = tmp_path / "reports", tmp_path / "tree"
    reports.mkdir()
    tree.mkdir()

    def write(*, newer: bool = False, rules: str = "", scanners: str = "[{kind: report, path: reports}]"):
        image = build_debian_image("old")
        pinned = loopback.store.set_tag("library/redis", "7", image)
        (reports / "old.json").write_text(render_manifest_report(image.digest, {CVE: "Critical"}, "5.3-1"))
        if newer:
            rebuilt = build_debian_image("new")
            loopback.store.set_tag("library/redis", "7", rebuilt)
            (reports / "new.json").write_text(render_manifest_report(rebuilt.digest, {}))
        (tree / "Dockerfile").write_text(f"FROM redis:7@{pinned}\n")
        return tree, config(f"scanners: {scanners}\n{rules}")

    return write


def run(basebump, scene, *options: str) -> tuple[int, list[dict], list[dict]]:
    tree, config = scene
    code, out, _ = basebump("check", tree, "--config", config, "--format", "json", *options)
    document = json.loads(out)
    return code, document["findings"], document["notes"]


def test_missing_fix_of_a_newer_digest_is_a_finding(basebump, scene):
    code, (found,), notes = run(basebump, scene(newer=True), "--exposed", "critical")
    assert (code, notes) == (4, [])
    assert (found["finding"], found["reason"]) == ("exposed", "in-update")
    assert "lacks 1 fix (critical CVE-2026-0001 in bash), which a newer digest of its tag contains" in found["message"]
    assert "--write moves it to" in found["message"]


@pytest.mark.parametrize("options", [(), ("--exposed", "exploited")])
def test_missing_fix_is_no_finding_unless_asked_for(basebump, scene, options):
    assert run(basebump, scene(newer=True), *options) == (0, [], [])


def test_fix_that_no_digest_contains_is_a_finding_only_if_asked_for(basebump, scene):
    files = scene()
    assert run(basebump, files, "--exposed", "critical") == (0, [], [])
    code, (found,), _ = run(basebump, files, "--exposed", "critical,in-distribution")
    assert (code, found["reason"]) == (4, "in-distribution")
    assert "which no digest of its tag contains" in found["message"]


def test_rule_with_an_age_notes_a_fix_without_a_date(basebump, scene):
    code, findings, (note,) = run(basebump, scene(newer=True, rules="policy: [{exposed: {critical: 30d}}]\n"))
    assert (code, findings) == (0, [])
    assert note["text"].startswith("since when redis:7@")
    code, (found,), _ = run(basebump, scene(newer=True, rules="policy: [{exposed: {critical: 30d}}]\n"), "--strict")
    assert (code, found["finding"], found["reason"]) == (4, "not-evaluated", "not-scanned")


def test_image_that_was_not_scanned_is_a_note_and_a_finding_of_a_strict_check(basebump, scene):
    files = scene(scanners="[]")
    code, findings, (note,) = run(basebump, files, "--exposed", "critical")
    assert (code, findings) == (0, [])
    assert "no scanner is configured or installed" in note["text"]
    code, (found,), _ = run(basebump, files, "--exposed", "critical", "--strict")
    assert (code, found["finding"]) == (4, "not-evaluated")


@pytest.mark.parametrize("text", ["serious", "critical,in-update", "low", ""])
def test_unknown_class_is_a_usage_error_that_lists_the_classes(basebump, scene, text):
    tree, config = scene()
    code, _, err = basebump("check", tree, "--config", config, "--exposed", text)
    assert code == 2
    assert "exploited, critical, high, medium" in err


def test_exposed_and_offline_contradict_each_other(basebump, scene):
    tree, _ = scene()
    code, _, err = basebump("check", tree, "--offline", "--exposed", "critical")
    assert code == 2
    assert "--exposed cannot be combined with --offline" in err


def test_rule_needs_scanners_in_the_config(basebump, tmp_path):
    path = tmp_path / "basebump.yaml"
    path.write_text("schema: 1\npolicy: [{exposed: {critical: 30d}}]\n")
    code, _, err = basebump("config", "check", path)
    assert code == 2
    assert "policy[0].exposed: requires `scanners`" in err
