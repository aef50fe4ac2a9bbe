"""The pictures in the docs show Debian's own packages and CVE ids: the recorded data, and the scene made of it."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, date, datetime

import pytest
from support.parts import find_trivy
from support.pictures.debian import RECORD, load_record, rate_severity
from support.pictures.pages import render_markdown
from support.pictures.proposal import open_reviewed_fleet, propose_with_history
from support.pictures.record import list_uploads, parse_changelog
from support.pictures.scene import (
    BUILDPACK_DEPS,
    DATABASE,
    IMAGES,
    KNOWN_EXPLOITED,
    NODE,
    PYTHON,
    REVIEWED,
    build_registry,
    list_fleet,
)
from univers.versions import DebianVersion

from bot.demo.loopback_registry import LoopbackRegistry
from bot.demo.trivy_database import TAG
from bot.model.evidence import Scan, ScanSubject, Severity
from bot.model.image import PullAddress
from bot.model.image_name import TagRef
from bot.scanners.trivy import TrivyScanner

MAX_RECORD = 300_000
"""Bytes of the recorded data."""

CHANGELOG = """\
tool (1.2-1+deb12u2) bookworm-security; urgency=high

  * CVE-2026-1001: Fix heap buffer overflow in parse()
    (Closes: #1001).
  * Add tests for CVE-2026-1009.

 -- Ada <ada@example.org>  Tue, 29 Sep 2026 08:59:07 +0700

tool (1.2-1+deb12u1) bookworm; urgency=medium

  * Security fixes: CVE-2024-1002, CVE-2024-1003.
  * CVE-2024-1004: memory leak when reading a file. [CVSS: low]
  * Not affected by CVE-2024-1005.

 -- Ada <ada@example.org>  Sat, 02 Mar 2024 10:00:00 +0000

tool (1.2-1) unstable; urgency=medium

  * New upstream release, fixes CVE-2023-1006.

 -- Ada <ada@example.org>  Mon, 01 May 2023 10:00:00 +0000
"""


def list_all_uploads():
    return [(source, upload) for source in load_record().sources.values() for upload in source.uploads]


def test_debian_changelog_is_parsed_into_uploads_and_fixes():
    newest, update, first = list_uploads(parse_changelog(CHANGELOG))
    assert (newest.version, newest.suite) == ("1.2-1+deb12u2", "bookworm-security")
    assert newest.date == datetime(2026, 9, 29, 1, 59, 7, tzinfo=UTC)
    assert {id_: fix.title for id_, fix in newest.fixes.items()} == {"CVE-2026-1001": "Heap buffer overflow in parse()"}
    assert {id_: fix.title for id_, fix in update.fixes.items()} == {
        "CVE-2024-1002": "",
        "CVE-2024-1003": "",
        "CVE-2024-1004": "Memory leak when reading a file",
    }
    assert update.fixes["CVE-2024-1004"].severity == "low"
    assert (first.version, first.fixes) == ("1.2-1", {})


def test_recorded_debian_data_does_not_exceed_size_limit_and_contains_no_url():
    content = RECORD.read_text(encoding="utf-8")
    assert len(content) <= MAX_RECORD
    assert not re.search(r"(https?|ftp)://", content)


def test_every_recorded_cve_id_is_well_formed_and_fixed_by_one_upload_per_source():
    for source in load_record().sources.values():
        ids = [id_ for upload in source.uploads for id_ in upload.fixes]
        assert len(ids) == len(set(ids)), source.name
        assert all(re.fullmatch(r"CVE-(199[9]|20\d\d)-\d{4,}", id_) for id_ in ids), source.name


def test_recorded_versions_are_in_descending_debian_order():
    for source in load_record().sources.values():
        versions = [DebianVersion(upload.version) for upload in source.uploads]
        assert all(older < newer for newer, older in itertools.pairwise(versions)), source.name


def test_recorded_uploads_have_suites_and_dates_before_the_day_of_recording():
    record = load_record()
    recorded = date.fromisoformat(record.origin["recorded"])
    for source in record.sources.values():
        package = record.packages[source.changelog_package]
        assert (package.source, package.version) == (source.name, source.changelog_version)
        assert not source.uploads[-1].fixes, "the first version of the release has no fixes since the release"
    for source, upload in list_all_uploads():
        assert upload.day <= recorded, source.name
        assert upload.suite, source.name


def test_images_in_the_record_have_packages_of_recorded_sources():
    record = load_record()
    assert {package.source for package in record.packages.values()} == record.sources.keys()
    assert {kind: len(names) for kind, names in record.images.items()} == {
        "slim": pytest.approx(97, abs=15),
        "full": pytest.approx(410, abs=40),
    }


def test_severity_stated_in_changelog_overrides_severity_guessed_from_title():
    assert rate_severity("Code execution in a parser") is Severity.CRITICAL
    assert rate_severity("Code execution in a parser", "low") is Severity.LOW
    assert rate_severity("") is Severity.MEDIUM


def test_example_fleet_pins_only_digests_of_the_example_registry():
    built = build_registry(is_full_size=False)
    content = "".join(text for files in list_fleet(built).values() for text in files.values())
    digests = {digest for pair in built.digests.values() for digest in pair}
    assert set(re.findall(r"sha256:[0-9a-f]{64}", content)) <= digests
    assert all(item.reference in content for item in IMAGES)


def test_markdown_for_pictures_is_rendered_with_alerts_and_checkboxes():
    rendered = render_markdown("> [!CAUTION]\n> Adds one.\n\n- [x] done\n- [ ] open\n")
    assert (
        '<div class="markdown-alert markdown-alert-caution"><p class="markdown-alert-title">Caution</p><p>Adds one.'
        in rendered
    )
    assert rendered.count('type="checkbox"') == 2
    assert rendered.count("checked") == 1


@pytest.mark.slow
@pytest.mark.real("trivy")
@pytest.mark.parametrize("item", [PYTHON, NODE, BUILDPACK_DEPS, REVIEWED], ids=lambda item: item.reference)
def test_trivy_finds_vulnerabilities_with_recorded_fixes_only_in_the_old_image(tmp_path, item):
    built = build_registry([item], is_full_size=False)
    with LoopbackRegistry(built.store) as registry:
        scanner = TrivyScanner(
            find_trivy(),
            lambda tag, digest: PullAddress(f"{tag.repository}@{digest}", is_insecure=True),
            tmp_path,
            now=lambda: datetime.now(UTC),
            database_address=PullAddress(f"{registry.host}/{DATABASE}:{TAG}", is_insecure=True),
        )
        tag = TagRef(f"{registry.host}/{item.repository}", item.tag)
        scans = [scanner.scan(ScanSubject(tag, digest, "linux/amd64")) for digest in built.digests[item.reference]]
    assert all(isinstance(scan, Scan) for scan in scans), scans
    old, new = ({(found.id, found.package): found.fixed_in for found in scan.findings} for scan in scans)
    fixed = {key: version for key, version in old.items() if key not in new}
    assert fixed == built.record.list_fixes(item.kind, item.old, item.new)
    assert fixed
    assert not new.keys() - old.keys()
    if item is BUILDPACK_DEPS:
        assert {id_ for id_, _ in fixed} >= KNOWN_EXPLOITED.keys()


@pytest.mark.slow
@pytest.mark.real("git")
@pytest.mark.real("trivy")
def test_readme_proposal_shows_exploited_fixes_source_signer_and_ci_results(tmp_path):
    with open_reviewed_fleet(tmp_path, is_full_size=False) as fleet:
        request = propose_with_history(fleet)
    assert "1 exploited), adds none" in request.title
    assert "https://github.com/docker-library/python/compare/" in request.body
    assert re.search(r"Signed by \| verified: `python-images\.pub \(sha256 \w+\)`, the same signer", request.body)
    assert "CI passed in 13 of 14 repositories of this fleet, merged in 9" in request.body
