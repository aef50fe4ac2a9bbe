"""Measure the state of exposure in SQLite and PostgreSQL: `python bench/exposure.py [DIGESTS …]`.

Without arguments, fleets of 2,000 and 20,000 images are made up, which takes some minutes. An image has 60 to 250
packages of one of 40 releases, and about 200 findings. The images of a tag differ in the versions of their packages.
Each step runs in a process of its own: the first scans of all images, and on later days a match of all packages with a
newer database, without changes and with 1 % of the vulnerabilities changed. The ratio is that of the matched day to the
first scans. The times of a real scanner are not included. At last, 100,000 repositories use four of the images each.
Then the images and references are listed that a vulnerability affects.
"""

from __future__ import annotations

import gc
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from sqlalchemy import insert, select, text  # noqa: E402 - the folders are put on the path above
from support.postgresql import PostgresqlServer  # noqa: E402
from support.values import digest  # noqa: E402

from bot.core.evidence.finding_keys import merge_findings  # noqa: E402
from bot.model.contents import InstalledPackage  # noqa: E402
from bot.model.evidence import Finding, Scan, ScannerIdentity, ScanSubject, Severity  # noqa: E402
from bot.model.exposed_images import ExposureQuery  # noqa: E402
from bot.model.image_name import TagRef  # noqa: E402
from bot.state.database import Database  # noqa: E402
from bot.state.exposure.reader import DatabaseExposureReader  # noqa: E402
from bot.state.exposure.store import DatabaseScanStore  # noqa: E402
from bot.state.tables import exposure, inventory  # noqa: E402

FIRST_DAY = datetime(2026, 11, 25, 6, tzinfo=UTC)
RELEASES, SOURCES, VERSIONS = 40, 800, 12
AFFECTED_SHARE, FIXED_SHARE = 0.45, 0.6
"""The shares of the vulnerabilities of a package that its version has, and that have a fix."""
SIZES = (60, 100, 150, 250)
IMAGES_PER_TAG = 7
BATCH = 50
LOADED = 2000
STEPS = ("fill", "unchanged", "changed", "load", "query")
REPOSITORIES, PER_REPOSITORY = 100_000, 4
INSERT_BATCH = 50_000
TABLES = [table.name for name, table in vars(exposure).items() if name.isupper() and hasattr(table, "columns")]


def build_identity(day: int) -> ScannerIdentity:
    return ScannerIdentity("trivy", "0.74.0", FIRST_DAY + timedelta(days=day))


def get_release(tag: int) -> str:
    return f"debian {tag % RELEASES}"


@cache
def list_sources(tag: int) -> tuple[int, ...]:
    chosen = random.Random(tag)
    return tuple(chosen.sample(range(SOURCES), chosen.choice(SIZES)))


@cache
def build_package(source: int, version: int) -> InstalledPackage:
    return InstalledPackage("debian", f"lib{source}", f"1.{version}.0-1+deb12u{version}", f"source{source}")


def list_packages(image: int, tags: int) -> tuple[InstalledPackage, ...]:
    tag, age = image % tags, image // tags
    return tuple(sorted(build_package(source, age * (1 + source % 3) % VERSIONS) for source in list_sources(tag)))


@cache
def match_package(release: str, package: InstalledPackage, day: int) -> tuple[Finding, ...]:
    """Return the findings of a package: three in most sources. Each day after the first, 1 % of them get a fix."""
    found = []
    for number in range(3):
        chosen = random.Random(f"{release} {package.source} {number}")
        affected, has_fix, fix_day = (
            chosen.random() < AFFECTED_SHARE,
            chosen.random() < FIXED_SHARE,
            chosen.randrange(100),
        )
        if affected:
            fixed_in = "2.0.0-1" if has_fix or fix_day < day else None
            identifier = f"CVE-2026-{10_000 + chosen.randrange(20_000)}"
            title = f"{package.source}: a vulnerability with a title of the usual length"
            severity = Severity(chosen.choice((1, 2, 2, 3, 3, 4)))
            found.append(Finding(identifier, package.source, "debian", package.version, fixed_in, severity, title))
    return merge_findings(found)


def build_scan(image: int, tags: int) -> Scan:
    release, packages = get_release(image % tags), list_packages(image, tags)
    by_package = {package: match_package(release, package, 0) for package in packages}
    findings = merge_findings(each for found in by_package.values() for each in found)
    return Scan(
        build_identity(0), release, findings, FIRST_DAY, None, packages, release=release, findings_by_package=by_package
    )


def build_subject(image: int, tags: int) -> ScanSubject:
    return ScanSubject(TagRef(f"docker.io/library/base{image % tags}", "1"), digest(f"image {image}"), "linux/amd64")


def fill(store: DatabaseScanStore, count: int, tags: int) -> float:
    """Store the first scans of all images, each in a transaction of its own; return the processor time."""
    took = 0.0
    for image in range(count):
        subject, scan = build_subject(image, tags), build_scan(image, tags)
        began = time.process_time()
        store.save_scans({subject: scan}, is_private=False)
        took += time.process_time() - began
    return took


def match_all(store: DatabaseScanStore, count: int, tags: int, day: int, changes: int) -> float:
    """Match the packages of all images as a run does; return the processor time without that of the scanner."""
    subjects = [build_subject(image, tags) for image in range(count)]
    began = time.process_time()
    stored = store.load_packages("trivy", subjects, is_private=False)
    by_release: dict[str, list[ScanSubject]] = {}
    for subject, known in stored.items():
        by_release.setdefault(known.release, []).append(subject)
    took = time.process_time() - began
    for release, images in by_release.items():
        packages = {package for subject in images for package in stored[subject].packages}
        matches = {package: match_package(release, package, changes) for package in packages}
        began = time.process_time()
        store.save_matches(build_identity(day), release, matches, images, is_private=False)
        took += time.process_time() - began
    return took


def load_scans(store: DatabaseScanStore, count: int, tags: int) -> float:
    """Load the scans of at most 2,000 images; return the processor time."""
    subjects = [build_subject(image, tags) for image in range(min(count, LOADED))]
    began = time.process_time()
    scans = store.load_scans(build_identity(2), subjects, is_private=False)
    took = time.process_time() - began
    findings = sum(len(scan.findings) for scan in scans.values())
    print(f"    {len(scans):,} scans with {findings // max(1, len(scans))} findings each", flush=True)
    return took


def use_images(database: Database, count: int) -> None:
    """Store base branches that use the images: the first images are used most."""
    chosen = random.Random(1)
    images = chosen.choices(
        range(count), [1 / (each + 1) ** 0.8 for each in range(count)], k=REPOSITORIES * PER_REPOSITORY
    )
    with database.open_for_writing() as connection:
        numbers = {row.digest: row.id for row in connection.execute(select(inventory.DIGESTS))}
        digests = [numbers[digest(f"image {image}")] for image in range(count)]
        connection.execute(insert(inventory.TAGS), [{"id": 1, "repository": "docker.io/library/base", "tag": "1"}])
        times = dict.fromkeys(("first_read_at", "read_at", "seen_at"), FIRST_DAY)
        names = {"forge": "github", "host": "github.com", "base_branch": "main", "head": "c", "reader": "r"}
        branches = [
            {"id": number, "repository": f"acme/r{number}", "has_unread_files": False, **names, **times}
            for number in range(1, REPOSITORIES + 1)
        ]
        texts = {"line_number": 1, "format": "dockerfile", "written": "base:1", "owners": "@acme/a", "status": "update"}
        references = [
            {
                "branch": number // PER_REPOSITORY + 1,
                "ordinal": number % PER_REPOSITORY,
                "path": f"service{number % PER_REPOSITORY}/Dockerfile",
                "tag": 1,
                "digest": digests[image],
                "reason": None,
                **texts,
            }
            for number, image in enumerate(images)
        ]
        held = {(row["branch"], row["digest"]) for row in references}
        spans = [
            {"branch": branch, "tag": 1, "digest": held_digest, "first_seen": FIRST_DAY, "ended_at": None}
            for branch, held_digest in held
        ]
        for table, rows in (
            (inventory.BRANCHES, branches),
            (inventory.IMAGE_REFERENCES, references),
            (inventory.HELD_DIGESTS, spans),
        ):
            for start in range(0, len(rows), INSERT_BATCH):
                connection.execute(insert(table), rows[start : start + INSERT_BATCH])


def query_exposure(database: Database, count: int) -> float:
    """Print the times of questions about three vulnerabilities; return the time of the slowest one."""
    use_images(database, count)
    reader, slowest = DatabaseExposureReader(database), 0.0
    with database.open_for_reading() as connection:
        users = text(
            "select v.name, count(distinct p.image) n from vulnerabilities v join findings f on f.vulnerability = v.id "
            "join image_packages p on p.package = f.package where f.ended_at is null group by v.name order by n, v.name"
        )
        names = [row.name for row in connection.execute(users)]
    for label, name in (("rarest", names[0]), ("median", names[len(names) // 2]), ("most common", names[-1])):
        began = time.perf_counter()
        exposed = reader.list_exposed(ExposureQuery(name))
        uses = reader.list_uses({each.digest for each in exposed})
        took = time.perf_counter() - began
        slowest = max(slowest, took)
        print(f"    {label} vulnerability: {len(exposed):,} images, {len(uses):,} references in {took:.2f} s")
    began = time.perf_counter()
    reader.load_coverage()
    print(f"    coverage: {time.perf_counter() - began:.2f} s")
    return slowest


def run_step(step: str, url: str, count: int) -> None:
    """Run one step in this process, and print its processor time and memory."""
    gc.disable()
    database, tags = open_database(url), max(1, count // IMAGES_PER_TAG)
    days = {"fill": 0, "unchanged": 1, "changed": 2, "load": 2, "query": 2}
    store = DatabaseScanStore(database, lambda: FIRST_DAY + timedelta(days=days[step], hours=1))
    match step:
        case "fill":
            took = fill(store, count, tags)
        case "unchanged":
            took = match_all(store, count, tags, 1, 0)
        case "changed":
            took = match_all(store, count, tags, 2, 1)
        case "load":
            took = load_scans(store, count, tags)
        case _:
            took = query_exposure(database, count)
    print(f"{took:.2f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}", flush=True)


def open_database(url: str) -> Database:
    return Database.postgresql(url) if url.startswith("postgresql") else Database.sqlite(Path(url))


def measure_sizes(database: Database) -> Mapping[str, float]:
    """Return the MiB of each table with its indexes."""
    with database.open_for_reading() as connection:
        if connection.dialect.name == "postgresql":
            sizes = {
                name: connection.execute(text(f"select pg_total_relation_size('{name}')")).scalar_one()
                for name in TABLES
            }
        else:
            query = text(
                "select m.tbl_name, sum(s.pgsize) from dbstat s join sqlite_master m on m.name = s.name group by 1"
            )
            sizes = {name: size for name, size in connection.execute(query) if name in TABLES}
    return {name: size / 2**20 for name, size in sizes.items()}


def count_rows(database: Database) -> Mapping[str, int]:
    with database.open_for_reading() as connection:
        return {name: connection.execute(text(f"select count(*) from {name}")).scalar_one() for name in TABLES}


def measure_fleet(kind: str, url: str, count: int) -> None:
    database, took = open_database(url), dict[str, float]()
    print(f"{kind}, {count:,} images", flush=True)
    for step in STEPS:
        command = [sys.executable, __file__, "--step", step, url, str(count)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        seconds, memory = output[-1].split()
        took[step] = float(seconds)
        print(*output[:-1], f"  {step}: {took[step]:.1f} s of a processor, {memory} MiB", sep="\n", flush=True)
    print(f"  a day without changes / first scans: {took['unchanged'] / took['fill']:.3f}")
    print(f"  {took['fill'] / count * 1000:.1f} ms of a processor for storing a scan")
    rows, sizes = count_rows(database), measure_sizes(database)
    print("  " + ", ".join(f"{name} {rows[name]:,} rows {sizes[name]:.0f} MiB" for name in TABLES))
    print(f"  all tables of exposure: {sum(sizes.values()):.0f} MiB", flush=True)


def main(counts: Iterable[int]) -> None:
    with PostgresqlServer() as server, tempfile.TemporaryDirectory() as folder:
        for count in counts:
            measure_fleet("SQLite", str(Path(folder, f"{count}.db")), count)
            measure_fleet("PostgreSQL", server.fresh(), count)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        run_step(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main([int(each) for each in sys.argv[1:]] or [2_000, 20_000])
