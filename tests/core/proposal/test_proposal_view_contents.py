"""Tests of how a proposal's body shows the contents of the two images."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from support.runs.worlds import BODY_TEMPLATE
from support.values import digest, finding, scan, update

from bot.core.evidence.compare import compare_scans
from bot.core.proposal.fingerprint import compute_fingerprint, is_outdated
from bot.core.proposal.render import render_body
from bot.core.proposal.view.proposal import build_proposal_view
from bot.core.transition import get_first_transition
from bot.model.contents import ImageConfig, ImageContents, InstalledPackage, TransitionContents
from bot.model.evidence import Evidence, NotScanned, Severity, UnscannedReason

MOVE = update(f"python:3.12@{digest('old')}", "new")
SOURCE = "https://github.com/acme/tool"
OLD = ImageContents(digest("o"), ImageConfig(), 30_149_999, datetime(2026, 11, 1, tzinfo=UTC), SOURCE, "a" * 40)
NEW = replace(OLD, digest=digest("n"), size=30_400_000, created=datetime(2026, 11, 20, tzinfo=UTC))
HOSTILE = "x` **bold** <b> @team #1 | http://evil.example"


def build_debian_package(name: str, version: str, source: str = "") -> InstalledPackage:
    return InstalledPackage("debian", name, version, source)


def render_evidence_body(evidence: Evidence, rows: int = 100) -> str:
    known = {get_first_transition(MOVE): evidence}
    return render_body(BODY_TEMPLATE, lambda _: build_proposal_view((MOVE,), known, rows), 60_000)


def build_contents_evidence(old=OLD, new=NEW, **more) -> Evidence:
    return replace(compare_scans(scan(), scan()), contents=TransitionContents(old, new), **more)


def test_body_states_download_sizes_and_that_image_was_rebuilt_from_same_revision():
    text = render_evidence_body(build_contents_evidence())
    assert "| Source | rebuilt from the same revision, by its labels |" in text
    assert "yes: user, entrypoint, ports and platforms unchanged · `+250.0 kB` |" in text
    assert "built 2026-11-01 → 2026-11-20" in text, (
        "the image says itself when it was built, where its scanner does not"
    )


def test_body_links_to_source_comparison_or_warns_about_other_source():
    text = render_evidence_body(build_contents_evidence(new=replace(NEW, revision="b" * 40)))
    assert f"({SOURCE}/compare/" in text
    moved = render_evidence_body(build_contents_evidence(new=replace(NEW, source="https://github.com/other/tool")))
    assert "| Source | ⚠️ built from another source, by its labels |" in moved


def test_body_states_that_config_of_image_is_unknown_or_not_looked_up():
    assert "before? | not known: the config of the old or the new image could not be read |" in render_evidence_body(
        build_contents_evidence(old=None)
    )
    assert "| Runs\u00a0as\u00a0before? | not looked up |" in render_evidence_body(compare_scans(scan(), scan()))


def test_image_row_has_build_dates_if_contents_are_known_but_scan_is_missing():
    nobody = NotScanned(UnscannedReason.OS_UNKNOWN)
    assert ", built" not in render_evidence_body(compare_scans(nobody, nobody))
    looked = render_evidence_body(replace(compare_scans(nobody, nobody), contents=TransitionContents(OLD, NEW)))
    assert "`, built 2026-11-01 → 2026-11-20" in looked
    assert "; the image in the file is 19 days older |" in looked


def test_body_starts_with_caution_if_new_image_starts_as_root():
    text = render_evidence_body(
        build_contents_evidence(replace(OLD, config=ImageConfig(user="1000")), replace(NEW, config=ImageConfig()))
    )
    assert text.startswith("> **Caution**  \n> **Starts as root**, which it did not before:")
    assert "⚠️ user: `1000` → not set" in text


def test_changed_environment_and_ports_show_only_added_and_removed_items():
    old = ImageConfig(entrypoint=("/app",), environment=("HOME", "LANG"), ports=("80/tcp",))
    new = ImageConfig(entrypoint=("/app", "-v"), environment=("HOME", "TZ"), ports=("80/tcp", "443/tcp"))
    text = render_evidence_body(build_contents_evidence(replace(OLD, config=old), replace(NEW, config=new)))
    assert "⚠️ entrypoint: `/app` → `/app -v`" in text
    assert "new environment variable `TZ` · ⚠️ without environment variable `LANG`" in text
    assert "⚠️ new port `443/tcp`" in text


def test_finding_shows_upgrade_removal_or_addition_of_package():
    old_packages = (
        build_debian_package("libssl3", "3.0.11", "openssl"),
        build_debian_package("perl", "5"),
        build_debian_package("zlib1g", "1", "zlib"),
    )
    new_packages = (
        build_debian_package("libssl3", "3.0.15", "openssl"),
        build_debian_package("jq", "2"),
        build_debian_package("zlib1g", "1", "zlib"),
    )
    before = [finding("CVE-2026-1001", installed="3.0.11"), finding("CVE-2026-1002", package="perl", installed="5")]
    after = [finding("CVE-2026-1003", package="jq", installed="2")]
    text = render_evidence_body(
        compare_scans(scan(*before, packages=old_packages), scan(*after, packages=new_packages))
    )
    assert "| `openssl` `3.0.15` |" in text
    assert "| `perl` removed |" in text
    assert "| `jq` `2` (new), fix in `2` |" in text
    assert "<summary>Packages: 1 upgraded, 1 added, 1 removed</summary>" in text
    assert "- `libssl3` upgraded: `3.0.11` → `3.0.15`" in text


def test_finding_shows_unknown_new_version_if_package_lists_are_missing():
    assert "| `openssl` (version not known) |" in render_evidence_body(
        compare_scans(scan(finding("CVE-2026-1001")), scan())
    )


def test_package_list_is_cut_to_number_of_rows_and_rest_is_counted():
    old = tuple(build_debian_package(f"p{number:03}", "1") for number in range(50))
    new = tuple(build_debian_package(f"p{number:03}", "2") for number in range(50))
    text = render_evidence_body(compare_scans(scan(packages=old), scan(packages=new)), rows=10)
    assert "Packages: 50 upgraded" in text
    assert "40 more packages are not listed here." in text
    assert text.count(" upgraded: ") == 10
    assert " upgraded: `" not in render_evidence_body(compare_scans(scan(packages=old), scan(packages=new)), rows=0)


def test_long_lists_of_config_and_platforms_are_cut_and_rest_is_counted():
    names = tuple(f"{number:03}" + "x" * 500 for number in range(100))
    many = ImageConfig("", names, names, "", names, names, names)
    platforms = tuple(f"linux/{'y' * 60}{number}" for number in range(500))
    versions = tuple(build_debian_package("bash", f"1-{number:05}") for number in range(20_000))
    compared = compare_scans(scan(finding("CVE-2026-1001", package="bash"), packages=()), scan(packages=versions))
    evidence = replace(compared, contents=TransitionContents(OLD, replace(NEW, config=many, platforms=platforms)))
    wide = update(f"python:3.12@{digest('old')}", "new", platforms=platforms)
    known = {get_first_transition(wide): evidence}
    text = render_body(BODY_TEMPLATE, lambda rows: build_proposal_view((wide,), known, rows), 60_000)
    assert text.count("and 80 more") == 3
    assert "and 300 more" in text
    assert "19995 others, `1-19995`" in text


def test_summary_of_remaining_findings_counts_available_fixes():
    both = [finding("CVE-2026-1001", Severity.LOW), finding("CVE-2026-1002", Severity.LOW, fixed_in=None)]
    text = render_evidence_body(compare_scans(scan(*both), scan(*both)))
    assert "<summary>All 2 remaining: 2 low (a fix exists for 1, but is not in the new image)</summary>" in text


def test_text_from_image_is_shown_only_as_code_in_body():
    config = ImageConfig(HOSTILE, (HOSTILE,), (HOSTILE,), HOSTILE, (HOSTILE,), (HOSTILE,), (HOSTILE,), HOSTILE)
    new = replace(NEW, config=config, source=HOSTILE, revision=HOSTILE, version=HOSTILE, platforms=(HOSTILE,))
    old, later = (build_debian_package(HOSTILE, "1"),), (build_debian_package(HOSTILE, HOSTILE),)
    evidence = replace(compare_scans(scan(packages=old), scan(packages=later)), contents=TransitionContents(OLD, new))
    text = render_evidence_body(evidence)
    assert HOSTILE.replace("|", "¦") in text
    for line in text.splitlines():
        shown = line.replace(f"`` {HOSTILE.replace('|', '¦')} ``", "")
        assert "evil" not in shown, line


def test_fingerprint_ignores_contents_determined_by_digests():
    known = {get_first_transition(MOVE): build_contents_evidence()}
    unknown = {get_first_transition(MOVE): compare_scans(scan(), scan())}
    first, second = (compute_fingerprint((MOVE,), each) for each in (known, unknown))
    assert first == second


@pytest.mark.parametrize("unseen", [{"new": None}, {"old": None}, {"old": None, "new": None}])
def test_text_is_outdated_if_image_contents_become_known_but_not_if_lost(unseen):
    known, unknown = ({get_first_transition(MOVE): build_contents_evidence(**which)} for which in ({}, unseen))
    whole, less = (compute_fingerprint((MOVE,), each) for each in (known, unknown))
    assert is_outdated(less, whole)
    assert not is_outdated(whole, less)


def test_body_shows_image_contents_if_scan_failed():
    unknown = NotScanned(UnscannedReason.TIMED_OUT)
    evidence = replace(compare_scans(unknown, unknown), contents=TransitionContents(OLD, NEW))
    text = render_evidence_body(evidence)
    assert "built 2026-11-01 → 2026-11-20" in text
    assert "· `+250.0 kB` |" in text
    assert "What that changes is not known: " in text
