"""The stores of scans: those with SQLite and PostgreSQL, and the one of a run without a state."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import event
from support.exposure import DAY, RELEASE, ListedVulnerability, VulnerabilityDatabase, package, subject
from support.values import finding

from bot.core.evidence.rebuilt_scans import rebuild_scan
from bot.model.evidence import (
    FixDate,
    FixDateOrigin,
    NotScanned,
    Scan,
    ScannerIdentity,
    Severity,
    SuppressedFinding,
    UnscannedReason,
)
from bot.model.image_name import TagRef
from bot.state.exposure import scan_writer
from bot.state.no_state import NoState

OPENSSL, LIBSSL, BASH = package("openssl"), package("libssl3", source="openssl"), package("bash", "5.2")
PACKAGES = (OPENSSL, LIBSSL, BASH)
CVE_1, LOW_CVE = (
    ListedVulnerability("CVE-2026-1", "openssl"),
    ListedVulnerability("CVE-2026-2", "bash", "5.3", Severity.LOW),
)
FIRST = VulnerabilityDatabase((CVE_1, LOW_CVE))
SECOND = VulnerabilityDatabase(
    (replace(CVE_1, fixed_in="2"), ListedVulnerability("CVE-2026-3", "openssl", title="n")), 1
)
IMAGE, OTHER = subject("image"), subject("other")
DEFENDER = ScannerIdentity("defender", "1", None)


@pytest.fixture
def scans(state_location):
    return state_location.scans()


def load(store, database: VulnerabilityDatabase, *subjects, is_private: bool = False):
    return store.load_scans(database.identity, subjects or (IMAGE,), is_private=is_private)


def save(store, database: VulnerabilityDatabase, packages=PACKAGES, content=IMAGE, is_private: bool = False) -> Scan:
    scan = database.scan(packages)
    store.save_scans({content: scan}, is_private=is_private)
    return scan


def match(store, database: VulnerabilityDatabase, *subjects) -> None:
    """Match the stored packages of images, as a run does."""
    stored = store.load_packages("trivy", subjects, is_private=False)
    matches = database.match({each for known in stored.values() for each in known.packages})
    store.save_matches(database.identity, RELEASE, matches, stored, is_private=False)


def test_run_without_a_state_loads_no_scans():
    store = NoState()
    save(store, FIRST)
    match(store, SECOND, IMAGE)
    store.save_unscanned("trivy", {IMAGE: FAILED}, is_private=False)
    assert store.load_fix_dates("trivy", [IMAGE], is_private=False) == {}
    assert load(store, FIRST) == load(store, SECOND) == store.load_packages("trivy", [IMAGE], is_private=False) == {}


def test_stored_scan_is_loaded_for_the_same_digest_in_any_repository(scans):
    elsewhere = replace(IMAGE, tag_ref=TagRef("ghcr.io/mirror/python", "latest"))
    scan = save(scans, FIRST)
    assert load(scans, FIRST, elsewhere, subject("image", "linux/arm64"), OTHER) == {elsewhere: scan}


@pytest.mark.parametrize(
    "scan",
    [
        FIRST.scan(PACKAGES),
        FIRST.scan(PACKAGES, release=None),
        FIRST.scan([]),
        replace(FIRST.scan(PACKAGES), packages=None),
        replace(FIRST.scan(PACKAGES), packages=(), findings_by_package=None, release=None),
        replace(FIRST.scan([], release=None), created=None, version=None, findings=(finding("CVE-2026-9"),)),
        replace(
            FIRST.scan(PACKAGES, release=None),
            suppressed=(
                SuppressedFinding(finding("GHSA-aaaa-bbbb-cccc", Severity.LOW, fixed_in=None), "exempt", "Acme"),
                SuppressedFinding(finding("CVE-2026-1"), "not affected", "Acme"),
            ),
        ),
    ],
)
def test_stored_scan_equals_the_saved_scan(scans, scan):
    scans.save_scans({IMAGE: scan}, is_private=False)
    expected = scan if scan.packages is not None else replace(scan, release=None)
    assert load(scans, FIRST) == {IMAGE: expected}


def test_publication_date_of_a_fix_is_stored(scans, state_location):
    published = state_location.now - DAY
    database = VulnerabilityDatabase((ListedVulnerability("CVE-2026-1", "openssl", "2", published=published),))
    save(scans, database)
    assert [each.fix_published_at for each in load(scans, database)[IMAGE].findings] == [published]


@pytest.mark.parametrize(
    "other",
    [replace(FIRST, version="0.75.0"), replace(FIRST, day=1), replace(FIRST, day=-1)],
)
def test_stored_scan_is_loaded_only_for_the_same_version_and_database(scans, other):
    save(scans, FIRST)
    assert load(scans, other) == {}
    assert scans.load_scans(replace(FIRST.identity, name="grype"), [IMAGE], is_private=False) == {}


def test_scan_without_a_database_is_stored_but_not_reused(scans):
    scan = replace(FIRST.scan([], release=None), scanner=DEFENDER, findings=(finding("CVE-2026-9"),), packages=None)
    scans.save_scans({IMAGE: scan}, is_private=False)
    assert scans.load_scans(DEFENDER, [IMAGE], is_private=False) == {}


def test_private_findings_are_loaded_only_as_private(scans):
    scan = save(scans, FIRST, is_private=True)
    assert load(scans, FIRST) == scans.load_packages("trivy", [IMAGE], is_private=False) == {}
    assert load(scans, FIRST, is_private=True) == {IMAGE: scan}


def test_private_and_public_scans_of_an_image_are_stored_apart(scans):
    private = save(scans, SECOND, is_private=True)
    public = save(scans, FIRST)
    assert load(scans, FIRST) == {IMAGE: public}
    assert load(scans, SECOND, is_private=True) == {IMAGE: private}


def test_matched_image_has_the_scan_that_the_newer_database_gives(scans):
    save(scans, FIRST)
    save(scans, FIRST, (BASH,), OTHER)
    match(scans, SECOND, IMAGE, OTHER)
    assert load(scans, FIRST, IMAGE, OTHER) == {}
    expected = {IMAGE: SECOND.scan(PACKAGES), OTHER: SECOND.scan((BASH,))}
    assert load(scans, SECOND, IMAGE, OTHER) == expected


def test_stored_packages_rebuild_the_scan_of_any_database(scans):
    save(scans, FIRST)
    stored = scans.load_packages("trivy", [IMAGE, OTHER], is_private=False)
    assert stored.keys() == {IMAGE}
    rebuilt = rebuild_scan(SECOND.identity, stored[IMAGE], SECOND.match(stored[IMAGE].packages))
    assert rebuilt == SECOND.scan(PACKAGES)


@pytest.mark.parametrize("scan", [FIRST.scan(PACKAGES, release=None), replace(FIRST.scan([]), packages=None)])
def test_packages_that_cannot_be_matched_are_not_loaded(scans, scan):
    scans.save_scans({IMAGE: scan}, is_private=False)
    assert scans.load_packages("trivy", [IMAGE], is_private=False) == {}


def test_findings_that_do_not_follow_from_packages_belong_to_one_image(scans):
    """A scanner may report something about an image that depends on more than its packages."""
    odd = replace(FIRST.scan(PACKAGES), findings=(finding("CVE-2026-9", package="openssl"),))
    scans.save_scans({IMAGE: odd}, is_private=False)
    scan = save(scans, FIRST, content=OTHER)
    assert load(scans, FIRST, IMAGE, OTHER) == {IMAGE: replace(odd, release=None), OTHER: scan}


def test_image_with_a_changed_package_is_loaded_only_after_a_match(scans):
    """Its other packages may have changed, too. It would be a scan with two databases at once."""
    save(scans, FIRST)
    save(scans, FIRST, (BASH,), OTHER)
    match(scans, SECOND, OTHER)
    assert load(scans, FIRST, IMAGE, OTHER) == {}
    match(scans, SECOND, IMAGE)
    assert load(scans, SECOND, IMAGE) == {IMAGE: SECOND.scan(PACKAGES)}


def test_image_with_unchanged_packages_stays_loaded(scans):
    scan = save(scans, FIRST, (BASH,), OTHER)
    save(scans, FIRST, (OPENSSL,))
    match(scans, SECOND, IMAGE)
    assert load(scans, FIRST, OTHER) == {OTHER: scan}


def test_scan_with_an_older_database_does_not_change_newer_findings(scans):
    save(scans, SECOND)
    save(scans, FIRST, content=OTHER)
    assert load(scans, SECOND) == {IMAGE: SECOND.scan(PACKAGES)}
    assert load(scans, FIRST, OTHER) == load(scans, SECOND, OTHER) == {}
    match(scans, SECOND, OTHER)
    assert load(scans, SECOND, OTHER) == {OTHER: SECOND.scan(PACKAGES)}


def test_match_with_an_older_database_is_ignored(scans):
    save(scans, SECOND)
    match(scans, FIRST, IMAGE)
    assert load(scans, SECOND) == {IMAGE: SECOND.scan(PACKAGES)}


def test_database_from_the_future_does_not_stop_later_ones(scans):
    save(scans, replace(SECOND, day=1000))
    match(scans, SECOND, IMAGE)
    assert load(scans, SECOND) == {IMAGE: SECOND.scan(PACKAGES)}


def test_scan_replaces_the_packages_of_an_earlier_scan(scans):
    save(scans, FIRST)
    newer = replace(FIRST, version="0.75.0")
    scan = save(scans, newer, (BASH,))
    assert load(scans, newer) == {IMAGE: scan}


def test_image_can_change_between_shared_and_own_findings(scans):
    for release in (RELEASE, None, RELEASE, None):
        scan = FIRST.scan(PACKAGES, release)
        scans.save_scans({IMAGE: scan}, is_private=False)
        assert load(scans, FIRST) == {IMAGE: scan}


def test_texts_that_no_database_can_store_are_stored_with_question_marks(scans):
    odd = package("a\0b", source="c\ud800d")
    database = VulnerabilityDatabase((ListedVulnerability("CVE-2026-\0", "c\ud800d", "\0", title="\0"),))
    for release in (RELEASE, None):
        scans.save_scans({IMAGE: replace(database.scan([odd], release), os="\0", version="\0")}, is_private=False)
        stored = load(scans, database)[IMAGE]
        assert (stored.os, stored.version, stored.packages) == ("?", "?", (package("a?b", source="c?d"),))
        assert [(each.id, each.package, each.fixed_in, each.title) for each in stored.findings] == [
            ("CVE-2026-?", "c?d", "?", "?")
        ]


def test_scan_above_the_limit_is_not_stored(scans, monkeypatch):
    monkeypatch.setattr(scan_writer, "MAX_IMAGE_ROWS", len(PACKAGES))
    save(scans, FIRST)
    scan = save(scans, FIRST, (OPENSSL,), OTHER)
    assert load(scans, FIRST, IMAGE, OTHER) == {OTHER: scan}


@pytest.fixture
def written_statements(scans):
    """Return the list of statements that change rows, which grows as they are executed."""
    statements: list[str] = []

    def note(_connection, _cursor, statement: str, *_: object) -> None:
        if statement.split(maxsplit=1)[0] in {"INSERT", "UPDATE", "DELETE"}:
            statements.append(statement)

    event.listen(scans._database._engine, "before_cursor_execute", note)
    return statements


@pytest.mark.parametrize("release", [RELEASE, None])
def test_same_scan_again_writes_no_row(scans, written_statements, release):
    scan = replace(
        FIRST.scan(PACKAGES, release),
        suppressed=() if release else (SuppressedFinding(finding("CVE-2026-7"), "exempt", "Acme"),),
    )
    scans.save_scans({IMAGE: scan}, is_private=False)
    assert written_statements
    written_statements.clear()
    scans.save_scans({IMAGE: scan}, is_private=False)
    match(scans, FIRST, IMAGE)
    assert written_statements == []


def test_new_database_without_changes_writes_only_the_time_of_the_match(scans, written_statements):
    for content in (IMAGE, OTHER):
        save(scans, FIRST, content=content)
    written_statements.clear()
    match(scans, replace(FIRST, day=1), IMAGE, OTHER)
    assert sorted(each.split()[1] for each in written_statements) == ["known_images", "package_scopes"]


def test_finding_that_returns_at_the_time_of_the_end_continues(scans, state_location):
    """Two runs with different databases may write at the same time."""
    location_scans = state_location.scans()
    save(location_scans, FIRST)
    state_location.now += DAY
    for day, entries in enumerate([(), FIRST.entries], start=1):
        match(location_scans, VulnerabilityDatabase(entries, day), IMAGE)
    assert load(scans, replace(FIRST, day=2)) == {IMAGE: replace(FIRST, day=2).scan(PACKAGES)}


FAILED = NotScanned(UnscannedReason.FAILED, "no space \0 left")


def test_failed_scan_keeps_the_findings_of_an_earlier_scan(scans):
    scan = save(scans, FIRST)
    scans.save_unscanned("trivy", {IMAGE: FAILED, OTHER: FAILED}, is_private=False)
    assert load(scans, FIRST, IMAGE, OTHER) == {IMAGE: scan}
    assert scans.load_packages("trivy", [IMAGE, OTHER], is_private=False).keys() == {IMAGE}


def test_equal_failures_are_noted_once_a_day(state_location, scans, written_statements):
    scans.save_unscanned("trivy", {IMAGE: FAILED}, is_private=False)
    written_statements.clear()
    scans.save_unscanned("trivy", {IMAGE: FAILED}, is_private=False)
    assert written_statements == []
    scans.save_unscanned("trivy", {IMAGE: replace(FAILED, detail="other")}, is_private=False)
    assert len(written_statements) == 1
    state_location.now += 2 * DAY
    scans.save_unscanned("trivy", {IMAGE: replace(FAILED, detail="other")}, is_private=False)
    assert len(written_statements) == 2


def test_dates_of_fixes_are_loaded_for_each_finding_of_an_image(scans, state_location):
    save(scans, FIRST)
    save(scans, FIRST, (OPENSSL,), OTHER)
    first = state_location.now
    state_location.now += DAY
    match(state_location.scans(), replace(SECOND, entries=(*SECOND.entries, LOW_CVE)), IMAGE, OTHER)
    seen = FixDate(state_location.now, FixDateOrigin.FIRST_SEEN)
    openssl, bash = ("CVE-2026-1", "debian", "openssl"), ("CVE-2026-2", "debian", "bash")
    assert scans.load_fix_dates("trivy", [IMAGE, OTHER, subject("unknown")], is_private=False) == {
        IMAGE: {openssl: seen, bash: FixDate(first, FixDateOrigin.AT_LEAST)},
        OTHER: {openssl: seen},
    }
    assert scans.load_fix_dates("trivy", [IMAGE], is_private=True) == {}
