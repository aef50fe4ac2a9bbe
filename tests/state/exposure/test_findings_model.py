"""The stored findings match a short model, for any history of databases, scans and matches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select
from support.exposure import DAY, RELEASE, ListedVulnerability, VulnerabilityDatabase, package, subject

from bot.model.contents import InstalledPackage
from bot.model.evidence import FixDateOrigin, ScanSubject, Severity
from bot.state.exposure.finding_writer import DAILY
from bot.state.exposure.store import DatabaseScanStore
from bot.state.tables.exposure import FINDINGS, IMAGE_PACKAGES, KNOWN_IMAGES, PACKAGES, VULNERABILITIES
from bot.state.tables.inventory import DIGESTS

OPENSSL, LIBSSL = package("openssl"), package("libssl3", source="openssl", source_version="1.1")
BASH, NEWER_BASH = package("bash"), package("bash", "2")
IMAGES: dict[ScanSubject, tuple[InstalledPackage, ...]] = {
    subject("all"): (OPENSSL, LIBSSL, BASH),
    subject("all", "linux/arm64"): (OPENSSL, BASH),
    subject("bash"): (BASH, NEWER_BASH),
    subject("own"): (BASH, LIBSSL),
}
OWN = subject("own")
"""An image that cannot be matched without a scan."""

_Row = tuple[str, datetime, datetime | None, datetime | None, str | None]
"""A vulnerability, its first and last time, and the time and the origin of its fix."""


@dataclass
class FindingsModel:
    """The findings of each package over time, and the times of matches, as plain lists."""

    rows: dict[object, list[_Row]] = field(default_factory=dict)
    """The findings of a package that images share, or of a package of one image."""
    matched_at: dict[ScanSubject, datetime] = field(default_factory=dict)
    used: dict[ScanSubject, VulnerabilityDatabase] = field(default_factory=dict)
    history: list[tuple[datetime, object, frozenset[str]]] = field(default_factory=list)
    """The vulnerabilities that a database listed for a package when it was matched."""

    def apply(self, images: Iterable[ScanSubject], database: VulnerabilityDatabase, at: datetime) -> None:
        new_images = [image for image in images if self.used.get(image) != database]
        keys = {key for image in new_images for key in list_keys(image)}
        daily = {key for image, last in self.matched_at.items() if last >= at - DAILY for key in list_keys(image)}
        for key in keys:
            self._match(key, database, at, is_daily=key in daily)
        for image in new_images:
            self.used[image], self.matched_at[image] = database, at

    def _match(self, key: object, database: VulnerabilityDatabase, at: datetime, *, is_daily: bool) -> None:
        listed = key if isinstance(key, InstalledPackage) else key[1]
        current = {each.id: each.fixed_in for each in database.match([listed])[listed]}
        self.history.append((at, key, frozenset(current)))
        rows = []
        for name, first, ended, fix_seen, origin in self.rows.get(key, []):
            if ended is not None and (ended < at or name not in current):
                rows.append((name, first, ended, fix_seen, origin))
            elif name not in current:
                rows += [(name, first, at, fix_seen, origin)] if first < at else []
            elif current[name] is None:
                rows.append((name, first, None, None, None))
            else:
                new_origin = FixDateOrigin.FIRST_SEEN if is_daily else FixDateOrigin.AT_LEAST
                rows.append((name, first, None, fix_seen or at, origin or new_origin.value))
        known = {row[0] for row in rows if row[2] is None}
        for name in current.keys() - known:
            origin = FixDateOrigin.FIRST_SEEN if is_daily else FixDateOrigin.AT_LEAST
            rows.append((name, at, None, *((at, origin.value) if current[name] else (None, None))))
        self.rows[key] = rows


def list_keys(image: ScanSubject) -> list[object]:
    """Return the packages of an image, with the image if they share no findings with other images."""
    return [(image, each) if image == OWN else each for each in IMAGES[image]]


vulnerabilities = st.builds(
    ListedVulnerability,
    id=st.sampled_from(["CVE-2026-1", "CVE-2026-2"]),
    package=st.sampled_from(["openssl", "bash"]),
    fixed_in=st.sampled_from([None, "3", "4"]),
    severity=st.sampled_from([Severity.LOW, Severity.HIGH]),
    title=st.sampled_from(["", "a title"]),
)
entries = st.lists(vulnerabilities, max_size=4, unique_by=lambda each: (each.id, each.package)).map(tuple)
steps = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=4),  # days since the last step: some days are left out, some have two steps
        entries,
        st.lists(st.sampled_from(list(IMAGES)), max_size=3, unique=True),  # scanned
        st.booleans(),  # whether the others are matched
    ),
    min_size=1,
    max_size=6,
)


def act(scans: DatabaseScanStore, database: VulnerabilityDatabase, scanned, *, has_match: bool) -> list[ScanSubject]:
    """Match and scan images as a run does, and return the images that were matched."""
    stored = scans.load_packages("trivy", list(IMAGES), is_private=False) if has_match else {}
    packages = {each for known in stored.values() for each in known.packages}
    scans.save_matches(database.identity, RELEASE, database.match(packages), stored, is_private=False)
    for image in scanned:
        scan = database.scan(IMAGES[image], None if image == OWN else RELEASE)
        scans.save_scans({image: scan}, is_private=False)
    return list(stored)


def read_rows(scans: DatabaseScanStore) -> dict[ScanSubject, set[tuple[InstalledPackage, _Row]]]:
    """Return the stored findings of each image, each with the package that it names."""
    query = (
        select(DIGESTS.c.digest, KNOWN_IMAGES.c.platform, PACKAGES, VULNERABILITIES.c.name.label("id_text"), FINDINGS)
        .join(KNOWN_IMAGES, KNOWN_IMAGES.c.digest == DIGESTS.c.id)
        .join(IMAGE_PACKAGES, IMAGE_PACKAGES.c.image == KNOWN_IMAGES.c.id)
        .join(PACKAGES, PACKAGES.c.id == IMAGE_PACKAGES.c.package)
        .join(FINDINGS, FINDINGS.c.package == PACKAGES.c.id)
        .join(VULNERABILITIES, VULNERABILITIES.c.id == FINDINGS.c.vulnerability)
    )
    images = {(image.digest, image.platform): image for image in IMAGES}
    found: dict[ScanSubject, set[tuple[InstalledPackage, _Row]]] = {image: set() for image in IMAGES}
    with scans._database.open_for_reading() as connection:
        for row in connection.execute(query):
            named = InstalledPackage(row.type, row.source or row.name, row.version)
            times = (row.id_text, row.first_seen, row.ended_at, row.fix_seen, row.fix_origin)
            found[images[row.digest, row.platform]].add((named, times))
    return found


def name_package(listed: InstalledPackage) -> InstalledPackage:
    return InstalledPackage(listed.type, listed.name_in_findings, listed.version)


def list_open(rows: Iterable[tuple[InstalledPackage, _Row]], at: datetime) -> set[str]:
    return {name for _, (name, first, ended, *_) in rows if first <= at and (ended is None or ended > at)}


def list_listed(model: FindingsModel, image: ScanSubject, at: datetime) -> set[str]:
    """Return what the databases of that time listed for the packages of an image."""
    keys = list_keys(image)
    last = {key: ids for time, key, ids in model.history if time <= at and key in keys}
    return {name for ids in last.values() for name in ids}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(steps=steps)
def test_stored_findings_match_the_model(create_location, steps):
    location, model = create_location(), FindingsModel()
    scans, day, start = location.scans(), 0, location.now
    clock = [start]
    scans._now = lambda: clock[0]
    for number, (days, listed, scanned, has_match) in enumerate(steps):
        day += days
        clock[0] = start + day * DAY
        database = VulnerabilityDatabase(listed, number)
        model.apply(act(scans, database, scanned, has_match=has_match), database, clock[0])
        for image in scanned:
            model.apply([image], database, clock[0])
    current = {image: used for image, used in model.used.items() if used == database}
    expected = {image: database.scan(IMAGES[image], None if image == OWN else RELEASE) for image in current}
    assert scans.load_scans(database.identity, list(IMAGES), is_private=False) == expected
    stored = read_rows(scans)
    for image in model.used:
        keys = {key: name_package(key if isinstance(key, InstalledPackage) else key[1]) for key in list_keys(image)}
        assert stored[image] == {(named, row) for key, named in keys.items() for row in model.rows[key]}
        for earlier in range(day + 1):
            at = start + earlier * DAY + timedelta(hours=1)
            assert list_open(stored[image], at) == list_listed(model, image, at)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=30)
@given(steps=steps)
def test_repeated_steps_write_no_row(create_location, steps):
    location = create_location()
    scans = location.scans()
    written: list[str] = []

    def note(_connection, _cursor, statement: str, *_: object) -> None:
        if statement.split(maxsplit=1)[0] in {"INSERT", "UPDATE", "DELETE"}:
            written.append(statement)

    event.listen(scans._database._engine, "before_cursor_execute", note)
    for number, (_, listed, scanned, has_match) in enumerate(steps):
        database = VulnerabilityDatabase(listed, number)
        act(scans, database, scanned, has_match=has_match)
        written.clear()
        act(scans, database, scanned, has_match=has_match and not scanned)
        assert written == []
